import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ChartRequest, ChartsModule } from "../src/chart";
import { chartConfig, recolour } from "../src/config";
import { fit } from "../src/fit";
import { mount, type MountOptions } from "../src/page";
import { render } from "../src/widget";
import { model, press, rareAt, record } from "./records";
import { frame } from "./setup";

const LOADED = Symbol.for("rgwidgets.charts");

let asked: ChartRequest[];
let updates: Record<string, unknown>[];
let disposed: number;
let charts: ChartsModule;
let el: HTMLElement;

const settle = async (): Promise<void> => {
  await vi.waitFor(() => undefined);
  for (let i = 0; i < 10; i++) await Promise.resolve();
};
let opened: (() => void)[] = [];
const open = (given: ReturnType<typeof record>, options: MountOptions): void => {
  opened.push(mount(el, given, options).dispose);
};
afterEach(() => {
  for (const dispose of opened) dispose();
  opened = [];
});
const tabs = (): HTMLButtonElement[] => [...el.querySelectorAll<HTMLButtonElement>(".rg-tab")];
const given = (): ReturnType<typeof record> => ({
  ...record(),
  spec: { ...(record().spec as object), views: ["field", "bounds", "flow"] },
  charts: { bounds: { mark: "line" }, flow: { mark: "point" } },
});

beforeEach(() => {
  delete (globalThis as Record<symbol, unknown>)[LOADED];
  vi.stubGlobal("IntersectionObserver", undefined);
  vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(640);
  [asked, updates, disposed] = [[], [], 0];
  charts = {
    drawChart: (request) => {
      asked.push(request);
      return Promise.resolve({
        update: (change) => Promise.resolve(void updates.push(change)),
        image: () => Promise.resolve(""),
        dispose: () => void disposed++,
      });
    },
  };
  el = document.body.appendChild(document.createElement("div"));
});

describe("charts", () => {
  it("are loaded when one is seen, and only the tab in front is drawn", async () => {
    const load = vi.fn(() => Promise.resolve(charts));
    open(given(), { charts: load });
    await settle();
    expect(load).toHaveBeenCalledOnce();
    expect(asked.map(({ spec }) => spec)).toEqual([{ mark: "line" }]);
    tabs()[1]!.click();
    await settle();
    expect(load).toHaveBeenCalledOnce();
    expect(asked.map(({ spec }) => spec)).toEqual([{ mark: "line" }, { mark: "point" }]);
    expect(tabs().map((tab) => tab.getAttribute("aria-selected"))).toEqual(["false", "true"]);
  });

  it("of how rare says why it is blank, and is drawn anew at a cutoff where it is known", async () => {
    open(rareAt(2), { charts });
    await settle();
    tabs()[1]!.click();
    await settle();
    const note = (): string => el.querySelectorAll(".rg-chart-note")[1]!.textContent!;
    expect(note()).toContain("not computed");
    const dial = el.querySelector<HTMLElement>(".rg-dial input")!;
    press(dial, "ArrowRight");
    press(dial, "ArrowRight");
    frame();
    await settle();
    expect(note()).toBe("");
    const drawn = updates.at(-1) as { data: Record<string, unknown[]> };
    expect(drawn.data.table!.filter((row) => "epsilon" in (row as object))).toHaveLength(3);
  });

  it("are not loaded by a lens that has none", async () => {
    const load = vi.fn(() => Promise.resolve(charts));
    open(record(), { charts: load });
    await settle();
    expect(load).not.toHaveBeenCalled();
  });

  it("follow the dial by signals alone, in the cutoff's own unit", async () => {
    open(given(), { charts });
    await settle();
    updates.length = 0;
    press(el.querySelector<HTMLElement>(".rg-dial input")!, "End");
    frame();
    await settle();
    expect(updates).toEqual([
      {
        signals: { cutoff: 1, preview: 8, cutoff_index: 0, preview_index: 3, observable: "energy" },
      },
    ]);
  });

  it("turn the dial when they are dragged, and commit when they are let go", async () => {
    open(given(), { charts });
    await settle();
    const drag = asked[0]!.drag!;
    expect(drag.positions).toEqual([1, 2, 4, 8]);
    drag.preview(2);
    expect(el.querySelector<HTMLInputElement>(".rg-dial input")!.value).toBe("2");
    drag.commit(2);
    tabs()[1]!.click();
    await settle();
    expect(asked[1]!.drag).toBe(null);
  });

  it.each([
    [{ drag: "index" }, [0, 1, 2, 3]],
    [{ drag: [0.5, 1.5, 2.5, 3.5] }, [0.5, 1.5, 2.5, 3.5]],
    [{ drag: null }, null],
    [{}, [1, 2, 4, 8]],
  ])("say by usermeta where the dial's places are: %j", async (rgwidgets, positions) => {
    open({ ...given(), charts: { bounds: { mark: "line", usermeta: { rgwidgets } } } }, { charts });
    await settle();
    expect(asked[0]!.drag?.positions ?? null).toEqual(positions);
  });

  it("that fail say why in their place, and can be tried again", async () => {
    let broken = true;
    const load = (): Promise<ChartsModule> =>
      broken ? Promise.reject(new Error("no such file")) : Promise.resolve(charts);
    open(given(), { charts: load });
    await vi.waitFor(() =>
      expect(el.querySelector(".rg-chart-note")!.textContent).toContain("cannot be drawn"),
    );
    expect(el.querySelector<HTMLElement>(".rg-panel")!.hidden).toBe(true);
    broken = false;
    el.querySelector<HTMLButtonElement>(".rg-chart-cover button")!.click();
    await vi.waitFor(() => expect(asked).toHaveLength(1));
    await settle();
    expect(el.querySelector(".rg-chart-note")!.textContent).toBe("");
  });

  it("are asked of the kernel where there is one", () => {
    const live = model({ ...given(), status: { state: "idle" } });
    opened.push(render({ model: live, el }));
    expect(live.sent).toContainEqual({ kind: "asset", name: "charts.js" });
  });

  it("are drawn anew when the page turns dark", async () => {
    document.documentElement.setAttribute("data-theme", "light");
    open(given(), { charts });
    await settle();
    document.documentElement.setAttribute("data-theme", "dark");
    await vi.waitFor(() => expect(asked).toHaveLength(2));
    document.documentElement.removeAttribute("data-theme");
  });

  it("are drawn anew when one dark theme follows another", async () => {
    document.body.dataset.jpThemeLight = "false";
    open(given(), { charts });
    await settle();
    document.body.dataset.jpThemeName = "High contrast";
    await vi.waitFor(() => expect(asked).toHaveLength(2));
    delete document.body.dataset.jpThemeName;
    delete document.body.dataset.jpThemeLight;
  });

  it("are drawn anew when the page is back that was hidden while it turned dark", async () => {
    document.documentElement.setAttribute("data-theme", "light");
    open(given(), { charts });
    await settle();
    const width = vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(0);
    document.documentElement.setAttribute("data-theme", "dark");
    await vi.waitFor(() => expect(disposed).toBe(1));
    expect(asked).toHaveLength(1);
    width.mockReturnValue(640);
    frame();
    await vi.waitFor(() => expect(asked).toHaveLength(2));
    document.documentElement.removeAttribute("data-theme");
  });

  it("go with the lens", async () => {
    const mounted = mount(el, given(), { charts });
    await settle();
    mounted.dispose();
    expect(disposed).toBe(1);
  });
});

