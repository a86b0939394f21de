// What a reader types, as an exact fraction: rgwidgets/exercises/reading.py, for the page.
const LENGTH = 64;
const SPACES = " \\t\\r\\n\\u00a0\\u2009\\u202f";
const POWER = new RegExp(`[${SPACES}]*[×*·][${SPACES}]*10\\^`, "g");
const EDGES = new RegExp(`^[${SPACES}]+|[${SPACES}]+$`, "g");
const DECIMAL = /^([+-]?)(\d+\.?\d*|\.\d+)(?:e([+-]?\d{1,3}))?$/;
const ENDLESS = /^[+-]?(?:nan|inf|infinity|∞)$/;

/** A text that is no number; `why` names what to say of it. */
export class Unreadable extends Error {
  constructor(why) {
    super(why);
    this.why = why;
  }
}

const strip = (words) => words.replace(EDGES, "");

/** A decimal number as [numerator, denominator], the denominator above zero. */
function decimal(words) {
  const commas = words.split(",").length - 1;
  if (commas > 0 && (words.includes(".") || commas > 1)) throw new Unreadable("comma");
  const match = DECIMAL.exec(words.replaceAll(",", "."));
  if (!match) throw new Unreadable("unreadable");
  const [, sign, digits, power = "0"] = match;
  const [whole, part = ""] = digits.split(".");
  const shift = Number(power) - part.length;
  const value = BigInt(`${whole}${part}` || "0") * (sign === "-" ? -1n : 1n);
  return shift >= 0 ? [value * 10n ** BigInt(shift), 1n] : [value, 10n ** BigInt(-shift)];
}

/** The number that a text states, exactly: "0,66", "2/3", "2×10^-4", "94.1 %". */
export function parse(words) {
  if ([...words].length > LENGTH) throw new Unreadable("long");
  const plain = strip(words.replace(/[\u2212\u2013]/g, "-").toLowerCase().replace(POWER, "e"));
  if (!plain) throw new Unreadable("empty");
  if (ENDLESS.test(plain)) throw new Unreadable("finite");
  const share = plain.endsWith("%");
  const parts = (share ? plain.slice(0, -1) : plain).split("/").map((part) => decimal(strip(part)));
  if (parts.length > 2) throw new Unreadable("unreadable");
  let [[over, under]] = parts;
  if (parts.length === 2) {
    const [up, down] = parts[1];
    if (up === 0n) throw new Unreadable("zero");
    const sign = up < 0n ? -1n : 1n;
    [over, under] = [over * down * sign, under * up * sign];
  }
  return [over, share ? under * 100n : under];
}

/** ⌊a / b⌋ of whole numbers, b above zero: BigInt itself rounds towards zero. */
export const floor = (a, b) => (a < 0n && a % b !== 0n ? a / b - 1n : a / b);

export { decimal };
