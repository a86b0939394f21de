import { beforeEach, describe, expect, it, vi } from "vitest";
import { Dial } from "../src/dial";
import type { Table } from "../src/table";
import { press, release } from "./records";

const labels = ["1", "2", "4", "8", "16", "32", "64"];
const scale = { name: "block", symbol: "b", unit: "spins", cutoffs: labels.map(Number), labels };

const kept = (budget: Table["budget"]): Pick<Table, "budget" | "statistic"> => ({
  budget,
  statistic: (name) => (name === "average" ? "mean" : "largest"),
});

let dial: Dial;
let previews: number[];
let commits: number[];

beforeEach(() => {
  previews = [];
  commits = [];
  dial = new Dial(scale, { preview: (i) => previews.push(i), commit: (i) => commits.push(i) });
  document.body.append(dial.el);
  dial.set(2, "block 4");
  dial.settle(2);
});

describe("keys", () => {
  it.each([
    ["ArrowRight", 3],
    ["ArrowUp", 3],
    ["ArrowLeft", 1],
    ["ArrowDown", 1],
    ["PageUp", 3],
    ["PageDown", 1],
    ["Home", 0],
    ["End", 6],
  ])("%s previews at once and commits when it is let go", (key, index) => {
    const event = press(dial.input, key);
    expect(previews).toEqual([index]);
    expect(commits).toEqual([]);
    expect(event.defaultPrevented).toBe(true);
    release(dial.input, key);
    expect(commits).toEqual([index]);
  });

  it("held down preview every step and commit once", () => {
    for (let i = 0; i < 6; i++) press(dial.input, "ArrowRight");
    release(dial.input, "ArrowRight");
    expect(previews).toEqual([3, 4, 5, 6]);
    expect(commits).toEqual([6]);
  });

  it("with a modifier, and others, belong to the page", () => {
    expect(press(dial.input, "a").defaultPrevented).toBe(false);
    const chord = new KeyboardEvent("keydown", { key: "End", ctrlKey: true, cancelable: true });
    dial.input.dispatchEvent(chord);
    expect(chord.defaultPrevented).toBe(false);
    expect(previews).toEqual([]);
  });

  it("do not reach the notebook around the dial", () => {
    const heard = vi.fn();
    document.body.addEventListener("keydown", heard);
    press(dial.input, "ArrowRight");
    expect(heard).not.toHaveBeenCalled();
    expect(dial.input.getAttribute("data-lm-suppress-shortcuts")).toBe("true");
  });
});

it("a drag previews on input and commits on change, and a commit is told once", () => {
  dial.input.value = "5";
  dial.input.dispatchEvent(new Event("input"));
  expect([previews, commits]).toEqual([[5], []]);
  dial.input.dispatchEvent(new Event("change"));
  dial.input.dispatchEvent(new Event("blur"));
  expect(commits).toEqual([5]);
});

it("says its cutoff, in words to who listens and in print to who looks", () => {
  dial.set(3, "block 8 spins; energy 0.7 plus or minus 0.01");
  expect(dial.input.getAttribute("aria-valuetext")).toMatch(/plus or minus/);
  expect(dial.input.getAttribute("aria-label")).toContain("block");
  expect(dial.el.querySelector("output")!.textContent).toBe("block b = 8 spins");
  expect(previews).toEqual([]);
});

it("marks where each curve leaves the budget by shape as well as colour", () => {
  dial.showBudget(kept({ average: 4, attack: 2, certificate: null }));
  const marks = [...dial.el.querySelectorAll(".rg-budget-mark path")];
  expect(marks).toHaveLength(2);
  expect(new Set(marks.map((path) => path.getAttribute("d"))).size).toBe(2);
  expect(dial.el.querySelector(".rg-dial-legend")!.textContent).toBe(
    "Coarsest in budgetin the mean byaverage: 16for each sample byattack: 4certificate: none",
  );
});

it("of a record that kept means alone says why no worst sample is in budget", () => {
  const means = { budget: { average: 4, attack: null, certificate: null } };
  dial.showBudget({ ...means, statistic: () => "mean" });
  const legend = dial.el.querySelector(".rg-dial-legend")!.textContent!;
  expect(legend).toContain("for each sample: not known, as this record kept means alone");
  expect(legend).not.toContain("attack");
  expect(dial.el.querySelectorAll(".rg-budget-mark")).toHaveLength(1);
});

it("twelve cutoffs or fewer are all labelled where there is room", () => {
  const shown = [...dial.el.querySelectorAll(".rg-tick")].map((tick) => tick.textContent);
  expect(shown).toEqual(labels);
});

describe("the play button", () => {
  beforeEach(() => void vi.useFakeTimers());

  it("runs to the coarsest scale, commits on the way, and stops", () => {
    const play = dial.el.querySelector<HTMLButtonElement>(".rg-play")!;
    play.click();
    expect(play.getAttribute("aria-pressed")).toBe("true");
    vi.advanceTimersByTime(20_000);
    expect(previews).toEqual([3, 4, 5, 6]);
    expect(commits).toEqual([3, 4, 5, 6]);
    expect(play.getAttribute("aria-pressed")).toBe("false");
    vi.useRealTimers();
  });

  it("gives way to a hand on the dial", () => {
    dial.el.querySelector<HTMLButtonElement>(".rg-play")!.click();
    press(dial.input, "Home");
    vi.advanceTimersByTime(20_000);
    expect(previews).toEqual([0]);
    vi.useRealTimers();
  });
});
