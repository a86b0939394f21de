// Whether an answer lies in a window of hashed steps: rgwidgets/exercises/windows.py, for the page.
import { decimal, floor } from "./number.js";
import { sha256 } from "./sha256.js";

const DIGITS = 12;

export const hashed = (words) => sha256(words).slice(0, DIGITS);

/** `answer` is a fraction [over, under], or a word where the window has no steps. */
export function within({ step, bins }, salt, answer) {
  if (step === "") return bins.includes(hashed(`${salt}|${answer}`));
  const [over, under] = answer;
  const [up, down] = decimal(step);
  return bins.includes(hashed(`${salt}|${step}|${floor(over * down, under * up)}`));
}
