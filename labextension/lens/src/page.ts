/** A lens from a record alone: exported pages, saved notebooks, files opened in a viewer. */
import type { ChartsModule } from "./chart";
import { Lens } from "./lens";
import type { Host, LensRecord } from "./types";

export interface MountOptions {
  /** The charts module, its address, or how to get either; by default the file beside this one. */
  charts?: string | ChartsModule | (() => Promise<ChartsModule | string>);
}

export interface Mounted {
  dispose(): void;
}

class RecordHost implements Host {
  readonly #values: Record<string, unknown>;

  constructor(record: LensRecord) {
    this.#values = { ...record };
  }

  live(): boolean {
    return false;
  }

  get(name: string): unknown {
    return this.#values[name];
  }

  set(values: Record<string, unknown>): void {
    Object.assign(this.#values, values);
  }

  save(): void {
    // A record has no kernel to tell.
  }

  send(): boolean {
    return false;
  }

  onChange(): () => void {
    return () => undefined;
  }

  onDeath(): () => void {
    return () => undefined;
  }

  onMessage(): () => void {
    return () => undefined;
  }
}

/** Draws a record into `el`; the dial then works with no kernel and no network. */
export function mount(el: HTMLElement, record: LensRecord, options: MountOptions = {}): Mounted {
  const { charts } = options;
  const source =
    typeof charts === "function" ? charts : charts ? () => Promise.resolve(charts) : null;
  const lens = new Lens(el, new RecordHost(record), source ? { charts: source } : {});
  return { dispose: () => lens.dispose() };
}
