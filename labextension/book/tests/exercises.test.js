// The page judges answers as rgwidgets.exercises does: the same vectors in both languages.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { judge } from "../../../book/theme/client/exercise.js";
import { Unreadable, decimal, floor, parse } from "../../../book/theme/client/number.js";
import { sha256 } from "../../../book/theme/client/sha256.js";
import { hashed } from "../../../book/theme/client/window.js";

const read = (path) =>
  JSON.parse(readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8"));
// tests/exercises/test_vectors.py holds this file against Python.
const vectors = read("tests/exercises/vectors.json");
const shipped = read("rgwidgets/exercises/rules.json");

/** ⌊value / step⌋ as text. */
function index(text, step) {
  const [over, under] = parse(text);
  const [up, down] = decimal(step);
  return floor(over * down, under * up).toString();
}

/** The generator of the Python side: Knuth's, the upper half of 64 bits. */
function* noise(seed) {
  for (let state = BigInt(seed); ;) {
    state = (state * 6364136223846793005n + 1442695040888963407n) % 2n ** 64n;
    yield state >> 32n;
  }
}

/** A decimal number with 7 places, between −2 and 6; as plain text, or as a fraction. */
function drawn(source) {
  const n = (source.next().value % 80_000_000n) - 20_000_000n;
  if (source.next().value % 4n === 0n) return `${n}/10000000`;
  const digits = (n < 0n ? -n : n).toString().padStart(8, "0");
  return `${n < 0n ? "−" : ""}${digits.slice(0, -7)}.${digits.slice(-7)}`;
}

/** One line for every verdict, and all of them hashed. */
function digest({ exercises, say }, { seed, count }) {
  const source = noise(seed);
  const ids = Object.keys(exercises).filter((id) => !exercises[id].choices);
  let lines = "";
  for (let i = 0; i < count; i++) {
    const id = ids[i % ids.length];
    const text = drawn(source);
    const found = judge(exercises[id], say, text);
    lines += `${id} ${text} ${found.state} ${index(text, exercises[id].right.step)} ${found.say}\n`;
  }
  return createHash("sha256").update(lines).digest("hex");
}

describe("numbers", () => {
  it.each(vectors.numbers)("%j is read as Python reads it: %j", (text, value, why) => {
    if (value === null) {
      expect(() => parse(text)).toThrow(new Unreadable(why));
      return;
    }
    const [n, d] = value.split("/").map(BigInt);
    const [over, under] = parse(text);
    expect(over * d).toBe(n * under);
    expect(under > 0n).toBe(true);
  });

  it.each(vectors.steps)("%s lies in the same step of %s: %s", (text, step, at) => {
    expect(index(text, step)).toBe(at);
  });
});

describe("hashes", () => {
  it.each(vectors.hashes)("%j is hashed as in Python", (text, hash) => {
    expect(hashed(text)).toBe(hash);
  });

  it("are SHA-256 at every length around a block", () => {
    for (let length = 0; length < 200; length++) {
      const text = "é".repeat(length % 7) + "x".repeat(length);
      expect(sha256(text)).toBe(createHash("sha256").update(text).digest("hex"));
    }
  });
});

describe("verdicts", () => {
  it.each(vectors.verdicts)("%s: %j is %s", (id, text, state, feedback) => {
    const found = judge(vectors.rules.exercises[id], vectors.rules.say, text);
    expect([found.state, found.say]).toEqual([state, feedback]);
  });

  it("agree with Python on ten thousand random numbers", () => {
    expect(digest(vectors.rules, vectors.random)).toBe(vectors.random.digest);
  });

  it("agree with Python on random numbers for every exercise of the book", () => {
    expect(digest(shipped, vectors.shipped)).toBe(vectors.shipped.digest);
  });
});
