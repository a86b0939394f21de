/** The size of a chart is the lens's to give, whatever its author wrote. */

type Loose = Record<string, unknown>;

const COMPOSED = ["facet", "repeat", "concat", "hconcat", "vconcat"];

function isComposed(spec: Loose): boolean {
  const encoding = (spec.encoding ?? {}) as Loose;
  return (
    COMPOSED.some((key) => key in spec) || ["row", "column", "facet"].some((key) => key in encoding)
  );
}

/**
 * Fits a chart to its place; the parts of a composed one share the width. Where the place may
 * grow, a height that the author wrote is that of the plot, without axes and legends.
 */
export function fit(spec: Loose, width: number, height: number, grows = false): Loose {
  if (!isComposed(spec)) {
    // A height by steps follows the number of rows; every other fills the place.
    const stepped = typeof spec.height === "object" || grows;
    const autosize = { type: stepped ? "fit-x" : "fit", contains: "padding" };
    return { ...spec, width, height: spec.height ?? height, autosize };
  }
  const columns = typeof spec.columns === "number" ? Math.max(1, spec.columns) : 1;
  const each = Math.max(120, Math.floor((width - 70) / columns) - 24);
  const resized = (part: unknown): unknown =>
    typeof part === "object" ? { ...part, width: each } : part;
  if ("spec" in spec) return { ...spec, spec: resized(spec.spec) };
  for (const key of ["vconcat", "concat", "hconcat"]) {
    const parts = spec[key];
    if (Array.isArray(parts)) {
      const share = key === "hconcat" ? parts.length : key === "vconcat" ? 1 : columns;
      const wide = Math.max(120, Math.floor((width - 70) / share) - 24);
      return { ...spec, [key]: parts.map((part: Loose) => ({ ...part, width: wide })) };
    }
  }
  return { ...spec, width: each };
}
