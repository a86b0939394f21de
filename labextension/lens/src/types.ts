/** The wire between the Python lens and the drawing library, and what both call things. */

export type ViewName = "field" | "spectrum" | "observables" | "bounds" | "flow" | (string & {});
export type PaletteName = "spins" | "sequential" | "diverging";
export type Dtype = "bit" | "u1" | "f4";
export type Theme = "light" | "dark";
export type Cell = number | null;

/** The four ways to say what a cutoff costs; they are only ever shown together. */
export const BOUNDS = ["average", "resample", "attack", "certificate"] as const;
export type BoundName = (typeof BOUNDS)[number];
/** What a bound is of the changes of all samples; nothing where it does not say. */
export type Statistic = "largest" | "mean" | "single" | "";

export interface ScaleSpec {
  name: string;
  symbol: string;
  unit: string;
  cutoffs: number[];
  labels: string[];
}

export interface ObservableSpec {
  name: string;
  unit: string;
  tolerance: Cell;
}

export interface ControlSpec {
  name: string;
  label: string;
  unit: string;
  min: number;
  max: number;
  step: number;
  value: number;
  log: boolean;
}

export interface Spec {
  title: string;
  subtitle: string;
  scale: ScaleSpec;
  observables: ObservableSpec[];
  views: ViewName[];
  controls: ControlSpec[];
  actions: string[];
  palette: PaletteName;
  describe: string;
}

export interface Status {
  state: "idle" | "running" | "streaming" | "error" | "lost";
  message: string;
  mend: string;
  progress: Cell;
  label: string;
  device: string;
  throughput: string;
  /** Held by the kernel's process, and on its device; empty where that cannot be known. */
  memory: string;
}

export interface LevelHeader {
  index: number;
  shape: [number, number];
  dtype: Dtype;
  low?: number | null;
  high?: number | null;
}

/** A level of a record: the header with its bytes (as text: base64), or with where they lie. */
export interface RecordLevel extends LevelHeader {
  data?: string | ArrayBuffer | ArrayBufferView;
  url?: string;
}

/** What a page needs to bring a lens to life without a kernel. */
export interface LensRecord {
  spec: unknown;
  table?: unknown;
  charts?: unknown;
  pyramid?: readonly RecordLevel[];
  preview?: number;
  cutoff?: number;
}

export type Outgoing =
  | { kind: "want"; generation: number; index: number }
  | { kind: "ack"; seq: number }
  | { kind: "action"; name: string; value?: unknown }
  | { kind: "set"; name: string; value: number }
  | { kind: "image"; id: number; data: string }
  | { kind: "rare"; index: number }
  | { kind: "asset"; name: string };

export interface Incoming {
  kind?: unknown;
  generation?: unknown;
  /** Levels of one configuration are of one age; by default each message is a new one. */
  configuration?: unknown;
  levels?: unknown;
  level?: unknown;
  seq?: unknown;
  ack?: unknown;
  id?: unknown;
  stats?: unknown;
  name?: unknown;
  message?: unknown;
  mend?: unknown;
}

/** What the lens asks of the page that holds it: a kernel's model, or a record. */
export interface Host {
  /** False where nothing will ever answer: a record, a published page. */
  live(): boolean;
  get(name: string): unknown;
  /** For every view of the model at once; for the kernel when they are saved. */
  set(values: Record<string, unknown>): void;
  save(): void;
  /** False when the message could not leave. */
  send(message: Outgoing): boolean;
  /** For whoever watches from outside: a scale has been asked for, or has come. */
  wait?(waiting: boolean): void;
  onChange(name: string, listener: () => void): () => void;
  /** The kernel is gone for good. */
  onDeath(listener: () => void): () => void;
  onMessage(listener: (message: Incoming, buffers: readonly ArrayBufferView[]) => void): () => void;
}

/** A fault with the way to mend it, shown inside the lens. */
export class LensError extends Error {
  readonly mend: string;
  constructor(message: string, mend: string) {
    super(message);
    this.name = "LensError";
    this.mend = mend;
  }
}
