/** The dial: a native range input, so that every hand, keyboard and screen reader can turn it. */
import { glyph, h, mark, setAttribute, setText } from "./dom";
import type { Table } from "./table";
import { BOUNDS, type BoundName, type ScaleSpec, type Statistic } from "./types";

export interface DialEvents {
  preview(index: number): void;
  commit(index: number): void;
}

const FEW = 12;
const PACE = 700;
const CALM_PACE = 1500;
const IN_BUDGET: Record<Statistic, string> = {
  mean: "in the mean by",
  largest: "for each sample by",
  single: "by",
  "": "by",
};
const WORST: ReadonlySet<string> = new Set(["attack", "certificate"]);
const MEANS_ALONE = "for each sample: not known, as this record kept means alone";

const calm = (): boolean =>
  globalThis.matchMedia?.("(prefers-reduced-motion: reduce)").matches ?? false;

export class Dial {
  readonly el: HTMLElement;
  readonly input: HTMLInputElement;
  readonly #play = h("button", { type: "button", class: "rg-button rg-play" });
  readonly #reading = h("output", { class: "rg-reading" });
  readonly #ticks = h("div", { class: "rg-ticks", "aria-hidden": "true" });
  readonly #marks = h("div", { class: "rg-marks", "aria-hidden": "true" });
  readonly #legend = h("div", { class: "rg-dial-legend" });
  #timer: ReturnType<typeof setTimeout> | null = null;
  #committed = -1;
  readonly #observer: ResizeObserver | null;

