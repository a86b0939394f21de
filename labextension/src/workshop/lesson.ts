import type { Hidden, IBook } from '../book/token';

/** What a teacher has set; every part has its place in schema/workshop.json. */
export interface Lesson {
  readonly track: string;
  readonly hidden: readonly string[];
  readonly parts: readonly string[];
  readonly projector: boolean;
  readonly magnification: number;
  readonly folder: string;
}

const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter(each => typeof each === 'string') : [];

/** Settings as they are kept; what makes no sense is as if nobody had set it. */
export function readLesson(kept: Readonly<Record<string, unknown>>): Lesson {
  const { track, projector, magnification, folder } = kept;
  const large = typeof magnification === 'number' ? magnification : 1.35;
  return {
    track: typeof track === 'string' ? track : '',
    hidden: texts(kept['hidden']),
    parts: texts(kept['parts']),
    projector: projector === true,
    magnification: Math.min(2, Math.max(1, large)),
    folder: typeof folder === 'string' ? folder.replace(/^\/+|\/+$/g, '') : ''
  };
}

const OF_PANEL: readonly string[] = ['planned', 'search', 'progress', 'reset'];

/** The book shows the track of the lesson and leaves out what it does not need. */
export function teach(book: IBook, { track, hidden, parts }: Lesson): void {
  const known = book.index.tracks.some(({ id }) => id === track);
  book.setLock(known ? track : null);
  const panel = hidden.filter(each => OF_PANEL.includes(each)) as Hidden[];
  book.hide([...panel, ...parts.map(part => `part:${part}` as const)]);
}

/** The page in the type of the lesson, and without the tools that it leaves out. */
export function dress(body: HTMLElement, { hidden, projector, magnification }: Lesson): void {
  body.classList.toggle('rg-projector', projector);
  body.style.setProperty('--rg-magnification', projector ? String(magnification) : '');
  for (const tool of ['bar', 'insert', 'status', 'charts', 'controls']) {
    body.classList.toggle(`rg-without-${tool}`, hidden.includes(tool));
  }
}
