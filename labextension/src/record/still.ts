/** What the drawing library gives back: a picture that can be taken down. */
export interface Drawn {
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
    private readonly draw: Draw
  ) {}

  private drawn: Promise<Drawn | null> | null = null;

  show(record: unknown): Promise<unknown> {
    if (this.drawn === null) {
      const place = document.createElement('div');
      this.node.append(place);
      this.place = place;
      this.drawn = this.draw(place, record).catch(reason => explain(place, reason));
    }
    return this.drawn;
  }

  hide(): void {
    const { drawn, place } = this;
    this.drawn = null;
    this.place = null;
    place?.remove();
    void drawn?.then(picture => picture?.dispose());
  }
}

function explain(place: HTMLElement, reason: unknown): null {
  const why = reason instanceof Error ? reason.message : String(reason);
  place.setAttribute('role', 'alert');
  place.textContent = `This saved flow cannot be drawn: ${why} Run the cell again to make a new one.`;
  return null;
}
