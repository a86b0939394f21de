/** The pyramid as the browser holds it: each level painted once, so that a move of the dial costs
 * one copy to the screen. */
import { paint, type Level } from "./codec";
import type { LevelHeader, PaletteName, Theme } from "./types";
import { over } from "./palette";

interface Held {
  level: Level;
  configuration: unknown;
  image: ImageData | null;
  /** Counts the paintings, so that a copy of an older one is known as such. */
  stamp: number;
}

export class Levels {
  readonly #held = new Map<number, Held>();
  #name: PaletteName;
  #theme: Theme;
  #configuration: unknown = null;
  #paintings = 0;
  /** The shorter side of each level that is here or will be. */
  readonly #sides = new Map<number, number>();

  constructor(name: PaletteName, theme: Theme) {
    [this.#name, this.#theme] = [name, theme];
  }

  recolour(name: PaletteName, theme: Theme): void {
    if (name === this.#name && theme === this.#theme) return;
    [this.#name, this.#theme] = [name, theme];
    for (const held of this.#held.values()) held.image = null;
  }

  /** The colours of a level's values, from its lowest to its highest. */
  table({ low, high }: Level): Uint32Array {
    return over(this.#name, this.#theme, low, high);
  }

  /**
   * Levels of one configuration, which by default is a new one: those of another are then out of
   * date. They stay, for an old picture is better than none.
   */
  put(levels: readonly Level[], configuration: unknown = Symbol("configuration")): void {
    this.#configuration = configuration;
    for (const level of levels) {
      this.#sides.set(level.index, Math.min(level.width, level.height));
      const before = this.#held.get(level.index)?.image ?? null;
      const fits = before?.width === level.width && before.height === level.height;
      const held: Held = { level, configuration, image: null, stamp: 0 };
      this.#held.set(level.index, held);
      if (fits) this.#fill(held, before);
    }
  }

  expect(headers: readonly LevelHeader[]): void {
    for (const { index, shape } of headers) this.#sides.set(index, Math.min(...shape));
  }

  sides(): number[] {
    return [...this.#sides.values()];
  }

  clear(): void {
    this.#held.clear();
    this.#sides.clear();
  }

  level(index: number): Level | undefined {
    return this.#held.get(index)?.level;
  }

  fresh(index: number): boolean {
    const held = this.#held.get(index);
    return held !== undefined && held.configuration === this.#configuration;
  }

  all(): Level[] {
    return [...this.#held.values()].map(({ level }) => level);
  }

  image(index: number): ImageData | null {
    const held = this.#held.get(index);
    if (!held) return null;
    if (!held.image) this.#fill(held, new ImageData(held.level.width, held.level.height));
    return held.image;
  }

  /** Which painting `image` returns; 0 before the first. */
  stamp(index: number): number {
    return this.#held.get(index)?.stamp ?? 0;
  }

  #fill(held: Held, image: ImageData): void {
    const { buffer, byteOffset, byteLength } = image.data;
    paint(held.level, new Uint32Array(buffer, byteOffset, byteLength / 4), this.table(held.level));
    held.image = image;
    held.stamp = ++this.#paintings;
  }
}
