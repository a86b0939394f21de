/** One chart of the lens: loaded when first seen, then updated by data and signals only. */
import { h, setText } from "./dom";
import { isObject } from "./read";
import type { Row } from "./table";

export type Rows = Row[];

export interface Drag {
  /** Where each cutoff stands on the horizontal scale. */
  positions: readonly number[];
  preview(index: number): void;
  commit(index: number): void;
}

export interface ChartRequest {
  container: HTMLElement;
  spec: Record<string, unknown>;
  /** The value of one of the lens's colour variables here and now. */
  colour: (variable: string) => string;
  font: string;
  data: Record<string, Rows>;
  signals: Record<string, unknown>;
  width: number;
  height: number;
  drag: Drag | null;
}

export interface ChartHandle {
  update(change: { data?: Record<string, Rows>; signals?: Record<string, unknown> }): Promise<void>;
  image(scale: number): Promise<string>;
  dispose(): void;
}

export interface ChartsModule {
  drawChart(request: ChartRequest): Promise<ChartHandle>;
}

/** The bundle itself, or the address it can be imported from. */
export type ChartsSource = () => Promise<ChartsModule | string>;

const LOADED = Symbol.for("rgwidgets.charts");
type Shared = { [LOADED]?: Promise<ChartsModule> };

async function firstOf(sources: readonly ChartsSource[]): Promise<ChartsModule> {
  let reason: unknown = new Error("no source of charts.js is known");
  for (const source of sources) {
    try {
      const found = await source();
      return typeof found === "string"
        ? ((await import(/* webpackIgnore: true */ /* @vite-ignore */ found)) as ChartsModule)
        : found;
    } catch (fault) {
      reason = fault;
    }
  }
  throw reason;
}

/** Every lens on the page has its own copy of this module, but shares one copy of the charts. */
export function loadCharts(sources: readonly ChartsSource[]): Promise<ChartsModule> {
  const shared = globalThis as Shared;
  const loading = (shared[LOADED] ??= firstOf(sources));
  // A failure is not remembered: the kernel may be back at the next try.
  loading.catch(() => {
    if (shared[LOADED] === loading) delete shared[LOADED];
  });
  return loading;
}

export interface ChartState {
  data(index: number): Record<string, Rows>;
  signals(): Record<string, unknown>;
  index(): number;
  /** True where the data itself changes with the cutoff, of a chart of the spectrum or not. */
  moves(spectral: boolean): boolean;
}

const NARROWEST = 40;
const EMPTY = "Nothing to show at this cutoff.";
const NOT_RARE = "Not known at this cutoff: nothing is neglected, or it was not computed.";
const DRAGGED = ["spectrum", "bounds", "observables"];

function dragPositions(
  view: string,
  spec: Record<string, unknown>,
  cutoffs: readonly number[],
): readonly number[] | null {
  const meta =
    isObject(spec.usermeta) && isObject(spec.usermeta.rgwidgets) ? spec.usermeta.rgwidgets : {};
  if (Array.isArray(meta.drag)) return meta.drag.map(Number);
  if (meta.drag === "index") return cutoffs.map((_, index) => index);
  if (meta.drag === "cutoff") return cutoffs;
  return meta.drag === undefined && DRAGGED.includes(view) ? cutoffs : null;
}

export class ChartView {
  readonly el: HTMLElement;
  readonly #place = h("div", { class: "rg-chart-place" });
  readonly #note = h("div", { class: "rg-chart-note", role: "status" });
  readonly #retry = h("button", { type: "button", class: "rg-button" }, "Try again");
  #chart: ChartHandle | null = null;
  #drawn = 0;
  #width = 0;
  readonly #spectral: boolean;
  #stale = false;
  #sent = "";
  #updating = false;

