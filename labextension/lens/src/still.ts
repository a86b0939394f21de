/** A lens on paper: a few of its scales and its most telling chart, as one SVG. */
import { parse, View, Error as LogErrors } from "vega";
import { expressionInterpreter } from "vega-interpreter";
import { decode, readHeader, type Level } from "./codec";
import { closed, compiled } from "./compile";
import { palette } from "./palette";
import { isObject, readSpec } from "./read";
import { Table } from "./table";
import theme from "./theme.css?inline";
import type { LensRecord, RecordLevel, Spec } from "./types";

const WIDTH = 800;
const GAP = 16;
const PICTURES = 4;
const FONT = "system-ui, sans-serif";
/** Pictures finer than this are averaged: paper shows no more. */
const FINEST = 400;
/** Smaller pictures tell nothing. */
const COARSEST = 4;
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
  const table = palette(spec.palette, "light");
  const drawn = levels.map((level, i) => {
    const x = left + i * (side + GAP);
    const scale = side / Math.max(level.width, level.height);
    const [w, h] = [level.width * scale, level.height * scale];
    const label = `${spec.scale.symbol || spec.scale.name} = ${spec.scale.labels[level.index]}`;
    const weight = level.index === cutoff ? 600 : 400;
    return (
      `<image x="${x + (side - w) / 2}" y="${(side - h) / 2}" width="${w}" height="${h}" ` +
      `preserveAspectRatio="none" style="image-rendering:pixelated" href="${png(indexed(level, table))}"/>` +
      `<text x="${x + side / 2}" y="${side + 20}" text-anchor="middle" font-size="14" ` +
      `font-weight="${weight}" fill="${colour("--rg-ink")}">${escape(label)}</text>`
    );
  });
  return [drawn.join(""), side + 36];
}

export interface Chart {
  spec: Record<string, unknown>;
  data: Record<string, never[]> | ReturnType<Table["data"]>;
  signals: Record<string, unknown>;
}

/** One chart as SVG, of this size, at this place. */
async function plate(
  chart: Chart,
  x: number,
  y: number,
  width: number,
  height: number,
): Promise<string> {
  const vega = compiled({ ...chart, colour, font: FONT, width, height });
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

/** A still frame of a record whose levels carry their bytes. */
export async function still(record: LensRecord, png: Png): Promise<string> {
  const spec = readSpec(record.spec);
  const table = new Table(record.table, spec);
  const cutoff = record.cutoff ?? 0;
  const count = spec.scale.cutoffs.length;
  const levels = (record.pyramid ?? []).map((level: RecordLevel) =>
    decode(readHeader(level, count), level.data as ArrayBufferView),
  );
  const [row, top] = pictures(chosen(levels, cutoff), spec, cutoff, png);
  const given = isObject(record.charts) ? record.charts : {};
  const views = TELLING.filter((view) => view in given).slice(0, top > 0 ? 1 : 2);
  const place = spec.scale.cutoffs[cutoff];
  const signals = { cutoff: place, preview: place, observable: spec.observables[0]?.name ?? "" };
  const each = (WIDTH - GAP * (views.length - 1)) / Math.max(1, views.length);
  const drawn = await Promise.all(
    views.map((view, i) => {
      const chart = { spec: given[view] as never, data: table.data(view, cutoff), signals };
      return plate(chart, i * (each + GAP), top, each, 280);
    }),
  );
  return sheet(row + drawn.join(""), top + (drawn.length > 0 ? 284 : 0), spec.describe);
}

/** A chart of a notebook, with its own data and its own size if it has one. */
export async function plot(spec: Record<string, unknown>): Promise<string> {
  const height = typeof spec.height === "number" ? spec.height : 300;
  const rows = spec as Chart["spec"];
  const body = await plate({ spec: rows, data: {}, signals: {} }, 0, 0, WIDTH, height);
  const described = typeof spec.description === "string" ? spec.description : "chart";
  return sheet(body, Number(/height="([\d.]+)"/.exec(body)?.[1] ?? height), described);
}
