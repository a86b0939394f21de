import type { Chapter, Question } from '../book/token';
import { edges, MOST_BARS } from './edges';
import { number, type Sheet } from './guesses';

export interface Bar {
  readonly label: string;
  readonly count: number;
}

/** What the room guessed about one chapter. */
export interface Tally {
  readonly slug: string;
  readonly title: string;
  readonly question: Question;
  readonly bars: readonly Bar[];
  readonly answers: number;
}

/** The newest sheet of each name: who hands in twice has changed their mind. */
export function newest(sheets: readonly Sheet[]): Sheet[] {
  return [...new Map(sheets.map(sheet => [sheet.name.toLocaleLowerCase(), sheet])).values()];
}

/** A histogram for each chapter that somebody guessed about, in the order of the book. */
export function tally(sheets: readonly Sheet[], chapters: readonly Chapter[]): Tally[] {
  return chapters.flatMap(({ slug, title, question }) => {
    const guesses = sheets.flatMap(sheet => sheet.guesses[slug] ?? []);
    if (question === null || guesses.length === 0) {
      return [];
    }
    const bars = question.choices.length > 0 ? chosen(question, guesses) : typed(question, guesses);
    const answers = bars.reduce((sum, { count }) => sum + count, 0);
    return answers > 0 ? [{ slug, title, question, bars, answers }] : [];
  });
}

function chosen({ choices }: Question, guesses: readonly string[]): Bar[] {
  return choices.map((label, index) => ({
    label,
    count: guesses.filter(guess => guess === String(index)).length
  }));
}

/** Numbers that were typed: each by itself while they are few, otherwise in ranges. */
function typed({ unit }: Question, guesses: readonly string[]): Bar[] {
  const values = guesses
    .map(number)
    .filter(value => value !== null)
    .sort((a, b) => a - b);
  const bar = (label: string, inside: (value: number) => boolean): Bar => ({
    label: `${label} ${unit}`.trim(),
    count: values.filter(inside).length
  });
  const distinct = [...new Set(values)];
  if (distinct.length <= MOST_BARS) {
    return distinct.map(value => bar(String(value), each => each === value));
  }
  const marks = edges(distinct[0]!, distinct.at(-1)!);
  return marks
    .slice(1)
    .map((high, at) => bar(`${marks[at]} – ${high}`, each => marks[at]! <= each && each < high));
}
