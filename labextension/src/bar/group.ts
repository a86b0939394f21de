import type { Handle } from '../lenses';

/** Lenses that one dial can turn: they call their scale, and its unit, by the same words. */
export interface Group {
  readonly key: string;
  readonly name: string;
  readonly symbol: string;
  readonly unit: string;
  /** Every cutoff that one of them has, from fine to coarse, with what it is called. */
  readonly cutoffs: readonly number[];
  readonly labels: readonly string[];
  readonly handles: readonly Handle[];
}

/** Lenses by their scales, in the order in which they came; the broken ones have none. */
export function groups(handles: readonly Handle[]): Group[] {
  const found = new Map<string, Handle[]>();
  for (const handle of handles) {
    const scale = handle.scale();
    if (scale !== null) {
      const key = `${scale.name} / ${scale.unit}`;
      found.set(key, [...(found.get(key) ?? []), handle]);
    }
  }
  return [...found].map(([key, members]) => together(key, members));
}

function together(key: string, handles: readonly Handle[]): Group {
  const scales = handles.map(handle => handle.scale()!);
  const [{ name, symbol, unit, cutoffs }] = scales as [(typeof scales)[0]];
  const labels = new Map<number, string>();
  for (const scale of scales) {
    scale.cutoffs.forEach((cutoff, index) => labels.set(cutoff, scale.labels[index] ?? ''));
  }
  const falling = cutoffs[0]! > cutoffs.at(-1)!;
  const all = [...labels.keys()].sort((a, b) => (falling ? b - a : a - b));
  return {
    key,
    name,
    symbol,
    unit,
    cutoffs: all,
    labels: all.map(cutoff => labels.get(cutoff)!),
    handles
  };
}

/** The place of the cutoff that is nearest by ratio, or by difference where there is no ratio. */
export function nearest(cutoffs: readonly number[], wanted: number): number {
  const ratio = wanted > 0 && cutoffs.every(cutoff => cutoff > 0);
  const away = cutoffs.map(cutoff =>
    Math.abs(ratio ? Math.log(cutoff / wanted) : cutoff - wanted)
  );
  return away.indexOf(Math.min(...away));
}

/** Where a lens stands on the scale; null where it has none. */
export function cutoffOf(handle: Handle): number | null {
  return handle.scale()?.cutoffs[handle.preview()] ?? null;
}

/** What lenses are called in a list: their titles, those that repeat with a number. */
export function names(handles: readonly Handle[], untitled: string): string[] {
  const count = new Map<string, number>();
  return handles.map(handle => {
    const title = handle.title() || untitled;
    const nth = (count.get(title) ?? 0) + 1;
    count.set(title, nth);
    return nth === 1 ? title : `${title} (${nth})`;
  });
}