describe("what the lens does to a chart", () => {
  it("gives a single view the width of its place and a height where it has none", () => {
    expect(fit({ mark: "line" }, 600, 300)).toMatchObject({
      width: 600,
      height: 300,
      autosize: { type: "fit" },
    });
    expect(fit({ mark: "line", height: 90 }, 600, 300)).toMatchObject({ height: 90 });
    expect(fit({ height: { step: 20 } }, 600, 300)).toMatchObject({ autosize: { type: "fit-x" } });
  });

  it("shares the width among small multiples", () => {
    const row = fit({ facet: { row: {} }, spec: { height: 100 } }, 600, 300) as {
      spec: { width: number };
    };
    expect(row.spec.width).toBeGreaterThan(450);
    const two = fit({ facet: {}, columns: 2, spec: {} }, 600, 300) as { spec: { width: number } };
    expect(two.spec.width * 2).toBeLessThan(600);
    const beside = fit({ hconcat: [{}, {}, {}] }, 900, 300) as { hconcat: { width: number }[] };
    expect(beside.hconcat.reduce((sum, { width }) => sum + width, 0)).toBeLessThan(900);
  });

  it("puts the theme's colours for the bounds' own, wherever they stand", () => {
    const colour = (variable: string): string => `theme(${variable})`;
    const spec = { encoding: { color: { scale: { range: ["#0072B2", "#d55e00", "#123456"] } } } };
    expect(recolour(spec, colour)).toEqual({
      encoding: {
        color: { scale: { range: ["theme(--rg-average)", "theme(--rg-attack)", "#123456"] } },
      },
    });
  });

  it("orders the default colours as average, resample, attack, certificate", () => {
    const config = chartConfig((variable) => variable, "serif", 600) as {
      range: { category: string[] };
    };
    expect(config.range.category.slice(0, 4)).toEqual([
      "--rg-average",
      "--rg-resample",
      "--rg-attack",
      "--rg-certificate",
    ]);
  });
});
