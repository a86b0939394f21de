import type { NotebookPanel } from '@jupyterlab/notebook';
import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import type { Handle } from '@rgwidgets/lens/hub';

export type { Handle };

/** The lenses of the page. */
export interface ILenses {
  /** A lens came, went, moved, or has something to say. */
  readonly changed: ISignal<ILenses, void>;
  all(): readonly Handle[];
  /** Those of a notebook: of its kernel, and the records among its outputs. */
  of(panel: NotebookPanel): readonly Handle[];
  /** Whatever is drawn at `place` belongs to `panel`, even while it is scrolled out of the page. */
  adopt(place: HTMLElement, panel: NotebookPanel): void;
}

export const ILenses = new Token<ILenses>(
  '@rgwidgets/lab:ILenses',
  'Finds the lenses of the page, live or recorded, by notebook.'
);
