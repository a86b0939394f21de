import { describe, expect, it } from "vitest";
import { given, measured, number, onceIn, percent, phrase, spoken } from "../src/format";

describe("a value beside its error", () => {
  it.each([
    [0.7132, 0.0021, "0.7132 ± 0.0021"],
    [-1.41421, 0.0007, "−1.41421 ± 0.00070"],
    [38.2, 1.4, "38.2 ± 1.4"],
    [0.00001234, 0.0000002, "1.234 ± 0.020×10⁻⁵"],
    [0, 0, "0"],
    [1, 3e-17, "1.00"],
    [0, 3e-17, "0.0 ± 3.0×10⁻¹⁷"],
    [null, 0.1, "—"],
    [Number.NaN, null, "—"],
    [0.25, null, "0.250"],
  ])("%s, %s reads %s", (value, error, expected) => {
    expect(phrase(value, error)).toBe(expected);
  });

  it("has as many decimals as the error", () => {
    const { value, error } = measured(3.14159, 0.012);
    expect([value, error]).toEqual(["3.142", " ± 0.012"]);
  });
});

it("a number that somebody chose has no idle zeros", () => {
  expect([given(0.02), given(-1), given(1e-7), given(null)]).toEqual([
    "0.02",
    "−1",
    "1.00×10⁻⁷",
    "—",
  ]);
  expect(number(0.9349)).toBe("0.935");
});

it("what is spoken has no signs that a reader stumbles over", () => {
  expect(spoken(-0.7132, 0.0021)).toBe("-0.713 plus or minus 0.002");
  expect(spoken(null)).toBe("not known");
});

it.each([
  [1e-6, "once in 10⁶"],
  [2.3e-5, "once in 4×10⁴"],
  [1.04e-6, "once in 10⁶"],
  [1e-3, "once in 10³"],
  [0.0314, "once in 30"],
  [0.5, "once in 2"],
  [1, "once in 1"],
])("a probability of %s is %s", (probability, said) => {
  expect(onceIn(probability)).toBe(said);
});

it.each([
  [0, "0 %"],
  [1 / 256, "0.39 %"],
  [59 / 360, "16 %"],
  [0.996, "99.6 %"],
  [1, "100 %"],
])("a share of %s is %s", (share, said) => {
  expect(percent(share)).toBe(said);
});
