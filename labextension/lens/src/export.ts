/** Ways out of a lens that shows a record: what is on the screen as PNG or SVG, all of it as CSV. */
import { isObject, readSpec } from "./read";
import { Table } from "./table";
import type { Indexed, Shown } from "./still";
import { BOUNDS, type LensRecord, type Spec } from "./types";

/** The field beside the chart as they are on the screen: the address of a PNG. */
export { snapshot as png } from "./snapshot";

const NUMBERS = [...BOUNDS, ...BOUNDS.map((bound) => `${bound}_error`)];
const COLUMNS = [
  "cutoff",
  "observable",
  "value",
  "value_error",
  "value_tau",
  ...NUMBERS,
  ...BOUNDS.map((bound) => `${bound}_how`),
  ...BOUNDS.map((bound) => `${bound}_statistic`),
  "tolerance",
  "unit",
];

/** Quoted where it must be. What a spreadsheet would take for a formula is marked as text. */
function quoted(word: string): string {
  const plain = /^[=+\-@\t\r]/.test(word) ? `'${word}` : word;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

function line(table: Table, { scale, observables }: Spec, index: number, at: number): string {
  const { name, unit, tolerance } = observables[at]!;
  const told = (number: number | null): string => (number === null ? "" : String(number));
  const bounds = BOUNDS.map((bound) => table.bound(bound, name, index));
  // A bound that is proved and has no number is infinite: JSON cannot say so.
  const values = bounds.map(({ kind, value }) =>
    value === null && kind !== "none" ? "inf" : told(value),
  );
  return [
    told(scale.cutoffs[index]!),
    quoted(name),
    ...["value", "value_error", "value_tau"].map((column) => told(table.cell(column, name, index))),
    ...values,
    ...bounds.map(({ error }) => told(error)),
    ...bounds.map(({ kind, how }) => quoted(`${kind}: ${how}`)),
    ...bounds.map(({ kind, statistic }) => (kind === "none" ? "single" : statistic)),
    told(tolerance),
    quoted(unit),
  ].join(",");
}

/** One row a cutoff and observable, in the first columns of `rgwidgets export --to FILE.csv`. */
export function csv(record: LensRecord): string {
  const spec = readSpec(record.spec);
  const table = new Table(record.table, spec);
  const rows = spec.scale.cutoffs.flatMap((_, index) =>
    spec.observables.map((__, at) => line(table, spec, index, at)),
  );
  return [COLUMNS.join(","), ...rows, ""].join("\n");
}

/** A picture of the palette's colours as the address of a PNG. */
export function painted({ width, height, sites, colours }: Indexed): string {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  if (!context) throw new Error("the browser draws on no canvas");
  const image = context.createImageData(width, height);
  sites.forEach((site, at) => image.data.set(colours.subarray(4 * site, 4 * site + 4), 4 * at));
  context.putImageData(image, 0, 0);
  return canvas.toDataURL("image/png");
}

/** Which chart is open in a lens, and which observable is chosen. */
export function shown(lens: HTMLElement): Shown {
  return {
    view: lens.querySelector<HTMLElement>('.rg-tab[aria-selected="true"]')?.dataset.view,
    observable: lens.querySelector('.rg-pick[aria-pressed="true"]')?.textContent ?? undefined,
  };
}

type Charts = typeof import("./charts");

/** The scale under the dial and the chart that is open, as an SVG that stays sharp in print. */
export function svg(
  { still }: Pick<Charts, "still">,
  record: LensRecord,
  lens: HTMLElement,
  index: number,
): Promise<string> {
  const charts = isObject(record.charts) ? record.charts : {};
  return still({ ...record, charts, cutoff: index, preview: index }, painted, shown(lens));
}
