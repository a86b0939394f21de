/** The field on a 2D canvas: one copy of already painted pixels a draw. */
import { h, setAttribute, setText } from "./dom";
import { given } from "./format";
import { css, gradient } from "./palette";
import type { Levels } from "./levels";
import type { PaletteName, Spec } from "./types";

export type FieldMode = "whole" | "rescaled";

const SMALLEST_WINDOW = 32;

/** The side of the window that every level fills with the same number of sites. */
export function commonWindow(sides: readonly number[]): number {
  const enough = sides.filter((side) => side >= SMALLEST_WINDOW);
  return enough.length > 0 ? Math.min(...enough) : Math.max(0, ...sides);
}

interface Painted {
  canvas: HTMLCanvasElement;
  context: CanvasRenderingContext2D | null;
  stamp: number;
}

function blank(): Painted {
  const canvas = h("canvas");
  return { canvas, context: canvas.getContext("2d"), stamp: 0 };
}

const SIDE = 420;

/**
 * One hidden canvas a level, painted ahead at the level's own resolution, and one canvas on the
 * screen at the screen's: a move of the dial is a single scaled copy, however large the lattice.
 */
export class FieldView {
  readonly el: HTMLElement;
  readonly canvas = h("canvas", { class: "rg-canvas", role: "img", width: SIDE, height: SIDE });
  readonly #context: CanvasRenderingContext2D | null;
  readonly #painted = new Map<number, Painted>();
  readonly #caption = h("span", { class: "rg-field-caption" });
  readonly #legend = h("span", { class: "rg-field-legend" });
  readonly #frame: HTMLElement;
  readonly #choice: HTMLElement;
  readonly #buttons = new Map<FieldMode, HTMLButtonElement>();
  readonly #sites: string;
  readonly #observer: ResizeObserver | null;
  #mode: FieldMode = "whole";
  #shownLegend = "";
  #index: number | null = null;

