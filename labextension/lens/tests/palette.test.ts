import { describe, expect, it } from "vitest";
import { css, palette } from "../src/palette";
import type { PaletteName, Theme } from "../src/types";

/** Relative luminance (WCAG 2). */
function luminance(table: Uint32Array, index: number): number {
  const channels = css(table, index)
    .match(/\d+/g)!
    .map((octet) => {
      const x = Number(octet) / 255;
      return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
    });
  return 0.2126 * channels[0]! + 0.7152 * channels[1]! + 0.0722 * channels[2]!;
}

const contrast = (a: number, b: number): number =>
  (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
const all = (name: PaletteName, theme: Theme): number[] =>
  Array.from({ length: 256 }, (_, i) => luminance(palette(name, theme), i));

describe.each(["light", "dark"] as const)("in the %s theme", (theme) => {
  it.each(["spins", "sequential"] as const)("%s never grows darker", (name) => {
    const values = all(name, theme);
    values.forEach((value, i) => expect(value).toBeGreaterThanOrEqual((values[i - 1] ?? 0) - 2e-3));
  });

  it("the two spins differ by more than 7 to 1", () => {
    const values = all("spins", theme);
    expect(contrast(values[0]!, values[255]!)).toBeGreaterThan(7);
  });

  it("both ends of the diverging map stand equally far from its middle", () => {
    const values = all("diverging", theme);
    const [low, high] = [contrast(values[0]!, values[128]!), contrast(values[255]!, values[128]!)];
    expect(Math.min(low, high)).toBeGreaterThan(4.5);
    expect(Math.max(low, high) / Math.min(low, high)).toBeLessThan(1.3);
    const sign = Math.sign(values[128]! - values[0]!);
    for (let i = 1; i < 128; i++) {
      expect(sign * (values[i]! - values[i - 1]!)).toBeGreaterThanOrEqual(-4e-3);
      expect(sign * (values[255 - i]! - values[256 - i]!)).toBeGreaterThanOrEqual(-4e-3);
    }
  });

  it.each(["spins", "sequential", "diverging"] as const)("%s is opaque", (name) => {
    const octets = new Uint8Array(palette(name, theme).buffer);
    for (let i = 3; i < octets.length; i += 4) expect(octets[i]).toBe(255);
  });
});

it("a palette is built once", () => {
  expect(palette("sequential", "light")).toBe(palette("sequential", "light"));
});
