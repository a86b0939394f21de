/** Numbers as a physicist writes them, and as a screen reader should speak them. */
import type { Cell } from "./types";

const SUPERSCRIPT: Record<string, string> = {
  "-": "⁻",
  "0": "⁰",
  "1": "¹",
  "2": "²",
  "3": "³",
  "4": "⁴",
  "5": "⁵",
  "6": "⁶",
  "7": "⁷",
  "8": "⁸",
  "9": "⁹",
};
export const MISSING = "—";

const finite = (value: Cell | undefined): value is number =>
  typeof value === "number" && Number.isFinite(value);

const minus = (text: string): string => text.replace("-", "−");

function exponent(value: number): number {
  return value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
}

function power(order: number): string {
  return `×10${[...String(order)].map((digit) => SUPERSCRIPT[digit] ?? digit).join("")}`;
}

/** Decimals that show two digits of the error, or three of the value where no error is known. */
function decimals(value: number, error: Cell | undefined): number {
  const order = finite(error) && error > 0 ? exponent(error) - 1 : exponent(value) - 2;
  return Math.min(8, Math.max(0, -order));
}

/** An error that is not all rounding: what is smaller than the last digit shown is none. */
const known = (value: number, error: Cell | undefined): error is number =>
  finite(error) && error > 1e-8 * Math.abs(value);

const awkward = (value: number): boolean =>
  value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6);

/** A number alone: three significant digits, powers of ten where zeros would hide it. */
export function number(value: Cell | undefined, digits = 3): string {
  if (!finite(value)) return MISSING;
  if (awkward(value)) {
    const order = exponent(value);
    return minus((value / 10 ** order).toFixed(digits - 1)) + power(order);
  }
  return minus(value.toFixed(Math.max(0, digits - 1 - exponent(value))));
}

/** A number that somebody chose, such as a tolerance or an end of a scale: no idle zeros. */
export function given(value: Cell | undefined): string {
  if (!finite(value)) return MISSING;
  return awkward(value) ? number(value) : minus(String(Number(value.toPrecision(6))));
}

/** A share of samples: two digits, three where a few are missing from all. */
export function percent(share: number): string {
  return `${Number((100 * share).toPrecision(share > 0.99 ? 3 : 2))} %`;
}

/** "once in 10⁶", of a probability: to one digit. */
export function onceIn(probability: number): string {
  const [digit, order] = (1 / probability).toExponential(0).split("e").map(Number) as [
    number,
    number,
  ];
  if (order < 3) return `once in ${digit * 10 ** order}`;
  return `once in ${digit === 1 ? power(order).slice(1) : digit + power(order)}`;
}

export interface Measured {
  value: string;
  error: string;
}

/** A value beside its standard error, both to the decimals that the error allows. */
export function measured(value: Cell | undefined, error: Cell | undefined): Measured {
  if (!finite(value)) return { value: MISSING, error: "" };
  if (value === 0 && !error) return { value: "0", error: "" };
  if (error && !known(value, error)) return { value: number(value), error: "" };
  const largest = Math.max(Math.abs(value), finite(error) ? error : 0);
  if (awkward(largest)) {
    const order = exponent(largest);
    const scale = 10 ** order;
    const places = Math.min(4, decimals(value / scale, finite(error) ? error / scale : null));
    const shown = finite(error) ? ` ± ${(error / scale).toFixed(places)}` : "";
    return { value: minus((value / scale).toFixed(places)), error: shown + power(order) };
  }
  const places = decimals(value, error);
  return {
    value: minus(value.toFixed(places)),
    error: finite(error) && error > 0 ? ` ± ${error.toFixed(places)}` : "",
  };
}

export function phrase(value: Cell | undefined, error: Cell | undefined): string {
  const text = measured(value, error);
  return text.value + text.error;
}

/** Words for a screen reader, which reads "±" and "×10⁻³" badly or not at all. */
export function spoken(value: Cell | undefined, error?: Cell): string {
  if (!finite(value)) return "not known";
  const plain = (x: number): string => String(Number(x.toPrecision(3)));
  return finite(error) && error > 0
    ? `${plain(value)} plus or minus ${String(Number(error.toPrecision(1)))}`
    : plain(value);
}
