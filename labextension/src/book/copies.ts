import { createNotebook, type Contents } from '../launcher/notebook';
import type { Chapter } from './token';

/** How often a folder is listed that changes meanwhile. */
const TRIES = 5;

/** The part of a server's contents API that copies of chapters need. */
export interface Files {
  get(path: string, options: { content: boolean }): Promise<{ content: unknown }>;
  newUntitled: Contents['newUntitled'];
  save(
    path: string,
    model: { type: 'notebook' | 'directory'; format: 'json'; content?: unknown }
  ): Promise<unknown>;
  /** Refuses a name that is taken. */
  rename(from: string, to: string): Promise<unknown>;
  delete(path: string): Promise<void>;
}

/** The file of a chapter's copy: the name that `rgwidgets lab` writes. */
export function fileName(chapter: Chapter): string {
  return `${String(chapter.number).padStart(2, '0')}-${chapter.slug}.ipynb`;
}

export function join(folder: string, name: string): string {
  return folder ? `${folder}/${name}` : name;
}

/** A folder as paths of the server have it: no slash at either end. */
export function asFolder(given: unknown): string {
  return typeof given === 'string' ? given.split('/').filter(Boolean).join('/') : '';
}

/** `03-x.ipynb` → `03-x (kept 1).ipynb`, with the first number that is free. */
export function keptName(name: string, taken: ReadonlySet<string>): string {
  const stem = name.replace(/\.ipynb$/, '');
  for (let number = 1; ; number += 1) {
    const kept = `${stem} (kept ${number}).ipynb`;
    if (!taken.has(kept)) {
      return kept;
    }
  }
}

/** Whether a server says that there is no such thing. */
function isMissing(reason: unknown): boolean {
  return (reason as { response?: { status?: number } } | null)?.response?.status === 404;
}

export async function exists(files: Files, path: string): Promise<boolean> {
  try {
    await files.get(path, { content: false });
    return true;
  } catch (reason) {
    if (isMissing(reason)) {
      return false;
    }
    throw reason;
  }
}

/**
 * The names in a folder; none if it is not there.
 *
 * A server may say so too of a folder from which a file goes while it is listed.
 */
export async function namesIn(files: Files, folder: string): Promise<Set<string>> {
  for (let tries = 1; ; tries += 1) {
    try {
      const { content } = await files.get(folder, { content: true });
      return new Set((content as { name: string }[]).map(({ name }) => name));
    } catch (reason) {
      if (!isMissing(reason) || tries === TRIES) {
        throw reason;
      }
    }
    if (!(await exists(files, folder))) {
      return new Set();
    }
  }
}

async function makeFolder(files: Files, folder: string): Promise<void> {
  const steps = folder.split('/').filter(Boolean);
  for (let depth = 1; depth <= steps.length; depth += 1) {
    const path = steps.slice(0, depth).join('/');
    if (!(await exists(files, path))) {
      await files.save(path, { type: 'directory', format: 'json' });
    }
  }
}

/**
 * Write a fresh copy; what has its name by then stays.
 *
 * It is written under a name of its own and then renamed, which overwrites nothing and leaves
 * nothing half-written.
 */
export async function writeFresh(
  files: Files,
  folder: string,
  name: string,
  notebook: unknown
): Promise<void> {
  await makeFolder(files, folder);
  const fresh = await createNotebook(files, folder, notebook);
  try {
    await files.rename(fresh, join(folder, name));
  } catch (reason) {
    await files.delete(fresh).catch(() => undefined);
    if (!(await exists(files, join(folder, name)))) {
      throw reason;
    }
  }
}

/**
 * Put a fresh copy in the place of one that is kept beside it; return the name of the kept one.
 *
 * The fresh one is written first: where the disk is full, nothing has changed.
 */
export async function replace(
  files: Files,
  folder: string,
  name: string,
  notebook: unknown
): Promise<string> {
  const path = join(folder, name);
  const fresh = await createNotebook(files, folder, notebook);
  let kept = '';
  try {
    kept = keptName(name, await namesIn(files, folder));
    await files.rename(path, join(folder, kept));
    await files.rename(fresh, path);
  } catch (reason) {
    await files.delete(fresh).catch(() => undefined);
    if (kept && !(await exists(files, path).catch(() => true))) {
      await files.rename(join(folder, kept), path).catch(() => undefined);
    }
    throw reason;
  }
  return kept;
}