  constructor(
    readonly view: string,
    private readonly spec: Record<string, unknown>,
    private readonly cutoffs: readonly number[],
    private readonly state: ChartState,
    private readonly load: () => Promise<ChartsModule>,
    private readonly turn: Pick<Drag, "preview" | "commit">,
  ) {
    this.#spectral = view === "spectrum" || JSON.stringify(spec).includes('"relevance"');
    this.#retry.hidden = true;
    this.#retry.addEventListener("click", () => void this.draw());
    this.el = h(
      "div",
      { class: "rg-chart" },
      this.#place,
      h("div", { class: "rg-chart-cover" }, this.#note, this.#retry),
    );
  }

  /** Draws if it has not been drawn at this width; a chart that fails says so in its place. */
  async draw(): Promise<void> {
    const width = Math.floor(this.el.clientWidth);
    if (width < NARROWEST) {
      // JupyterLab hides its page while a theme changes, and tells no one when it is back.
      requestAnimationFrame(() => this.resized());
      return;
    }
    this.#width = width;
    const turn = ++this.#drawn;
    if (!this.#chart) this.#say("Loading the chart …", false);
    try {
      const module = await this.load();
      if (turn !== this.#drawn) return;
      await this.#replace(module, width, turn);
      this.#sayEmpty();
    } catch (fault) {
      const reason = fault instanceof Error ? fault.message : String(fault);
      this.#say(`The chart cannot be drawn (${reason}). The dial and the table still work.`, true);
    }
  }

  async #replace(module: ChartsModule, width: number, turn: number): Promise<void> {
    const style = getComputedStyle(this.el);
    const colour = (variable: string): string => style.getPropertyValue(variable).trim();
    const positions = dragPositions(this.view, this.spec, this.cutoffs);
    const container = h("div", { class: "rg-vega" });
    this.#stale = false;
    const signals = this.state.signals();
    this.#sent = JSON.stringify(signals);
    const chart = await module.drawChart({
      container,
      spec: this.spec,
      colour,
      font: style.fontFamily,
      data: this.state.data(this.state.index()),
      signals,
      width,
      height: parseFloat(style.minHeight) || 340,
      drag: positions ? { positions, ...this.turn } : null,
    });
    if (turn !== this.#drawn) return chart.dispose();
    this.#chart?.dispose();
    this.#chart = chart;
    this.#place.replaceChildren(container);
    await this.flush();
  }

  #sayEmpty(): void {
    const rows = this.state.data(this.state.index()).table ?? [];
    const blank = this.#spectral ? rows.every((row) => row.value === null) : rows.length === 0;
    this.#say(blank ? (this.view === "rare" ? NOT_RARE : EMPTY) : "", false);
  }

  #say(words: string, again: boolean): void {
    setText(this.#note, words);
    this.#retry.hidden = !again;
    this.el.classList.toggle("rg-waiting", words !== "");
  }

  /** The dial has moved, or the table has changed; many calls become one update. */
  changed(data: boolean): void {
    this.#stale ||= data;
  }

  /** Called once a frame for the chart that is visible. */
  async flush(): Promise<void> {
    if (!this.#chart || this.#updating) return;
    const signals = this.state.signals();
    const sent = JSON.stringify(signals);
    const moved = sent !== this.#sent;
    const data = this.#stale || (moved && this.state.moves(this.#spectral));
    if (!data && !moved) return;
    this.#sent = sent;
    this.#stale = false;
    this.#updating = true;
    try {
      const rows = data ? { data: this.state.data(this.state.index()) } : {};
      await this.#chart.update({ ...rows, signals });
      if (data) this.#sayEmpty();
    } catch (fault) {
      this.#say(`The chart cannot be updated (${String(fault)}).`, true);
    } finally {
      this.#updating = false;
    }
    requestAnimationFrame(() => void this.flush());
  }

  resized(): void {
    if (Math.abs(Math.floor(this.el.clientWidth) - this.#width) > 1) void this.draw();
  }

  image(scale: number): Promise<string> | null {
    return this.#chart?.image(scale) ?? null;
  }

  dispose(): void {
    this.#drawn += 1;
    this.#width = 0;
    this.#chart?.dispose();
    this.#chart = null;
  }
}
