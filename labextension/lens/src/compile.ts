/** From a record's Vega-Lite to Vega; what the browser draws and what a still frame shows. */
import type { Spec as VegaSpec } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import type { ChartRequest, Rows } from "./chart";
import { chartConfig, recolour, type Json } from "./config";
import { fit } from "./fit";

export type Drawn = Pick<ChartRequest, "spec" | "colour" | "font" | "data" | "width" | "height"> & {
  /** The place takes the height that the chart comes to. */
  grows?: boolean;
};
type Loose = Record<string, unknown>;

const refuse = (): Promise<never> =>
  Promise.reject(new Error("A chart may only draw data that the lens holds."));

/** Charts come with records from elsewhere: none may fetch an address, nor open one. */
export const closed = { load: refuse, sanitize: refuse, http: refuse, file: refuse, options: {} };

export const copies = (rows: Rows): Rows => rows.map((row) => ({ ...row }));

/** What Vega-Lite would say of a chart's style is for its author, not for who looks at it. */
const quiet = {
  level: () => quiet,
  error: (...words: unknown[]) => (console.error("[rgwidgets]", ...words), quiet),
  warn: () => quiet,
  info: () => quiet,
  debug: () => quiet,
};

/** A Vega-Lite chart as Vega, with the rows, the size and the looks of its place. */
export function compiled(request: Drawn): VegaSpec {
  const { colour, font, width } = request;
  const given = recolour(request.spec as Json, colour) as Loose;
  const datasets: Loose = { ...((given.datasets ?? {}) as Loose) };
  for (const [name, rows] of Object.entries(request.data)) datasets[name] = copies(rows);
  const spec = {
    data: { name: "table" },
    ...fit(given, width, request.height, request.grows),
    datasets,
  };
  const vega = compile(spec as unknown as TopLevelSpec, {
    config: chartConfig(colour, font, width),
    logger: quiet as never,
  }).spec;
  // A dash cannot be read off the outline of so small a symbol, whose shape says the same.
  for (const legend of vega.legends ?? []) if (legend.shape) delete legend.strokeDash;
  return vega;
}
