import type { TranslationBundle } from '@jupyterlab/translation';
import type { Handle } from '@rgwidgets/lens/hub';

import type { Turned } from './handover';

/** What the drawing library gives back: a picture that can be taken down. */
export interface Drawn {
  /** How others see and move it. */
  readonly handle?: Handle;
  dispose(): void;
}

/** Draws a record into an element, or throws if it is none. */
export type Draw = (place: HTMLElement, record: unknown) => Promise<Drawn>;

/**
 * A record's picture inside `node`, drawn at most once and taken down at most once, however
 * quickly a kernel comes and goes while the drawing code is still on its way.
 */
export class Still {
  private place: HTMLElement | null = null;

  constructor(
    private readonly node: HTMLElement,
    private readonly draw: Draw,
    private readonly trans: TranslationBundle
  ) {}

  private drawn: Promise<Drawn | null> | null = null;
  private picture: Turned | null = null;

  /** The picture's dial; null where there is no picture, or not yet. */
  get turned(): Turned | null {
    return this.picture;
  }

  show(record: unknown): Promise<unknown> {
    if (this.drawn === null) {
      const place = document.createElement('div');
      this.node.append(place);
      this.place = place;
      this.drawn = this.draw(place, record).catch(reason => explain(place, reason, this.trans));
      void this.drawn.then(picture => this.note(place, picture));
    }
    return this.drawn;
  }

  hide(): void {
    const { drawn, place } = this;
    this.drawn = this.picture = null;
    this.place = null;
    place?.remove();
    void drawn?.then(picture => picture?.dispose());
  }

  private note(place: HTMLElement, drawn: Drawn | null): void {
    if (drawn?.handle && this.place === place) {
      this.picture = { handle: drawn.handle, began: drawn.handle.preview() };
    }
  }
}

function explain(place: HTMLElement, reason: unknown, trans: TranslationBundle): null {
  const why = reason instanceof Error ? reason.message : String(reason);
  place.setAttribute('role', 'alert');
  place.textContent = trans.__(
    'This saved flow cannot be drawn: %1 Run the cell again to make a new one.',
    why
  );
  return null;
}
