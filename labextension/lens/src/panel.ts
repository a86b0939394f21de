/** The charts behind tabs; only the one in sight is loaded, drawn and kept up to date. */
import { ChartView, type ChartsModule, type ChartState, type Drag } from "./chart";
import { h, setAttribute } from "./dom";
import type { Spec } from "./types";

const TITLES: Record<string, string> = {
  spectrum: "Spectrum",
  observables: "Observables",
  bounds: "Bounds",
  rare: "Rare",
  comparison: "Comparison",
  flow: "Flow",
};

let panels = 0;

export class ChartsPanel {
  readonly el: HTMLElement;
  readonly #charts: ChartView[];
  readonly #tabs: HTMLButtonElement[];
  readonly #panes: HTMLElement[];
  #shown = 0;
  #inSight = false;
  readonly #sight: IntersectionObserver | null;
  readonly #size: ResizeObserver | null;
  #settling: ReturnType<typeof setTimeout> | null = null;

  constructor(
    spec: Spec,
    specs: Record<string, Record<string, unknown>>,
    state: (view: string) => ChartState,
    load: () => Promise<ChartsModule>,
    turn: Pick<Drag, "preview" | "commit">,
    private readonly turned: () => void = () => undefined,
  ) {
    const name = `rg-charts-${++panels}`;
    const views = spec.views.filter((view) => view in specs);
    this.#charts = views.map(
      (view) => new ChartView(view, specs[view]!, spec.scale.cutoffs, state(view), load, turn),
    );
    this.#panes = this.#charts.map((chart, i) =>
      h(
        "div",
        {
          class: "rg-pane",
          role: "tabpanel",
          id: `${name}-${i}`,
          "aria-labelledby": `${name}-tab-${i}`,
        },
        chart.el,
      ),
    );
    this.#tabs = views.map((view, i) => this.#tab(view, name, i));
    const list = h(
      "div",
      { class: "rg-tabs", role: "tablist", "aria-label": "Charts" },
      ...this.#tabs,
    );
    list.addEventListener("keydown", (event) => this.#key(event));
    this.el = h("div", { class: "rg-charts" }, list, ...this.#panes);
    this.#mark();
    this.#sight = this.#watchSight();
    this.#size = globalThis.ResizeObserver ? new ResizeObserver(() => this.#resized()) : null;
    this.#size?.observe(this.el);
  }

  /** Where no one can tell what is in sight, everything is. */
  #watchSight(): IntersectionObserver | null {
    if (!globalThis.IntersectionObserver) {
      this.#seen(true);
      return null;
    }
    const near = { rootMargin: "200px" };
    const sight = new IntersectionObserver(
      (seen) => this.#seen(seen.some((entry) => entry.isIntersecting)),
      near,
    );
    sight.observe(this.el);
    return sight;
  }

  get empty(): boolean {
    return this.#charts.length === 0;
  }

  #tab(view: string, name: string, index: number): HTMLButtonElement {
    const title = TITLES[view] ?? view.charAt(0).toUpperCase() + view.slice(1);
    const attributes = {
      type: "button",
      class: "rg-tab",
      role: "tab",
      id: `${name}-tab-${index}`,
      "aria-controls": `${name}-${index}`,
      "data-view": view,
    };
    const button = h("button", attributes, title);
    button.addEventListener("click", () => this.#show(index));
    return button;
  }

  #key(event: KeyboardEvent): void {
    const last = this.#tabs.length - 1;
    const moves: Record<string, number> = {
      ArrowLeft: this.#shown - 1,
      ArrowRight: this.#shown + 1,
      Home: 0,
      End: last,
    };
    const to = moves[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.#show(Math.min(last, Math.max(0, to)));
    this.#tabs[this.#shown]?.focus();
  }

  #mark(): void {
    this.#tabs.forEach((tab, i) => {
      setAttribute(tab, "aria-selected", String(i === this.#shown));
      tab.tabIndex = i === this.#shown ? 0 : -1;
      this.#panes[i]!.hidden = i !== this.#shown;
    });
  }

  #show(index: number): void {
    this.#shown = index;
    this.#mark();
    this.#charts[index]?.resized();
    void this.#charts[index]?.flush();
    this.turned();
  }

  /** The chart whose tab is open. */
  get view(): string {
    return this.#charts[this.#shown]?.view ?? "";
  }

  #seen(inSight: boolean): void {
    this.#inSight = inSight;
    if (inSight) this.#charts[this.#shown]?.resized();
  }

  /** Waits for the end of a resize: drawing at every width on the way would stutter. */
  #resized(): void {
    if (!this.#inSight) return;
    if (this.#settling !== null) clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#charts[this.#shown]?.resized(), 80);
  }

  changed(data: boolean): void {
    for (const chart of this.#charts) chart.changed(data);
    void this.#charts[this.#shown]?.flush();
  }

  retheme(): void {
    for (const chart of this.#charts) chart.dispose();
    this.#charts.forEach((chart, i) => {
      if (i === this.#shown && this.#inSight) void chart.draw();
    });
  }

  dispose(): void {
    this.#sight?.disconnect();
    this.#size?.disconnect();
    if (this.#settling !== null) clearTimeout(this.#settling);
    for (const chart of this.#charts) chart.dispose();
  }
}
