/** The looks of a chart: the colours and letters of the page around it. */

/** The light colours of the bounds, and black, as Python writes them, and what stands for them. */
const COLOURS: Record<string, string> = {
  "#0072b2": "--rg-average",
  "#56b4e9": "--rg-resample",
  "#d55e00": "--rg-attack",
  "#009e73": "--rg-certificate",
  "#000000": "--rg-ink",
};

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export function recolour(spec: Json, colour: (variable: string) => string): Json {
  if (typeof spec === "string") {
    const variable = COLOURS[spec.toLowerCase()];
    return variable ? colour(variable) || spec : spec;
  }
  if (Array.isArray(spec)) return spec.map((part) => recolour(part, colour));
  if (spec === null || typeof spec !== "object") return spec;
  return Object.fromEntries(
    Object.entries(spec).map(([key, part]) => [key, recolour(part, colour)]),
  );
}

type Colour = (variable: string) => string;

function axes(colour: Colour, narrow: boolean): object {
  const line = colour("--rg-line");
  const axis = {
    domainColor: line,
    tickColor: line,
    gridColor: line,
    gridOpacity: 0.6,
    tickSize: 4,
    labelColor: colour("--rg-soft"),
    labelFontSize: 11,
    labelOverlap: "greedy",
    titleColor: colour("--rg-ink"),
    titleFontSize: 12,
    titleFontWeight: "normal",
    titlePadding: 8,
  };
  return {
    axis,
    axisX: { grid: false, tickCount: narrow ? 5 : 9 },
    axisQuantitative: { labelFlush: false },
    axisY: { domain: false, ticks: false, labelPadding: 6, tickCount: 5 },
  };
}

function words(colour: Colour, narrow: boolean): object {
  const ink = colour("--rg-ink");
  const title = { titleColor: ink, titleFontWeight: "normal" };
  const legend = {
    ...title,
    orient: "top",
    direction: "horizontal",
    title: null,
    labelColor: ink,
    labelLimit: narrow ? 160 : 300,
    labelFontSize: 11.5,
    symbolSize: 70,
    symbolStrokeWidth: 2,
    columnPadding: 14,
    offset: 6,
    // Four bounds, or two legends, in one row would run out of a narrow column.
    ...(narrow
      ? { columns: 2, layout: { top: { direction: "vertical", anchor: "start", margin: 2 } } }
      : {}),
  };
  return {
    legend,
    header: { ...title, labelColor: ink, labelFontSize: 12 },
    title: {
      color: ink,
      fontSize: 13,
      fontWeight: 600,
      anchor: "start",
      subtitleColor: colour("--rg-soft"),
    },
    text: { color: ink, fontSize: 11 },
  };
}

/** Styles that a chart names to have the dial's rules and the budget look alike everywhere. */
function styles(colour: Colour): object {
  const ink = colour("--rg-ink");
  const soft = colour("--rg-soft");
  return {
    cutoff: { stroke: ink, strokeWidth: 2, strokeCap: "butt" },
    preview: { stroke: ink, strokeWidth: 1.5, strokeDash: [4, 3], strokeOpacity: 0.75 },
    budget: { fill: soft, fillOpacity: 0.16, stroke: null },
    tolerance: { stroke: soft, strokeWidth: 1.25, strokeDash: [2, 3] },
  };
}

/** A Vega-Lite configuration in the colours and letters of the page around it. */
export function chartConfig(colour: Colour, font: string, width: number): object {
  const narrow = width < 460;
  const accent = colour("--rg-accent");
  const bounds = ["average", "resample", "attack", "certificate"];
  const category = [...bounds, "extra1", "extra2", "extra3"].map((name) => colour(`--rg-${name}`));
  return {
    background: "transparent",
    font,
    padding: { left: 2, right: 10, top: 4, bottom: 2 },
    view: { stroke: null },
    ...axes(colour, narrow),
    ...words(colour, narrow),
    mark: { color: accent },
    bar: { color: accent },
    line: { strokeWidth: 2, strokeCap: "round", strokeJoin: "round" },
    rule: { color: colour("--rg-soft") },
    point: { filled: true, size: 45 },
    arc: { stroke: colour("--rg-paper") },
    range: { category },
    style: styles(colour),
  };
}
