/** A small flow, and a model that plays the kernel. */
import type { Model } from "../src/widget";
import type { Incoming, LensRecord } from "../src/types";

const CUTOFFS = [1, 2, 4, 8];

const every = <T>(one: T): Record<string, T[]> => ({
  energy: CUTOFFS.map(() => one),
  magnetisation: CUTOFFS.map(() => one),
});

/** The same, whose curve of rare events is known at the cutoff of that index alone. */
export function rareAt(index: number): LensRecord & Record<string, any> {
  const made = record() as Record<string, any>;
  const only = <T>(one: T): Record<string, (T | null)[]> => ({
    energy: CUTOFFS.map((_, i) => (i === index ? one : null)),
  });
  made.spec.views = ["field", "bounds", "rare"];
  made.charts = { bounds: { mark: "line" }, rare: { mark: "area" } };
  Object.assign(made.table, {
    rare: only(0.25),
    rare_once: only(1e-6),
    rare_over: only(6.3e-5),
    rare_of: only("over one of 360 inputs at random and a tail drawn by its law: Gaussian"),
    rare_how: only("multilevel splitting"),
    rare_curve: only({
      epsilon: [0, 0.1, 0.25],
      probability: [0.5, 1e-3, 0],
      low: [0.4, 5e-4, 0],
      high: [0.6, 2e-3, 1e-6],
    }),
  });
  return made as never;
}

/** Level k is 2^(3-k) spins wide; its first spin is up only for even k. */
export function bits(index: number): { side: number; bytes: Uint8Array<ArrayBuffer> } {
  const side = 2 ** (3 - index);
  const bytes = new Uint8Array(Math.ceil((side * side) / 8));
  if (index % 2 === 0) bytes[0] = 1;
  return { side, bytes };
}

export const header = (index: number): object => {
  const { side } = bits(index);
  return { index, shape: [side, side], dtype: "bit", low: -1, high: 1 };
};

const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));

export function record(): LensRecord & Record<string, unknown> {
  const column = (...values: (number | null)[]): Record<string, (number | null)[]> => ({
    energy: values,
    magnetisation: values.map((value) => (value === null ? null : value / 2)),
  });
  return {
    spec: {
      title: "Ising",
      scale: {
        name: "block",
        symbol: "b",
        unit: "spins",
        cutoffs: CUTOFFS,
        labels: ["1", "2", "4", "8"],
      },
      observables: [
        { name: "energy", unit: "J", tolerance: 0.1 },
        { name: "magnetisation", unit: "", tolerance: null },
      ],
      views: ["field", "bounds"],
      palette: "spins",
      describe: "Spins after blocking.",
    },
    table: {
      cutoff: CUTOFFS,
      value: column(-1.4142, -1.41, -1.4, -1.3),
      value_error: column(0.0021, 0.002, 0.002, 0.002),
      average: column(0, 0.01, 0.02, 0.09),
      resample: column(0, 0.02, 0.05, 0.12),
      attack: column(0, 0.03, 0.11, 0.3),
      certificate: column(0, 0.08, 0.4, null),
      certificate_kind: column(null, null, null, null),
      average_statistic: every("mean"),
      resample_statistic: every("mean"),
      attack_statistic: every("largest"),
      certificate_statistic: every("largest"),
      attack_of: every("the largest of 360 inputs, every tail with ‖tail‖ ≤ 3.2"),
      attack_median: column(0, 0.01, 0.02, 0.03),
      attack_over: column(0, 0, 0.164, 0.996),
      attack_others: column(0.01, 0.01, 0.2, 1),
      budget: { average: 3, attack: 1, certificate: null },
    },
    charts: {},
    pyramid: CUTOFFS.map((_, index) => ({
      ...header(index),
      data: base64(bits(index).bytes),
    })) as never,
    preview: 0,
    cutoff: 0,
  };
}

export interface FakeModel extends Model {
  values: Record<string, unknown>;
  sent: Record<string, unknown>[];
  saved: number;
  change(name: string, value: unknown): void;
  message(message: Incoming, buffers?: ArrayBufferView[]): void;
  emit(event: string, ...values: unknown[]): void;
}

export function model(values: Record<string, unknown>): FakeModel {
  const listeners = new Map<string, Set<(...values: never[]) => void>>();
  const { spec, preview, cutoff, ...rest } = values;
  const fake: FakeModel = {
    values: { setup: spec, preview_index: preview, cutoff_index: cutoff, ...rest },
    sent: [],
    saved: 0,
    get: (name) => fake.values[name],
    set: (name, value) => {
      const before = fake.values[name];
      fake.values[name] = value;
      if (before !== value) fake.emit(`change:${name}`);
    },
    save_changes: () => void fake.saved++,
    send: (content) => void fake.sent.push(content as Record<string, unknown>),
    on: (name, callback) => {
      listeners.set(name, (listeners.get(name) ?? new Set()).add(callback));
    },
    off: (name, callback) => void listeners.get(name)?.delete(callback),
    change: (name, value) => {
      fake.values[name] = value;
      fake.emit(`change:${name}`);
    },
    message: (message, buffers = []) => fake.emit("msg:custom", message, buffers),
    emit: (event, ...given) => {
      for (const callback of [...(listeners.get(event) ?? [])]) callback(...(given as never[]));
    },
  };
  return fake;
}

export function press(input: HTMLElement, key: string): KeyboardEvent {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
  input.dispatchEvent(event);
  return event;
}

export function release(input: HTMLElement, key: string): void {
  input.dispatchEvent(new KeyboardEvent("keyup", { key, bubbles: true }));
}
