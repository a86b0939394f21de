/** All talk with the kernel: what is asked, what comes back, and what may still be used. */
import { loadCharts, type ChartsModule, type ChartsSource } from "./chart";
import { decode, fromBase64, readHeader, type Level } from "./codec";
import { number } from "./format";
import { isObject, readStatus } from "./read";
import { Requests, Stream } from "./requests";
import {
  LensError,
  type Host,
  type Incoming,
  type LevelHeader,
  type RecordLevel,
  type Status,
} from "./types";

export interface ExchangeEvents {
  /** How many cutoffs there are: a level beyond them is refused. */
  count(): number;
  levels(levels: Level[], configuration: unknown): void;
  /** What there will be, before it is here. */
  expected(headers: readonly LevelHeader[]): void;
  stats(words: string): void;
  fault(message: string, mend: string): void;
  lost(lost: boolean): void;
  /** What is on the screen, as the address of a PNG. */
  snapshot(): string;
  /** Runs `act` and shows what it throws. */
  guard(act: () => void): void;
}

const PATIENT = 10_000;
type Buffers = readonly (ArrayBuffer | ArrayBufferView)[];

export class Exchange {
  readonly requests: Requests;
  readonly #stream: Stream;
  readonly #assets = new Map<string, (bytes: ArrayBufferView) => void>();

  constructor(
    private readonly host: Host,
    private readonly events: ExchangeEvents,
  ) {
    this.requests = new Requests({
      send: (want) => {
        host.set({ generation: want.generation });
        return host.send({ kind: "want", ...want });
      },
      lost: (lost) => events.guard(() => events.lost(lost)),
    });
    this.#stream = new Stream((seq) => host.send({ kind: "ack", seq }));
    this.count();
  }

  /** Views of one model share the count, or the newer view's wants would look stale. */
  count(): void {
    this.requests.atLeast(Number(this.host.get("generation")) || 0);
  }

  #decode(headers: unknown, buffers: Buffers): Level[] {
    const levels = Array.isArray(headers) ? headers : [headers];
    return levels.map((raw, i) => {
      const header = readHeader(raw, this.events.count());
      const buffer = buffers[i];
      if (buffer) return decode(header, buffer);
      throw new LensError(`Level ${header.index} came without its bytes.`, "Ask for it again.");
    });
  }

  /** A pyramid that came with the record, not by message. */
  restore(): void {
    const pyramid = this.host.get("pyramid");
    if (!this.events.count() || !Array.isArray(pyramid) || pyramid.length === 0) return;
    const headers: LevelHeader[] = pyramid.map((raw) => readHeader(raw, this.events.count()));
    this.events.expected(headers);
    const here = (pyramid as RecordLevel[]).filter(({ url }) => !url);
    if (here.length === 0) return;
    const buffers = here.map(({ data }) =>
      typeof data === "string" ? fromBase64(data) : (data as ArrayBufferView),
    );
    this.events.levels(this.#decode(here, buffers), undefined);
  }

  receive(message: Incoming, buffers: Buffers): void {
    if (!isObject(message)) return;
    this.requests.spoke = true;
    const generation = Number(message.generation) || 0;
    if (message.kind === "pyramid") this.#pyramid(message, buffers, generation);
    else if (message.kind === "frame") this.#frame(message, buffers, generation);
    else if (message.kind === "snapshot") {
      this.host.send({ kind: "image", id: Number(message.id), data: this.events.snapshot() });
    } else if (message.kind === "asset") this.#delivered(String(message.name), buffers[0]);
    else if (message.kind === "error") {
      this.requests.answered(null);
      this.events.fault(String(message.message ?? ""), String(message.mend ?? ""));
    }
  }

  /** A damaged answer is still the answer: waiting for another would look like a lost kernel. */
  #pyramid(message: Incoming, buffers: Buffers, generation: number): void {
    this.requests.receive(generation, () =>
      this.events.guard(() =>
        this.events.levels(this.#decode(message.levels, buffers), message.configuration),
      ),
    );
  }

  #frame(message: Incoming, buffers: Buffers, generation: number): void {
    const use = (): void => {
      const levels = this.#decode(message.levels ?? message.level, buffers);
      this.events.levels(levels, message.configuration);
      if (isObject(message.stats)) this.events.stats(describeStats(message.stats));
    };
    const draw = (): void => void this.requests.receive(generation, () => this.events.guard(use));
    this.#stream.push({ seq: Number(message.seq), silent: message.ack === false, draw });
  }

  #delivered(name: string, bytes: ArrayBuffer | ArrayBufferView | undefined): void {
    const take = this.#assets.get(name);
    this.#assets.delete(name);
    if (take && bytes && ArrayBuffer.isView(bytes)) take(bytes);
  }

  /** The address of a file of the package: the kernel has it where no server gives it. */
  asset(name: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const silent = (): void => reject(new Error(`the kernel did not send ${name}`));
      const timer = setTimeout(silent, PATIENT);
      this.#assets.set(name, (bytes) => {
        clearTimeout(timer);
        const blob = new Blob([bytes as Uint8Array<ArrayBuffer>], { type: "text/javascript" });
        resolve(URL.createObjectURL(blob));
      });
      if (!this.host.send({ kind: "asset", name })) reject(new Error("no kernel answers"));
    });
  }

  /** The charts bundle from whoever has it: the page, the kernel, the file beside this one. */
  charts(given?: ChartsSource): Promise<ChartsModule> {
    const sources: ChartsSource[] = given ? [given] : [];
    if (this.host.live()) sources.push(() => this.asset("charts.js"));
    sources.push(() => Promise.resolve(new URL("charts.js", import.meta.url).href));
    return loadCharts(sources);
  }

  /** A kernel that rests or failed owes nothing more: what was asked came, or was cancelled. */
  told(state: Status["state"]): void {
    if (state === "idle" || state === "error") this.requests.answered(null);
    else if (state !== "lost") this.requests.heard();
  }

  /** Something that was asked for, or that the kernel does unasked, is on its way. */
  busy(): boolean {
    const { state } = readStatus(this.host.get("status"));
    return state === "running" || state === "streaming" || this.requests.outstanding() !== null;
  }

  dispose(): void {
    this.requests.dispose();
    this.#stream.dispose();
  }
}

/** "0.85 flips/ns · sweep 1,024" from {flips_per_ns: 0.85, sweep: 1024}. */
export function describeStats(stats: Record<string, unknown>): string {
  const parts = Object.entries(stats).map(([name, value]) => {
    if (typeof value !== "number") return `${name} ${String(value)}`;
    if (name.includes("_per_")) return `${number(value)} ${name.replace("_per_", "/")}`;
    return `${name} ${value.toLocaleString("en")}`;
  });
  return parts.join(" · ");
}
