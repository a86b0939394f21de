import { unzipSync } from 'fflate';
import type { UnzipFileInfo } from 'fflate';

import { RecordFault, type Words } from './fault';

/** The pieces of a record by their names in it. */
export interface Store {
  /** A piece's bytes; null where there is none of that name. */
  get(name: string): Promise<Uint8Array | null>;
}

/** What a record may come to, unpacked; and what of it a browser opens. */
export const LIMIT = 2 ** 31;
export const OPENED = 2 ** 28;
const ENTRIES = 100_000;
// A name stays inside the record and is one that a reader of the folder finds too.
const ODD = /^[/\\]|^[a-z]:|(^|[/\\])\.\.([/\\]|$)|[\0\\]/i;

const STORED = 0;
const DEFLATED = 8;

export const hostile = (words: Words, what: string): RecordFault =>
  new RecordFault(
    words.__('This is no record that rgwidgets wrote: %1.', what),
    words.__('Do not open records from people whom you do not trust.')
  );

export const damaged = (words: Words, what: string): RecordFault =>
  new RecordFault(
    words.__('This record is damaged or was cut short: %1.', what),
    words.__('Copy it again from where it was made, or compute it again.')
  );

export const tooLarge = (words: Words): RecordFault =>
  new RecordFault(
    words.__('This record is larger than what a browser opens (256 MiB).'),
    words.__('Open it in Python: %1', 'rg.Lens(rg.Flow.load(path))')
  );

/** Refuses bombs, names that leave the record, and two files of one name, before any is unpacked. */
function inspector(words: Words): (file: UnzipFileInfo) => boolean {
  const names = new Set<string>();
  let size = 0;
  return ({ name, size: packed, originalSize, compression }) => {
    size += Math.max(packed, originalSize);
    if (size > LIMIT || names.size >= ENTRIES) {
      throw hostile(words, words.__('it unpacks to more than 2 GiB'));
    }
    if (ODD.test(name)) {
      throw hostile(words, words.__('the name "%1" leaves it', name));
    }
    if (names.has(name)) {
      throw hostile(words, words.__('two files are called "%1"', name));
    }
    if (compression !== STORED && compression !== DEFLATED) {
      throw hostile(words, words.__('"%1" is packed by an unknown method', name));
    }
    names.add(name);
    return false;
  };
}

/** A record in one file. */
export function zipStore(bytes: Uint8Array, words: Words): Store {
  const unzip = (filter: (file: UnzipFileInfo) => boolean): Record<string, Uint8Array> => {
    try {
      return unzipSync(bytes, { filter });
    } catch (reason) {
      throw reason instanceof RecordFault ? reason : damaged(words, words.__('it is no whole zip file'));
    }
  };
  if (bytes.length > OPENED) {
    throw tooLarge(words);
  }
  unzip(inspector(words));
  return {
    get: async wanted => {
      let length = -1;
      const found = unzip(({ name, originalSize }) => {
        if (name !== wanted) {
          return false;
        }
        if (originalSize > OPENED) {
          throw tooLarge(words);
        }
        length = originalSize;
        return true;
      })[wanted];
      if (length < 0) {
        return null;
      }
      if (found?.length !== length) {
        throw damaged(words, words.__('"%1" is not whole', wanted));
      }
      return found;
    }
  };
}

/** What of a server's contents API reads a file. */
export interface Contents {
  get(
    path: string,
    options: { type?: 'file'; format?: 'base64'; content: boolean }
  ): Promise<{ type: string; content?: unknown; size?: number | undefined }>;
}

const missing = (reason: unknown): boolean =>
  (reason as { response?: { status?: number } } | null)?.response?.status === 404;

/** A file's bytes; null where there is none. Its size is asked first: 256 MiB are enough. */
export async function readFile(
  contents: Contents,
  path: string,
  words: Words,
  room = { left: OPENED }
): Promise<Uint8Array | null> {
  try {
    const { size } = await contents.get(path, { type: 'file', content: false });
    room.left -= size ?? 0;
    if (room.left < 0) {
      throw tooLarge(words);
    }
    const { content } = await contents.get(path, { type: 'file', format: 'base64', content: true });
    return fromBase64(String(content ?? ''));
  } catch (reason) {
    if (missing(reason)) {
      return null;
    }
    throw reason;
  }
}

/** A record in a folder. */
export function folderStore(contents: Contents, folder: string, words: Words): Store {
  const room = { left: OPENED };
  return { get: name => readFile(contents, `${folder}/${name}`, words, room) };
}

/** What lies at a path: a folder, its `zarr.json`, or a zip. */
export async function storeAt(contents: Contents, path: string, words: Words): Promise<Store> {
  let folder = /(^|\/)zarr\.json$/.test(path) ? path.replace(/\/?zarr\.json$/, '') : null;
  try {
    const { type } = await contents.get(path, { content: false });
    folder ??= type === 'directory' ? path : null;
  } catch (reason) {
    throw missing(reason) ? gone(path, words) : reason;
  }
  if (folder !== null) {
    return folderStore(contents, folder, words);
  }
  const bytes = await readFile(contents, path, words);
  if (bytes === null) {
    throw gone(path, words);
  }
  return zipStore(bytes, words);
}

const gone = (path: string, words: Words): RecordFault =>
  new RecordFault(
    words.__('There is no record at "%1" any more.', path),
    words.__('It was moved or deleted: open it where it is now.')
  );

function fromBase64(text: string): Uint8Array {
  // Jupyter's server breaks lines.
  const binary = atob(text.replace(/\s/g, ''));
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) {
    bytes[i] = binary.charCodeAt(i);
  }
  return bytes;
}

/** Unpacks a chunk of exactly `length` bytes; gzip's own checksum is verified on the way. */
export async function gunzip(
  packed: Uint8Array,
  length: number,
  name: string,
  words: Words
): Promise<Uint8Array<ArrayBuffer>> {
  const out = new Uint8Array(length);
  let filled = 0;
  const stream = new Blob([packed as Uint8Array<ArrayBuffer>])
    .stream()
    .pipeThrough(new DecompressionStream('gzip'));
  const reader = stream.getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      if (filled + part.value.length > length) {
        await reader.cancel();
        throw hostile(words, words.__('"%1" unpacks to more than it says', name));
      }
      out.set(part.value, filled);
      filled += part.value.length;
    }
  } catch (reason) {
    throw reason instanceof RecordFault
      ? reason
      : damaged(words, words.__('"%1" does not unpack', name));
  }
  if (filled !== length) {
    throw damaged(words, words.__('"%1" is not whole', name));
  }
  return out;
}
