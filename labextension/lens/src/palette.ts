/**
 * Lookup tables of 256 colours, built in OKLab (Ottosson 2020, "A perceptual color space for image
 * processing"), where equal steps of lightness look equal: lightness is linear in the index, so
 * every map survives greyscale and colour-blind eyes.
 */
import type { PaletteName, Theme } from "./types";

/** Lightness 0..1, chroma, hue in degrees. */
type Lch = readonly [number, number, number];
type Rgb = [number, number, number];

const gamma = (x: number): number => (x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055);

function linear(l: number, a: number, b: number): Rgb {
  const long = (l + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const medium = (l - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (l - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
    -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
    -0.0041960863 * long - 0.7034186147 * medium + 1.707614701 * short,
  ];
}

/** Chroma gives way until the colour can be shown; lightness, which carries the value, never. */
function toRgb([l, chroma, hue]: Lch): Rgb {
  const angle = (hue * Math.PI) / 180;
  for (let c = chroma; ; c *= 0.96) {
    const rgb = linear(l, c * Math.cos(angle), c * Math.sin(angle));
    if (c < 1e-3 || rgb.every((x) => x >= -1e-4 && x <= 1 + 1e-4)) {
      return rgb.map((x) => Math.round(255 * gamma(Math.min(1, Math.max(0, x))))) as Rgb;
    }
  }
}

const mix = (a: number, b: number, t: number): number => a + (b - a) * t;

/** Straight through OKLab, not round the hue circle: two ends with a neutral way between them. */
function between(a: Lch, b: Lch, t: number): Lch {
  const radians = (hue: number): number => (hue * Math.PI) / 180;
  const x = mix(a[1] * Math.cos(radians(a[2])), b[1] * Math.cos(radians(b[2])), t);
  const y = mix(a[1] * Math.sin(radians(a[2])), b[1] * Math.sin(radians(b[2])), t);
  return [mix(a[0], b[0], t), Math.hypot(x, y), (Math.atan2(y, x) * 180) / Math.PI];
}

const MAPS: Record<PaletteName, Record<Theme, (t: number) => Lch>> = {
  spins: {
    light: (t) => between([0.34, 0.075, 258], [0.945, 0.035, 88], t),
    dark: (t) => between([0.37, 0.085, 258], [0.91, 0.05, 88], t),
  },
  sequential: {
    light: (t) => [mix(0.24, 0.95, t), 0.09 + 0.09 * t, mix(300, 100, t)],
    dark: (t) => [mix(0.27, 0.95, t), 0.09 + 0.09 * t, mix(300, 100, t)],
  },
  diverging: {
    light: (t) => around(t, [0.42, 0.13, 250], [0.975, 0.004, 90], [0.46, 0.14, 45]),
    dark: (t) => around(t, [0.82, 0.11, 235], [0.26, 0.008, 260], [0.82, 0.12, 60]),
  },
};

function around(t: number, low: Lch, middle: Lch, high: Lch): Lch {
  return t < 0.5 ? between(low, middle, 2 * t) : between(middle, high, 2 * t - 1);
}

const built = new Map<string, Uint32Array>();

/** RGBA in memory order, whatever the machine's byte order: an ImageData can hold it as it is. */
export function palette(name: PaletteName, theme: Theme): Uint32Array {
  const key = `${name} ${theme}`;
  const known = built.get(key);
  if (known) return known;
  const octets = new Uint8Array(4 * 256);
  for (let i = 0; i < 256; i++) octets.set([...toRgb(MAPS[name][theme](i / 255)), 255], 4 * i);
  const table = new Uint32Array(octets.buffer);
  built.set(key, table);
  return table;
}

/**
 * The colours of values from `low` to `high`. A diverging map has its middle at zero, wherever
 * that lies between them; every other map spans the values that there are.
 */
export function over(name: PaletteName, theme: Theme, low: number, high: number): Uint32Array {
  const limit = Math.max(Math.abs(low), Math.abs(high));
  if (name !== "diverging" || limit === 0 || low === -high) return palette(name, theme);
  const key = `${name} ${theme} ${low} ${high}`;
  const known = built.get(key);
  if (known) return known;
  const whole = palette(name, theme);
  const table = Uint32Array.from({ length: 256 }, (_, i) => {
    const value = low + (i / 255) * (high - low);
    return whole[Math.round(127.5 * (1 + value / limit))]!;
  });
  if (built.size > 64) built.clear(); // a stream's ends differ from frame to frame
  built.set(key, table);
  return table;
}

export function css(table: Uint32Array, index: number): string {
  const octets = new Uint8Array(table.buffer, table.byteOffset + 4 * index, 4);
  return `rgb(${octets[0]} ${octets[1]} ${octets[2]})`;
}

export function gradient(table: Uint32Array): string {
  const stops = Array.from({ length: 17 }, (_, i) => css(table, Math.round((i * 255) / 16)));
  return `linear-gradient(to right, ${stops.join(", ")})`;
}
