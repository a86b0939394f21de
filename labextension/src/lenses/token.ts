import type { NotebookPanel } from '@jupyterlab/notebook';
import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import type { Handle } from '@rgwidgets/lens/hub';

export type { Handle };

/** The class of a cell whose output is shown in a panel of its own. */
export const ELSEWHERE = 'rg-elsewhere';

/** The lenses of the page. */
export interface ILenses {
  /** A lens came, went, moved, or has something to say. */
  readonly changed: ISignal<ILenses, void>;
  all(): readonly Handle[];
  /** Those of a notebook: of its kernel, and the records among the outputs that it shows. */
  of(panel: NotebookPanel): readonly Handle[];
  /** Whatever is drawn at `place` belongs to `panel`, even while it is scrolled out of the page. */
  adopt(place: HTMLElement, panel: NotebookPanel): void;
}

export const ILenses = new Token<ILenses>(
  '@rgwidgets/lab:ILenses',
  'Finds the lenses of the page, live or recorded, by notebook.'
);
