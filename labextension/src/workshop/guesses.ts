const FORMAT = 'rgwidgets-predictions';
const LONGEST_NAME = 80;
const MOST_GUESSES = 200;
const LONGEST_GUESS = 40;

/** Slug of a chapter → the number of the choice that was made, from 0, or a number as typed. */
export type Guesses = Readonly<Record<string, string>>;

/** What one student hands in. */
export interface Sheet {
  readonly name: string;
  readonly guesses: Guesses;
}

/** Guesses as they were kept; anything else is nothing. */
export function readGuesses(kept: unknown): Guesses {
  if (typeof kept !== 'object' || kept === null || Array.isArray(kept)) {
    return {};
  }
  const found = Object.entries(kept).filter(
    ([slug, guess]) =>
      typeof guess === 'string' && guess.length <= LONGEST_GUESS && slug.length <= LONGEST_NAME
  );
  return Object.fromEntries(found.slice(0, MOST_GUESSES));
}

/** A sheet as the text of a file. */
export function toFile({ name, guesses }: Sheet): string {
  return `${JSON.stringify({ format: FORMAT, version: 1, name, guesses }, null, 1)}\n`;
}

/** The sheet in such a file; null if it is none. */
export function fromFile(text: string): Sheet | null {
  try {
    const found = JSON.parse(text);
    if (found?.format !== FORMAT || typeof found.name !== 'string') {
      return null;
    }
    return {
      name: found.name.slice(0, LONGEST_NAME).trim(),
      guesses: readGuesses(found.guesses)
    };
  } catch {
    return null;
  }
}

/** What such a file is called; names become letters that every disk takes. */
export function fileName(name: string): string {
  const plain = name
    .normalize('NFC')
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-+|-+$/g, '');
  return `predictions-${plain.slice(0, 60) || 'nobody'}.json`;
}

/** A number as people write it; null if it is none. */
export function number(typed: string): number | null {
  const plain = typed.trim().replace('−', '-').replace(',', '.');
  return plain !== '' && Number.isFinite(Number(plain)) ? Number(plain) : null;
}
