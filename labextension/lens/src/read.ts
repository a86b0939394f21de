/** Whatever arrives is checked here once, so that the drawing code meets only whole values. */
import {
  BOUNDS,
  LensError,
  type Cell,
  type ControlSpec,
  type ObservableSpec,
  type PaletteName,
  type ScaleSpec,
  type Spec,
  type Status,
} from "./types";

export type Loose = Record<string, unknown>;

export const isObject = (value: unknown): value is Loose =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const text = (value: unknown, otherwise = ""): string =>
  typeof value === "string" ? value : typeof value === "number" ? String(value) : otherwise;

export const cell = (value: unknown): Cell =>
  typeof value === "number" && Number.isFinite(value) ? value : null;

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const words = (value: unknown): string[] =>
  list(value)
    .map((word) => text(word))
    .filter(Boolean);

function readScale(raw: unknown): ScaleSpec {
  const given = isObject(raw) ? raw : {};
  const cutoffs = list(given.cutoffs)
    .map(cell)
    .filter((value): value is number => value !== null);
  if (cutoffs.length === 0 || cutoffs.length !== list(given.cutoffs).length) {
    throw new LensError(
      `The scale has ${cutoffs.length} finite cutoffs of ${list(given.cutoffs).length}.`,
      "A lens needs at least one cutoff, each a finite number.",
    );
  }
  const labels = words(given.labels);
  return {
    name: text(given.name, "cutoff"),
    symbol: text(given.symbol),
    unit: text(given.unit),
    cutoffs,
    labels: labels.length === cutoffs.length ? labels : cutoffs.map((value) => String(value)),
  };
}

function readObservables(raw: unknown): ObservableSpec[] {
  return list(raw)
    .filter(isObject)
    .map((given) => ({
      name: text(given.name, "observable"),
      unit: text(given.unit),
      tolerance: cell(given.tolerance),
    }));
}

function readControls(raw: unknown): ControlSpec[] {
  return list(raw)
    .filter(isObject)
    .map((given) => {
      const min = cell(given.min) ?? 0;
      const max = cell(given.max) ?? 1;
      return {
        name: text(given.name, "control"),
        label: text(given.label) || text(given.name, "control"),
        unit: text(given.unit),
        min,
        max,
        step: cell(given.step) ?? (max - min) / 100,
        value: cell(given.value) ?? min,
        log: given.log === true && min > 0,
      };
    });
}

const PALETTES: readonly string[] = ["spins", "sequential", "diverging"];

export function readSpec(raw: unknown): Spec {
  if (!isObject(raw)) {
    throw new LensError("The lens has no specification.", "Run the cell again to make the lens.");
  }
  const palette = text(raw.palette, "sequential");
  return {
    title: text(raw.title),
    subtitle: text(raw.subtitle),
    scale: readScale(raw.scale),
    observables: readObservables(raw.observables),
    views: words(raw.views),
    controls: readControls(raw.controls),
    actions: words(raw.actions),
    palette: (PALETTES.includes(palette) ? palette : "sequential") as PaletteName,
    describe: text(raw.describe),
  };
}

/** The Vega-Lite of each view that is a chart. */
export function readCharts(raw: unknown): Record<string, Loose> {
  const charts = Object.entries(isObject(raw) ? raw : {});
  return Object.fromEntries(charts.filter((chart): chart is [string, Loose] => isObject(chart[1])));
}

const STATES: readonly string[] = ["idle", "running", "streaming", "error", "lost"];

export function readStatus(raw: unknown): Status {
  const given = isObject(raw) ? raw : {};
  const state = text(given.state, "idle");
  const progress = cell(given.progress);
  return {
    state: (STATES.includes(state) ? state : "idle") as Status["state"],
    message: text(given.message),
    mend: text(given.mend),
    progress: progress === null ? null : Math.min(1, Math.max(0, progress)),
    label: text(given.label),
    device: text(given.device),
    throughput: text(given.throughput),
    memory: text(given.memory),
  };
}

/** Which cutoff is the coarsest in budget, by each curve; null where none is. */
export function readBudget(raw: unknown, count: number): Record<string, number | null> {
  const given = isObject(raw) ? raw : {};
  const budget: Record<string, number | null> = {};
  for (const name of BOUNDS) {
    const index = cell(given[name]);
    if (index !== null && Number.isInteger(index) && index >= 0 && index < count) {
      budget[name] = index;
    } else if (name in given) budget[name] = null;
  }
  return budget;
}

/** What a lens is built around; the rest of its specification may change without a new one. */
export function structure({ scale, observables, views, controls, actions, palette }: Spec): string {
  const knobs = controls.map((control) => ({ ...control, value: null }));
  return JSON.stringify([scale, observables, views, knobs, actions, palette]);
}