  constructor(
    private readonly scale: ScaleSpec,
    private readonly events: DialEvents,
  ) {
    const last = scale.cutoffs.length - 1;
    this.input = h("input", {
      type: "range",
      class: "rg-range",
      min: 0,
      max: last,
      step: 1,
      value: 0,
      "aria-label": `${scale.name}, from finest to coarsest`,
      // Jupyter takes the arrow keys unless the focused element itself says so.
      "data-lm-suppress-shortcuts": "true",
    });
    const track = h("div", { class: "rg-track" }, this.#marks, this.input, this.#ticks);
    const heading = h("div", { class: "rg-dial-head" }, this.#play, this.#reading, this.#legend);
    this.el = h("div", { class: "rg-dial" }, heading, track);
    this.#listen();
    this.#showPlay();
    this.#observer = globalThis.ResizeObserver ? new ResizeObserver(() => this.#showTicks()) : null;
    this.#observer?.observe(track);
    this.#showTicks();
  }

  get value(): number {
    return Number(this.input.value);
  }

  /** Moves the dial without telling anyone. */
  set(index: number, words: string): void {
    const { scale } = this;
    if (this.value !== index) this.input.value = String(index);
    setAttribute(this.input, "aria-valuetext", words);
    const symbol = scale.symbol ? ` ${scale.symbol} =` : "";
    const unit = scale.unit ? ` ${scale.unit}` : "";
    setText(this.#reading, `${scale.name}${symbol} ${scale.labels[index] ?? ""}${unit}`);
    this.el.style.setProperty("--rg-at", String(this.#fraction(index)));
  }

  #fraction(index: number): number {
    return index / Math.max(1, this.scale.cutoffs.length - 1);
  }

  #listen(): void {
    const { input } = this;
    input.addEventListener("input", () => {
      this.pause();
      this.events.preview(this.value);
    });
    input.addEventListener("change", () => this.#commit());
    input.addEventListener("keydown", (event) => this.#key(event));
    // A held key previews on every repeat and commits once, when it is let go.
    input.addEventListener("keyup", () => this.#commit());
    input.addEventListener("blur", () => this.#commit());
    this.#play.addEventListener("click", () =>
      this.#timer === null ? this.#start() : this.pause(),
    );
  }

  #key(event: KeyboardEvent): void {
    const last = this.scale.cutoffs.length - 1;
    const page = Math.max(1, Math.round(last / 5));
    const steps: Record<string, number> = {
      ArrowLeft: -1,
      ArrowDown: -1,
      ArrowRight: 1,
      ArrowUp: 1,
      PageDown: -page,
      PageUp: page,
      Home: -last,
      End: last,
    };
    const step = steps[event.key];
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.pause();
    const index = Math.min(last, Math.max(0, this.value + step));
    if (index === this.value) return;
    if (this.#committed < 0) this.#committed = this.value;
    this.input.value = String(index);
    this.events.preview(index);
  }

  #commit(): void {
    const { value } = this;
    if (value === this.#committed) return;
    this.#committed = value;
    this.events.commit(value);
  }

  /** What was committed last, by this dial or by Python. */
  settle(index: number): void {
    this.#committed = index;
  }

  #start(): void {
    const last = this.scale.cutoffs.length - 1;
    if (this.value >= last) this.#move(0);
    const next = (): void => {
      if (this.value < last) this.#move(this.value + 1);
      if (this.value >= last) this.pause();
      else this.#timer = setTimeout(next, calm() ? CALM_PACE : PACE);
    };
    this.#timer = setTimeout(next, calm() ? CALM_PACE : PACE);
    this.#showPlay();
  }

  #move(index: number): void {
    this.input.value = String(index);
    this.events.preview(index);
    this.#commit();
  }

  pause(): void {
    if (this.#timer === null) return;
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#showPlay();
  }

  #showPlay(): void {
    const running = this.#timer !== null;
    const label = running ? "Stop running through the scales" : "Run through the scales";
    this.#play.replaceChildren(glyph(running ? "pause" : "play"));
    setAttribute(this.#play, "aria-pressed", String(running));
    setAttribute(this.#play, "aria-label", label);
    setAttribute(this.#play, "title", label);
  }

  #showTicks(): void {
    const { labels } = this.scale;
    const room = this.#ticks.clientWidth || 600;
    const widest = Math.max(...labels.map((label) => label.length)) * 7 + 14;
    const fit = Math.max(2, Math.min(FEW, Math.floor(room / widest)));
    const stride = Math.max(1, Math.ceil((labels.length - 1) / Math.max(1, fit - 1)));
    const last = labels.length - 1;
    const ticks = labels.map((label, index) => {
      const clear = index === last || (index % stride === 0 && last - index >= stride);
      if (!clear && labels.length > 48) return null;
      const tick = h("span", { class: clear ? "rg-tick" : "rg-tick rg-minor" }, clear ? label : "");
      tick.style.left = `${100 * this.#fraction(index)}%`;
      return tick;
    });
    this.#ticks.replaceChildren(...ticks.filter((tick) => tick !== null));
  }

  /** Marks of one cutoff stand side by side, and never beyond the ends of the track. */
  #beside(index: number, place: number, count: number): string {
    const wide = 13;
    const middle = `${100 * this.#fraction(index)}% + ${(place - (count - 1) / 2) * wide}px`;
    const least = `${place * wide - 4}px`;
    const most = `100% + ${4 - (count - 1 - place) * wide}px`;
    return `clamp(${least}, calc(${middle}), calc(${most}))`;
  }

  /** Where each curve leaves the budget: shape and colour both say which. */
  showBudget(table: Pick<Table, "budget" | "statistic">): void {
    const { budget } = table;
    const named = BOUNDS.filter((name) => name in budget);
    const together = (index: number): BoundName[] => named.filter((name) => budget[name] === index);
    const marks = named.map((name) => {
      const index = budget[name] ?? null;
      if (index === null) return null;
      const group = together(index);
      const holder = h("span", { class: "rg-budget-mark" }, mark(name));
      holder.style.left = this.#beside(index, group.indexOf(name), group.length);
      return holder;
    });
    this.#marks.replaceChildren(...marks.filter((holder) => holder !== null));
    this.el.classList.toggle("rg-has-budget", named.length > 0);
    const lost = (name: BoundName): boolean => WORST.has(name) && table.statistic(name) === "mean";
    const groups = Object.entries(IN_BUDGET).map(([of, words]): HTMLElement | null => {
      const keys = named.filter((name) => table.statistic(name) === of && !lost(name));
      const entries = keys.map((name) => this.#entry(name, budget[name] ?? null));
      return keys.length > 0 ? h("span", { class: "rg-keys" }, words, ...entries) : null;
    });
    const said = named.some(lost) ? h("span", {}, MEANS_ALONE) : null;
    const all = [...groups, said].filter((group) => group !== null);
    this.#legend.replaceChildren(...(all.length > 0 ? ["Coarsest in budget", ...all] : []));
  }

  #entry(name: BoundName, index: number | null): HTMLElement {
    const where = index === null ? "none" : (this.scale.labels[index] ?? "");
    return h("span", { class: "rg-key" }, mark(name), `${name}: `, h("b", {}, where));
  }

  dispose(): void {
    this.pause();
    this.#observer?.disconnect();
  }
}