  constructor(
    private readonly spec: Spec,
    private readonly redraw: () => void,
  ) {
    this.#context = this.canvas.getContext("2d");
    this.#sites = spec.palette === "spins" ? "spins" : "sites";
    this.#frame = h("div", { class: "rg-frame" }, this.canvas);
    const foot = h("figcaption", { class: "rg-field-foot" }, this.#caption, this.#legend);
    this.#choice = this.#modes();
    this.el = h("figure", { class: "rg-field" }, this.#choice, this.#frame, foot);
    this.#observer = globalThis.ResizeObserver ? new ResizeObserver(() => this.#fit()) : null;
    this.#observer?.observe(this.#frame);
  }

  /** One canvas pixel a screen pixel, so that sites have sharp edges. */
  #fit(): void {
    const side = Math.round(this.#frame.clientWidth * (globalThis.devicePixelRatio || 1)) || SIDE;
    if (this.canvas.width === side) return;
    this.canvas.width = this.canvas.height = side;
    this.redraw();
  }

  #modes(): HTMLElement {
    const group = h("div", { class: "rg-segments", role: "group", "aria-label": "What to show" });
    const button = (mode: FieldMode, label: string, title: string): void => {
      const element = h(
        "button",
        { type: "button", class: "rg-segment", title, "data-label": label },
        label,
      );
      element.addEventListener("click", () => this.#choose(mode));
      this.#buttons.set(mode, element);
      group.append(element);
    };
    button("whole", "Whole lattice", "Every scale fills the frame");
    button(
      "rescaled",
      `Same number of ${this.#sites}`,
      `A window with as many ${this.#sites} at every scale: at a critical point all scales look alike`,
    );
    this.#markMode();
    return group;
  }

  #markMode(): void {
    for (const [mode, button] of this.#buttons) {
      setAttribute(button, "aria-pressed", String(mode === this.#mode));
    }
  }

  #choose(mode: FieldMode): void {
    this.#mode = mode;
    this.#markMode();
    this.redraw();
  }

  /** The side of the square window, or null for the whole lattice. */
  window(levels: Levels): number | null {
    if (this.#mode === "whole") return null;
    return commonWindow(levels.sides());
  }

  /** Puts a level on the screen; false when there is none to show. */
  draw(levels: Levels, index: number): boolean {
    const source = this.#paint(levels, index)?.canvas;
    const context = this.#context;
    if (!source || !context) return false;
    const sides = levels.sides();
    // Pictures of one size, such as histograms, are no lattices that shrink.
    this.#choice.hidden = sides.length > 1 && new Set(sides).size === 1;
    const side = this.window(levels);
    const width = Math.min(source.width, side ?? source.width);
    const height = Math.min(source.height, side ?? source.height);
    const room = this.canvas.width;
    const scale = room / Math.max(width, height);
    const [across, down] = [width * scale, height * scale];
    // Nearest neighbour keeps sites square when enlarged, but would drop rows when reduced.
    context.imageSmoothingEnabled = scale < 1;
    // Between half and full size four neighbours tell all; below that, a stream can pay for more.
    context.imageSmoothingQuality = scale < 0.4 ? "medium" : "low";
    context.clearRect(0, 0, room, room);
    const [left, top] = [(room - across) / 2, (room - down) / 2];
    context.drawImage(source, 0, 0, width, height, left, top, across, down);
    this.#index = index;
    // The canvas is as fine as the screen; what it shows is as fine as the level.
    Object.assign(this.canvas.dataset, { level: index, width, height });
    return true;
  }

  /** The canvas of a whole level, painted anew if the level has changed since. */
  #paint(levels: Levels, index: number): Painted | null {
    const image = levels.image(index);
    if (!image) return null;
    const painted = this.#painted.get(index) ?? blank();
    this.#painted.set(index, painted);
    const stamp = levels.stamp(index);
    if (painted.stamp === stamp) return painted;
    const { canvas } = painted;
    if (canvas.width !== image.width) canvas.width = image.width;
    if (canvas.height !== image.height) canvas.height = image.height;
    painted.context?.putImageData(image, 0, 0);
    painted.stamp = stamp;
    return painted;
  }

  /** Paints one level that has yet to be painted; false when there is none. */
  prepare(levels: Levels): boolean {
    for (const { index } of levels.all()) {
      const stamp = levels.stamp(index);
      if (stamp === 0 || this.#painted.get(index)?.stamp !== stamp) {
        this.#paint(levels, index);
        return true;
      }
    }
    return false;
  }

  /** Words and scaling that may follow the pixels by a frame. */
  describe(levels: Levels, index: number): void {
    const level = levels.level(index);
    const label = this.spec.scale.labels[index] ?? "";
    if (!level) {
      const still = this.#index === null ? "" : `; still showing level ${this.#index}`;
      setText(this.#caption, `${this.spec.scale.name} ${label} is not here${still}`);
      return;
    }
    const side = this.window(levels);
    const part = (length: number): number => Math.min(length, side ?? length);
    const shown = side === null ? "" : `${part(level.width)} × ${part(level.height)} of `;
    const caption = `Level ${index} · ${this.spec.scale.name} ${label} · ${shown}${level.width} × ${level.height} ${this.#sites}`;
    setText(this.#caption, caption);
    setAttribute(
      this.canvas,
      "aria-label",
      [this.spec.describe, caption].filter(Boolean).join(" "),
    );
    this.#describeColours(levels, index, this.spec.palette);
  }

  #describeColours(levels: Levels, index: number, name: PaletteName): void {
    const level = levels.level(index);
    if (!level) return;
    const table = levels.table(level);
    const key = [name, css(table, 0), css(table, 255), level.low, level.high, level.dtype].join();
    if (key === this.#shownLegend) return;
    this.#shownLegend = key;
    const swatch = (background: string, kind: string): HTMLElement => {
      const element = h("span", { class: `rg-swatch ${kind}`, "aria-hidden": "true" });
      element.style.background = background;
      return element;
    };
    const low = given(level.low);
    const high = given(level.high);
    if (level.dtype === "bit") {
      this.#legend.replaceChildren(
        swatch(css(table, 0), "rg-one"),
        low,
        swatch(css(table, 255), "rg-one"),
        `+${high}`,
      );
    } else this.#legend.replaceChildren(low, swatch(gradient(table), "rg-bar"), high);
  }

  dispose(): void {
    this.#observer?.disconnect();
  }
}
