/** The looks of a chart: the colours and letters of the page around it. */

/** The light colours of the bounds, as Python writes them, and what stands for them here. */
const BOUND_COLOURS: Record<string, string> = {
  "#0072b2": "--rg-average",
  "#56b4e9": "--rg-resample",
  "#d55e00": "--rg-attack",
  "#009e73": "--rg-certificate",
};

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export function recolour(spec: Json, colour: (variable: string) => string): Json {
  if (typeof spec === "string") {
    const variable = BOUND_COLOURS[spec.toLowerCase()];
    return variable ? colour(variable) || spec : spec;
  }
  if (Array.isArray(spec)) return spec.map((part) => recolour(part, colour));
  if (spec === null || typeof spec !== "object") return spec;
  return Object.fromEntries(
    Object.entries(spec).map(([key, part]) => [key, recolour(part, colour)]),
  );
}

/** A Vega-Lite configuration in the colours and letters of the page around it. */
export function chartConfig(
  colour: (variable: string) => string,
  font: string,
  width: number,
): object {
  const ink = colour("--rg-ink");
  const soft = colour("--rg-soft");
  const line = colour("--rg-line");
  const accent = colour("--rg-accent");
  const bounds = ["average", "resample", "attack", "certificate"].map((name) =>
    colour(`--rg-${name}`),
  );
  const more = ["--rg-extra1", "--rg-extra2", "--rg-extra3"].map(colour);
  return {
    background: "transparent",
    font,
    padding: { left: 2, right: 10, top: 4, bottom: 2 },
    view: { stroke: null },
    axis: {
      domainColor: line,
      tickColor: line,
      gridColor: line,
      gridOpacity: 0.6,
      tickSize: 4,
      labelColor: soft,
      labelFontSize: 11,
      labelOverlap: "greedy",
      titleColor: ink,
      titleFontSize: 12,
      titleFontWeight: "normal",
      titlePadding: 8,
    },
    axisX: { grid: false, tickCount: width < 460 ? 5 : 9 },
    axisQuantitative: { labelFlush: false },
    mark: { color: accent },
    axisY: { domain: false, ticks: false, labelPadding: 6, tickCount: 5 },
    header: { labelColor: ink, labelFontSize: 12, titleColor: ink, titleFontWeight: "normal" },
    legend: {
      orient: "top",
      direction: "horizontal",
      title: null,
      labelColor: ink,
      labelFontSize: 11.5,
      titleColor: ink,
      titleFontWeight: "normal",
      symbolSize: 70,
      symbolStrokeWidth: 2,
      columnPadding: 14,
      // Four bounds in one row would run out of a narrow column.
      ...(width < 460 ? { columns: 2 } : {}),
      offset: 6,
    },
    title: { color: ink, fontSize: 13, fontWeight: 600, anchor: "start", subtitleColor: soft },
    text: { color: ink, fontSize: 11 },
    line: { strokeWidth: 2, strokeCap: "round", strokeJoin: "round" },
    rule: { color: soft },
    bar: { color: accent },
    point: { filled: true, size: 45 },
    arc: { stroke: colour("--rg-paper") },
    range: { category: [...bounds, ...more] },
    style: {
      cutoff: { stroke: ink, strokeWidth: 2, strokeCap: "butt" },
      preview: { stroke: ink, strokeWidth: 1.5, strokeDash: [4, 3], strokeOpacity: 0.75 },
      budget: { fill: soft, fillOpacity: 0.16, stroke: null },
      tolerance: { stroke: soft, strokeWidth: 1.25, strokeDash: [2, 3] },
    },
  };
}
