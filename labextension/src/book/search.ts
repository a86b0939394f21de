import type { Chapter } from './token';

export interface Found {
  chapter: Chapter;
  /** The concept, heading or objective that was found, unless it is in the title. */
  why: string;
}

/** Text as it is compared: without case and accents, and in one spelling. */
export function fold(text: string): string {
  const plain = text.normalize('NFD').replace(/[\u0300-\u036f]/g, '');
  return plain.toLowerCase().replace(/iz(e|at|ing)/g, 'is$1');
}

/** The chapters in which every word of `search` occurs, in the order of the book. */
export function find(chapters: readonly Chapter[], search: string): Found[] {
  const words = fold(search).split(/\s+/).filter(Boolean);
  return chapters.flatMap(chapter => {
    const title = `${chapter.number} ${chapter.title}`;
    const more = [
      ...chapter.concepts,
      ...chapter.headings,
      ...chapter.objectives,
      ...chapter.exercises.map(id => `exercise ${id}`),
      chapter.predict,
      chapter.dial,
      chapter.part
    ];
    const all = fold([title, ...more].join('\n'));
    if (!words.every(word => all.includes(word))) {
      return [];
    }
    const missing = words.filter(word => !fold(title).includes(word));
    return [{ chapter, why: missing.length > 0 ? best(more, missing) : '' }];
  });
}

/** The text with most of the words; of equals the first. */
function best(texts: string[], words: string[]): string {
  const count = (text: string): number => words.filter(word => fold(text).includes(word)).length;
  return texts.reduce((most, text) => (count(text) > count(most) ? text : most), '');
}
