/** A lens from a record alone: exported pages, saved notebooks, files opened in a viewer. */
import type { ChartsModule } from "./chart";
import { handleOf } from "./handle";
import { hub, type Handle } from "./hub";
import { Lens } from "./lens";
import type { Host, Incoming, LensRecord, RecordLevel } from "./types";

export interface MountOptions {
  /** The charts module, its address, or how to get either; by default the file beside this one. */
  charts?: string | ChartsModule | (() => Promise<ChartsModule | string>);
  /** What the `url` of a level is relative to; by default the page. */
  base?: string;
}

export interface Mounted {
  /** How others move it; the page's hub has it too. */
  readonly handle: Handle;
  dispose(): void;
}

type Listener = (message: Incoming, buffers: readonly ArrayBufferView[]) => void;

class RecordHost implements Host {
  readonly #values: Record<string, unknown>;
  /** Pictures that lie beside the page, until they are fetched. */
  readonly #far = new Map<number, RecordLevel>();
  readonly #coming = new Map<number, Promise<void>>();
  readonly #listeners = new Map<string, Set<() => void>>();
  #tell: Listener = () => undefined;

  constructor(
    record: LensRecord,
    private readonly base: string,
  ) {
    this.#values = { ...record };
    for (const level of record.pyramid ?? []) if (level.url) this.#far.set(level.index, level);
  }

  live(): boolean {
    return false;
  }

  get(name: string): unknown {
    return this.#values[name];
  }

  set(values: Record<string, unknown>): void {
    const changed = Object.keys(values).filter((name) => values[name] !== this.#values[name]);
    Object.assign(this.#values, values);
    for (const name of changed) this.#listeners.get(name)?.forEach((listener) => listener());
    if ("preview" in values) this.approach();
  }

  save(): void {
    // A record has no kernel to tell.
  }

  send(): boolean {
    return false;
  }

  onChange(name: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  onDeath(): () => void {
    return () => undefined;
  }

  onMessage(listener: Listener): () => void {
    this.#tell = listener;
    return () => (this.#tell = () => undefined);
  }

  /** Fetches the scale under the dial, then those beside it: the next move finds them here. */
  approach(): void {
    const index = Number(this.#values.preview) || 0;
    void this.#fetch(index, true).then(() => {
      for (const next of [index + 1, index - 1]) void this.#fetch(next, false);
    });
  }

  #fetch(index: number, wanted: boolean): Promise<void> {
    const level = this.#far.get(index);
    if (!level) return Promise.resolve();
    const coming = this.#coming.get(index) ?? this.#bring(level);
    this.#coming.set(index, coming);
    return coming.catch((fault: unknown) => {
      this.#coming.delete(index);
      if (wanted) this.#fail(index, fault);
    });
  }

  async #bring({ url, ...header }: RecordLevel): Promise<void> {
    const answer = await fetch(new URL(url!, this.base));
    if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`.trim());
    const bytes = new Uint8Array(await answer.arrayBuffer());
    this.#far.delete(header.index);
    this.#tell({ kind: "pyramid", configuration: "record", levels: [header] }, [bytes]);
  }

  #fail(index: number, fault: unknown): void {
    const reason = fault instanceof Error ? fault.message : String(fault);
    const message = `The picture of level ${index} did not come: ${reason}.`;
    this.#tell({ kind: "error", message, mend: "Turn the dial to try again." }, []);
  }
}

/** Draws a record into `el`; the dial then works with no kernel and no network. */
export function mount(el: HTMLElement, record: LensRecord, options: MountOptions = {}): Mounted {
  const { charts, base = document.baseURI } = options;
  const source =
    typeof charts === "function" ? charts : charts ? () => Promise.resolve(charts) : null;
  const host = new RecordHost(record, base);
  const lens = new Lens(el, host, source ? { charts: source } : {});
  host.approach();
  const handle = handleOf(host, { place: el });
  const leave = hub().add(handle);
  const dispose = (): void => {
    leave();
    lens.dispose();
  };
  return { handle, dispose };
}
