import type { Chapter } from './token';

const FORMAT = 'rgwidgets-progress';

/** A list of ids as it was kept; anything else is nothing. */
export function readIds(kept: unknown): string[] {
  return Array.isArray(kept) ? kept.filter(id => typeof id === 'string') : [];
}

/** Progress as the text of a file. */
export function toFile(passed: ReadonlySet<string>): string {
  return `${JSON.stringify({ format: FORMAT, version: 1, passed: [...passed] }, null, 1)}\n`;
}

/** The ids in such a file; null if it is none. */
export function fromFile(text: string): string[] | null {
  try {
    const found = JSON.parse(text);
    return found?.format === FORMAT && Array.isArray(found.passed) ? readIds(found.passed) : null;
  } catch {
    return null;
  }
}

/** How many of a chapter's exercises were right. */
export function passedOf(chapter: Chapter, passed: ReadonlySet<string>): number {
  return chapter.exercises.filter(id => passed.has(id)).length;
}

/** The written chapters to go on with: the first that are not done, or else the first. */
export function next(
  chapters: readonly Chapter[],
  passed: ReadonlySet<string>,
  many: number
): readonly Chapter[] {
  const written = chapters.filter(chapter => chapter.written);
  const left = written.filter(chapter => passedOf(chapter, passed) < chapter.exercises.length);
  return (left.length > 0 ? left : written).slice(0, many);
}
