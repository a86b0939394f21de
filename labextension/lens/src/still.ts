/** A lens on paper: a few of its scales and its most telling chart, as one SVG. */
import { parse, View, Error as LogErrors } from "vega";
import { expressionInterpreter } from "vega-interpreter";
import { decode, readHeader, type Level } from "./codec";
import { closed, compiled } from "./compile";
import { over } from "./palette";
import { isObject, readSpec } from "./read";
import { Table } from "./table";
import theme from "./theme.css?inline";
import type { LensRecord, RecordLevel, Spec } from "./types";

const WIDTH = 800;
const GAP = 16;
/** What is smaller is what rounding leaves of nought. */
const NOTHING = 1e-9;
const CHART = 280;
const PICTURES = 4;
const FONT = "system-ui, sans-serif";
/** Pictures finer than this are averaged: paper shows no more. */
const FINEST = 400;
/** Smaller pictures tell nothing. */
const COARSEST = 4;
const DASHES = [
  [1, 0],
  [7, 3],
  [2, 3],
  [10, 3, 2, 3],
  [5, 2, 1, 2, 1, 2],
  [14, 5],
];
const TELLING = ["bounds", "comparison", "flow", "observables", "spectrum"];

export interface Indexed {
  width: number;
  height: number;
  /** One entry of the palette a site. */
  sites: Uint8Array;
  /** 256 colours, RGBA. */
  colours: Uint8Array;
}

export type Png = (picture: Indexed) => string;

