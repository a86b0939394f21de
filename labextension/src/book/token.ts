import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';

/** What a chapter asks before its dial is turned. */
export interface Question {
  /** Markdown with TeX. */
  text: string;
  /** None where a number is asked for. */
  choices: string[];
  unit: string;
}

export interface Chapter {
  number: number;
  slug: string;
  title: string;
  part: string;
  /** Those that are not are planned. */
  written: boolean;
  tracks: string[];
  minutes: { read: number | null; workshop: number | null };
  dial: string;
  predict: string;
  objectives: string[];
  needs: string[];
  /** Ids of those that can be checked. */
  exercises: string[];
  question: Question | null;
  /** Terms of the glossary that it uses. */
  concepts: string[];
  headings: string[];
}

export interface Track {
  id: string;
  title: string;
  audience: string;
  /** Which of a chapter's minutes count. */
  pace: 'read' | 'workshop';
}

export interface Index {
  title: string;
  tracks: Track[];
  parts: string[];
  chapters: Chapter[];
}

/** What a lesson may leave out: things of the panel, or a part of the book by its title. */
export type Hidden = 'planned' | 'search' | 'progress' | 'reset' | `part:${string}`;

/** The book on the page: what there is, how far its reader has come, and how to open it. */
export interface IBook {
  /** Resolves when the index and what was kept are there; until then there are no chapters. */
  readonly ready: Promise<void>;
  /** Anything of this changed. */
  readonly changed: ISignal<IBook, void>;
  readonly index: Index;
  /** Ids of the exercises that were right once. */
  readonly passed: ReadonlySet<string>;
  /** Slugs of the chapters of which the reader has a copy. */
  readonly begun: ReadonlySet<string>;
  /** The track that is shown: the locked one if there is one; null shows all chapters. */
  readonly track: string | null;
  setTrack(id: string | null): void;
  /** A track that the reader cannot leave. */
  readonly lock: string | null;
  setLock(id: string | null): void;
  readonly hidden: ReadonlySet<Hidden>;
  hide(what: Iterable<Hidden>): void;
  /** Those of the track, less what is hidden. */
  chapters(): readonly Chapter[];
  /** Open the copy already begun, or a fresh one. */
  open(slug: string): Promise<void>;
  /** Ask, keep the old copy beside, and open a fresh one. */
  reset(slug: string): Promise<void>;
}

export const IBook = new Token<IBook>(
  '@rgwidgets/lab:IBook',
  'The chapters of the book, the progress of their reader, and how to open them.'
);
