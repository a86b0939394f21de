/** What is asked of the kernel, and what may still be drawn when the answer comes. */

interface Want {
  generation: number;
  index: number;
}

export interface RequestEvents {
  /** Returns false when the message could not leave. */
  send(want: Want): boolean;
  lost(lost: boolean): void;
}

/** A newer want overtakes an unanswered one after this long: the kernel then cancels the older. */
export const PATIENCE = 60;
/** Silence for this long, with a want outstanding, is a lost kernel. */
export const SILENCE = 10_000;

/**
 * One want in flight, the latest wins, stale replies are refused.
 *
 * A want that comes while another is on its way waits for the answer, or for `PATIENCE`, and
 * replaces any that waited before it. A slow computation is thus overtaken, and a fast drag does
 * not flood the kernel.
 */
export class Requests {
  generation = 0;
  /** Whether the kernel has ever been heard. */
  spoke = false;
  #flying: Want | null = null;
  #waiting: number | null = null;
  #patience: ReturnType<typeof setTimeout> | null = null;
  #silence: ReturnType<typeof setTimeout> | null = null;
  #isLost = false;

  constructor(private readonly events: RequestEvents) {}

  /** Another view of the same model may have counted further. */
  atLeast(generation: number): void {
    if (generation > this.generation) this.generation = generation;
  }

  want(index: number): void {
    if (this.#flying && this.#flying.index === index && this.#waiting === null) return;
    if (this.#flying && this.#patience !== null) this.#waiting = index;
    else this.#launch(index);
  }

  /** The wanted scale is no longer wanted: the dial has moved to one that is here. */
  forget(): void {
    this.#waiting = null;
  }

  #launch(index: number): void {
    this.#waiting = null;
    this.generation += 1;
    this.#flying = { generation: this.generation, index };
    if (!this.events.send(this.#flying)) {
      this.#settle();
      this.#setLost(true);
      return;
    }
    if (this.#patience !== null) clearTimeout(this.#patience);
    this.#patience = setTimeout(() => {
      this.#patience = null;
      this.#next();
    }, PATIENCE);
    this.#listenForLife();
  }

  #next(): void {
    if (this.#waiting !== null) this.#launch(this.#waiting);
  }

  #settle(): void {
    this.#flying = null;
    if (this.#patience !== null) clearTimeout(this.#patience);
    if (this.#silence !== null) clearTimeout(this.#silence);
    this.#patience = this.#silence = null;
  }

  /**
   * Uses an answer unless a newer want has made it stale. An answer to the last want settles it,
   * and what waited goes out afterwards, unless `use` has found it needless and called `forget`.
   */
  receive(generation: number, use: () => void): boolean {
    this.heard();
    if (generation < this.generation) return false;
    if (this.#flying) this.#settle();
    use();
    this.#next();
    return true;
  }

  /** The want for this scale was answered by other means: a trait, an error. */
  answered(index: number | null): void {
    this.heard();
    if (this.#flying && (index === null || this.#flying.index === index)) {
      this.#settle();
      this.#next();
    }
  }

  outstanding(): number | null {
    return this.#flying?.index ?? null;
  }

  /** Something was asked that is answered by other means than a reply. */
  expect(): void {
    this.#listenForLife();
  }

  /** Any sign of life: a long computation that reports its progress is not lost. */
  heard(): void {
    this.#setLost(false);
    if (this.#silence !== null) clearTimeout(this.#silence);
    this.#silence = null;
    if (this.#flying) this.#listenForLife();
  }

  #listenForLife(): void {
    if (this.#silence !== null) clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#setLost(true), SILENCE);
  }

  #setLost(lost: boolean): void {
    if (lost === this.#isLost) return;
    this.#isLost = lost;
    this.events.lost(lost);
  }

  dispose(): void {
    this.#settle();
    this.#waiting = null;
  }
}

export interface Frame {
  seq: number;
  /** A later frame's acknowledgement counts for this one. */
  silent?: boolean;
  draw(): void;
}

/**
 * Streamed frames, each acknowledged after it is drawn: the acknowledgement paces the kernel, so a
 * hidden page, which draws nothing, also receives nothing.
 */
export class Stream {
  #queue: Frame[] = [];
  #scheduled: number | null = null;

  constructor(private readonly acknowledge: (seq: number) => void) {}

  push(frame: Frame): void {
    this.#queue.push(frame);
    this.#scheduled ??= requestAnimationFrame(() => this.#flush());
  }

  #flush(): void {
    this.#scheduled = null;
    const frames = this.#queue;
    this.#queue = [];
    for (const frame of frames) {
      try {
        frame.draw();
      } finally {
        // A frame that cannot be drawn must not stall the stream.
        if (!frame.silent) this.acknowledge(frame.seq);
      }
    }
  }

  dispose(): void {
    if (this.#scheduled !== null) cancelAnimationFrame(this.#scheduled);
    this.#queue = [];
  }
}