/** The colours of the light and of the dark theme, by variable. */
function themes(): [Map<string, string>, Map<string, string>] {
  const [light, dark] = ["{", '[data-rg-theme="dark"]{'].map((opening) => {
    const block = theme
      .replaceAll("'", '"')
      .replaceAll("[data-rg-theme=dark]", '[data-rg-theme="dark"]');
    const start = block.indexOf(`.rg-lens${opening}`);
    const body = block.slice(start, block.indexOf("}", start));
    return new Map(
      [...body.matchAll(/(--rg-[\w-]+):\s*(#[0-9a-f]{3,6})/g)].map((m) => [m[1]!, m[2]!]),
    );
  });
  return [light!, dark!];
}

const [LIGHT, DARK] = themes();
const NAMED: Record<string, string> = {
  paper: "l-paper",
  raised: "l-raised",
  ink: "l-ink",
  soft: "l-soft",
  line: "l-line",
  accent: "l-accent",
};

function colour(variable: string): string {
  const name = variable.replace("--rg-", "");
  return LIGHT.get(`--rg-${NAMED[name] ?? name}`) ?? "#777777";
}

/** Where the page is dark, so are the colours that the light theme wrote into the picture. */
function adapt(): string {
  const rules = [...LIGHT].flatMap(([name, light]) => {
    const dark = DARK.get(name);
    if (!dark || dark === light) return [];
    return ["fill", "stroke"].map((paint) => `[${paint}="${light}"]{${paint}:${dark}}`);
  });
  return `<style>@media (prefers-color-scheme:dark){${rules.join("")}}</style>`;
}

const escape = (words: string): string =>
  words.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** The level's values as entries of the palette, averaged down to what paper shows. */
export function indexed(level: Level, colours: Uint32Array): Indexed {
  const step = Math.max(1, Math.ceil(Math.max(level.width, level.height) / FINEST));
  const [width, height] = [Math.ceil(level.width / step), Math.ceil(level.height / step)];
  const sums = new Float64Array(width * height);
  const counts = new Uint32Array(width * height);
  const span = level.high - level.low || 1;
  const value = (site: number): number => {
    const raw = level.data[site >> (level.dtype === "bit" ? 3 : 0)]!;
    if (level.dtype === "bit") return (raw >> (site & 7)) & 1 ? 255 : 0;
    return level.dtype === "f4" ? (255 * (raw - level.low)) / span : raw;
  };
  for (let y = 0; y < level.height; y++) {
    for (let x = 0; x < level.width; x++) {
      const at = Math.floor(y / step) * width + Math.floor(x / step);
      sums[at]! += value(y * level.width + x);
      counts[at]! += 1;
    }
  }
  const sites = Uint8Array.from(sums, (sum, i) => Math.min(255, Math.max(0, sum / counts[i]!)));
  return { width, height, sites, colours: new Uint8Array(colours.buffer) };
}

/** At most four levels, the finest and the one under the dial among them. */
export function chosen(levels: readonly Level[], cutoff: number): Level[] {
  const clear = levels.filter(({ width, height }) => Math.min(width, height) >= COARSEST);
  if (clear.length <= PICTURES) return clear;
  const even = [0, 1, 2, 3].map((i) => Math.round((i * (clear.length - 1)) / (PICTURES - 1)));
  const under = clear.findIndex(({ index }) => index === cutoff);
  if (under > 0 && !even.includes(under)) {
    const near = even.slice(1).sort((a, b) => Math.abs(a - under) - Math.abs(b - under))[0]!;
    even[even.indexOf(near)] = under;
  }
  return even.sort((a, b) => a - b).map((i) => clear[i]!);
}

/** A row of pictures, each with its scale; and how high the row is. */
function pictures(
  levels: readonly Level[],
  spec: Spec,
  cutoff: number,
  png: Png,
): [string, number] {
  if (levels.length === 0) return ["", 0];
  const side = Math.min(260, (WIDTH - GAP * (levels.length - 1)) / levels.length);
  const left = (WIDTH - levels.length * side - GAP * (levels.length - 1)) / 2;
  const sizes = levels.map(({ width, height }) => {
    const scale = side / Math.max(width, height);
    return [width * scale, height * scale] as const;
  });
  const row = Math.max(...sizes.map(([, h]) => h));
  const drawn = levels.map((level, i) => {
    const x = left + i * (side + GAP);
    const [w, h] = sizes[i]!;
    const colours = over(spec.palette, "light", level.low, level.high);
    const label = `${spec.scale.symbol || spec.scale.name} = ${spec.scale.labels[level.index]}`;
    const weight = level.index === cutoff ? 600 : 400;
    return (
      `<image x="${x + (side - w) / 2}" y="${(row - h) / 2}" width="${w}" height="${h}" ` +
      `preserveAspectRatio="none" style="image-rendering:pixelated" href="${png(indexed(level, colours))}"/>` +
      `<text x="${x + side / 2}" y="${row + 20}" text-anchor="middle" font-size="14" ` +
      `font-weight="${weight}" fill="${colour("--rg-ink")}">${escape(label)}</text>`
    );
  });
  return [drawn.join(""), row + 36];
}

export interface Chart {
  spec: Record<string, unknown>;
  data: Record<string, never[]> | ReturnType<Table["data"]>;
  signals: Record<string, unknown>;
}

interface Place {
  x: number;
  y: number;
  width: number;
  height: number;
  grows?: boolean;
}

/** One chart as SVG, of this size, at this place. */
async function plate(chart: Chart, { x, y, ...size }: Place): Promise<string> {
  const vega = compiled({ ...chart, ...size, colour, font: FONT });
  const view = new View(parse(vega, undefined, { ast: true }), {
    expr: expressionInterpreter,
    loader: closed as never,
    logLevel: LogErrors,
    renderer: "none",
  });
  for (const [name, value] of Object.entries(chart.signals)) {
    if ((vega.signals ?? []).some((signal) => signal.name === name)) view.signal(name, value);
  }
  await view.runAsync();
  const svg = await view.toSVG();
  view.finalize();
  return svg.replace("<svg ", `<svg x="${x}" y="${y}" `);
}

function sheet(body: string, height: number, words: string): string {
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ` +
    `viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="${FONT}" ` +
    `role="img" aria-label="${escape(words)}">${adapt()}` +
    `<rect width="${WIDTH}" height="${height}" fill="${colour("--rg-paper")}"/>${body}</svg>`
  );
}

/** Where the dial stands, below charts alone. */
function dial({ scale }: Spec, cutoff: number, y: number): string {
  const words = `The dial stands at ${scale.name} ${scale.labels[cutoff]}`;
  return (
    `<text x="${WIDTH / 2}" y="${y + 18}" text-anchor="middle" font-size="13" ` +
    `fill="${colour("--rg-soft")}">${escape(words)}</text>`
  );
}

/** The first observable that a cut can change at all: on paper none can be chosen. */
function changed({ observables }: Spec, table: Table, cutoff: number): string {
  const rows = table.data("bounds", cutoff).table ?? [];
  const names = observables.map(({ name }) => name);
  const changes = (name: string): boolean =>
    rows.some((row) => row.observable === name && Number(row.attack ?? row.average) > NOTHING);
  return names.find(changes) ?? names[0] ?? "";
}

/** What a reader has chosen to see: a chart, and the observable in it. */
export interface Shown {
  view?: string | undefined;
  observable?: string | undefined;
}

/** The level under the dial, or the nearest one that has a picture. */
function under(levels: readonly Level[], cutoff: number): Level[] {
  const far = ({ index }: Level): number => Math.abs(index - cutoff);
  return [...levels].sort((a, b) => far(a) - far(b)).slice(0, 1);
}

/**
 * A still frame of a record whose levels carry their bytes: the scale and the chart that are
 * `shown`; where nobody has chosen, a few scales and the most telling chart.
 */
export async function still(record: LensRecord, png: Png, shown?: Shown): Promise<string> {
  const spec = readSpec(record.spec);
  const table = new Table(record.table, spec);
  const cutoff = record.cutoff ?? 0;
  const count = spec.scale.cutoffs.length;
  const levels = (record.pyramid ?? []).map((level: RecordLevel) =>
    decode(readHeader(level, count), level.data as ArrayBufferView),
  );
  const seen = shown ? under(levels, cutoff) : chosen(levels, cutoff);
  const [row, top] = pictures(seen, spec, cutoff, png);
  const given = isObject(record.charts) ? record.charts : {};
  const telling = TELLING.filter((view) => view in given).slice(0, top > 0 ? 1 : 2);
  const views = shown ? Object.keys(given).filter((view) => view === shown.view) : telling;
  const place = spec.scale.cutoffs[cutoff];
  const observable = shown?.observable ?? changed(spec, table, cutoff);
  const signals = { cutoff: place, preview: place, observable };
  const each = (WIDTH - GAP * (views.length - 1)) / Math.max(1, views.length);
  const drawn = await Promise.all(
    views.map((view, i) => {
      const chart = { spec: given[view] as never, data: table.data(view, cutoff), signals };
      return plate(chart, { x: i * (each + GAP), y: top, width: each, height: CHART });
    }),
  );
  const below = top + (drawn.length > 0 ? CHART + 4 : 0);
  // A row of pictures says already where the dial stands.
  const [said, height] = levels.length > 0 ? ["", below] : [dial(spec, cutoff, below), below + 28];
  return sheet(row + drawn.join("") + said, height, spec.describe);
}

type Loose = Record<string, unknown>;

/** Lines that only a colour tells apart are dashed as well: paper may be grey. */
export function toldApart(spec: Loose): Loose {
  const layers = Array.isArray(spec.layer) ? { layer: spec.layer.map(toldApart) } : {};
  const kind = isObject(spec.mark) ? spec.mark.type : spec.mark;
  const encoding = spec.encoding as Loose | undefined;
  const colours = encoding?.color as Loose | undefined;
  const free = encoding && !("strokeDash" in encoding) && !("shape" in encoding);
  if (kind !== "line" || !free || colours?.type !== "nominal") return { ...spec, ...layers };
  const { scale, ...strokeDash } = colours;
  const domain = isObject(scale) && Array.isArray(scale.domain) ? { domain: scale.domain } : {};
  // Symbols of the legend are pieces of the lines: a dot would not show the dashes.
  const piece = { symbolType: "stroke", symbolSize: 900, ...((colours.legend ?? {}) as Loose) };
  // Nothing measures letters here: a limit would cut what has room.
  const legend = colours.legend === null ? null : { ...piece, labelLimit: 0 };
  const dashes = { ...strokeDash, legend, scale: { ...domain, range: DASHES } };
  const color = { ...colours, legend };
  return { ...spec, encoding: { ...encoding, color, strokeDash: dashes } };
}

/** A chart of a notebook, with its own data and its own size if it has one. */
export async function plot(spec: Record<string, unknown>): Promise<string> {
  const height = typeof spec.height === "number" ? spec.height : 300;
  const chart = { spec: toldApart(spec) as Chart["spec"], data: {}, signals: {} };
  const grows = typeof spec.height === "number";
  const body = await plate(chart, { x: 0, y: 0, width: WIDTH, height, grows });
  const described = typeof spec.description === "string" ? spec.description : "chart";
  return sheet(body, Number(/height="([\d.]+)"/.exec(body)?.[1] ?? height), described);
}
