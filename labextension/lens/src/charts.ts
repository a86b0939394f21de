/** Vega and Vega-Lite, in a bundle of their own that loads when a chart is first shown. */
import { changeset, parse, View, Error as LogErrors, type Spec as VegaSpec } from "vega";
import { expressionInterpreter } from "vega-interpreter";
import type { ChartHandle, ChartRequest, Drag } from "./chart";
import { closed, compiled, copies } from "./compile";

// On paper as on the screen: the same Vega draws both.
export { still, type Shown } from "./still";

type Loose = Record<string, unknown>;

interface Axis {
  (value: number): number | undefined;
  bandwidth?: () => number;
}

function horizontal(view: View, vega: VegaSpec): Axis | null {
  const names = (vega.scales ?? []).map(({ name }) => name).filter((name) => /(^|_)x$/.test(name));
  for (const name of names) {
    const scale = view.scale(name) as Axis | undefined;
    if (scale) return scale;
  }
  return null;
}

/** Where on the chart each cutoff stands, in pixels from the left of the plot. */
function places(axis: Axis, drag: Drag): number[] {
  const half = (axis.bandwidth?.() ?? 0) / 2;
  return drag.positions.map((value) => (axis(value) ?? NaN) + half);
}

function nearest(at: number, marks: readonly number[]): number | null {
  let best: number | null = null;
  marks.forEach((mark, index) => {
    if (!Number.isFinite(mark)) return;
    if (best === null || Math.abs(mark - at) < Math.abs(marks[best]! - at)) best = index;
  });
  return best;
}

interface Item {
  x?: number;
  mark?: { group?: Item; marktype?: string };
}

/** The left edge of the small multiple under the pointer. */
function inset(item: Item | null | undefined): number {
  let left = 0;
  let group = item?.mark?.marktype === "group" ? item : item?.mark?.group;
  for (; group; group = group.mark?.group) left += group.x ?? 0;
  return left;
}

/** Turns a hand on the plot into the same preview and commit as the dial's. */
function draggable(view: View, vega: VegaSpec, container: HTMLElement, drag: Drag): void {
  const canvas = container.querySelector("canvas");
  const axis = horizontal(view, vega);
  if (!canvas || !axis || places(axis, drag).every((place) => !Number.isFinite(place))) return;
  container.classList.add("rg-draggable");
  let left: number | null = null;
  let last: number | null = null;
  const follow = (event: PointerEvent): void => {
    if (left === null) return;
    const now = horizontal(view, vega);
    const x = event.clientX - canvas.getBoundingClientRect().left - view.origin()[0]! - left;
    const index = now ? nearest(x, places(now, drag)) : null;
    if (index === null || index === last) return;
    last = index;
    drag.preview(index);
  };
  view.addEventListener("pointerdown", (event, item) => {
    left = inset(item as Item | null);
    last = null;
    canvas.setPointerCapture((event as PointerEvent).pointerId);
    event.preventDefault();
    follow(event as PointerEvent);
  });
  canvas.addEventListener("pointermove", follow);
  const release = (): void => {
    if (left !== null && last !== null) drag.commit(last);
    left = null;
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
}

function handle(view: View, request: ChartRequest): ChartHandle {
  /** A chart need not use every source and every parameter that the lens offers. */
  const knows = (look: () => unknown): boolean => {
    try {
      look();
      return true;
    } catch {
      return false;
    }
  };
  const set = (signals: Loose): void => {
    for (const [name, value] of Object.entries(signals)) {
      if (knows(() => view.signal(name))) view.signal(name, value);
    }
  };
  set(request.signals);
  return {
    async update({ data, signals }) {
      for (const [name, rows] of Object.entries(data ?? {})) {
        if (!knows(() => view.data(name))) continue;
        view.change(
          name,
          changeset()
            .remove(() => true)
            .insert(copies(rows)),
        );
      }
      set(signals ?? {});
      await view.runAsync();
    },
    image: (scale) => view.toImageURL("png", scale),
    dispose: () => void view.finalize(),
  };
}

/** Draws a Vega-Lite chart; rejects with what is wrong in the specification. */
export async function drawChart(request: ChartRequest): Promise<ChartHandle> {
  const vega = compiled(request);
  const view = new View(parse(vega, undefined, { ast: true }), {
    expr: expressionInterpreter,
    loader: closed as never,
    logLevel: LogErrors,
    renderer: "canvas",
    container: request.container,
    hover: true,
  });
  const chart = handle(view, request);
  await view.runAsync();
  if (request.drag) draggable(view, vega, request.container, request.drag);
  return chart;
}
