import { beforeEach, describe, expect, it, vi } from "vitest";
import { Readout, speech } from "../src/readout";
import { readSpec } from "../src/read";
import { Table } from "../src/table";
import { BOUNDS, type Spec } from "../src/types";
import { rareAt, record } from "./records";

let spec: Spec;
let table: Table;
let readout: Readout;
let chosen: ReturnType<typeof vi.fn<(name: string) => void>>;

const cell = (observable: string, bound: string): HTMLElement =>
  readout.el.querySelector(`[data-observable="${observable}"] td.rg-${bound}`)!;

beforeEach(() => {
  const given = record();
  spec = readSpec(given.spec);
  table = new Table(given.table, spec);
  chosen = vi.fn<(name: string) => void>();
  readout = new Readout(spec, chosen);
});

describe.each([0, 1, 2, 3])("at cutoff %i", (index) => {
  it("average, resample, attack and certificate stand side by side for every observable", () => {
    readout.update(table, index);
    for (const { name } of spec.observables) {
      for (const bound of BOUNDS) {
        expect(cell(name, bound).querySelector(".rg-number")!.textContent).not.toBe("");
        expect(cell(name, bound).querySelector(".rg-note")!.textContent).toMatch(
          bound === "attack" || bound === "certificate"
            ? /^(largest, (measured|proved)|none)$/
            : /^mean, measured$/,
        );
      }
    }
  });

  it("a cell is flagged in words and by a cross exactly when it exceeds the tolerance", () => {
    readout.update(table, index);
    for (const { name, tolerance } of spec.observables) {
      for (const bound of BOUNDS) {
        const { value } = table.bound(bound, name, index);
        const over = tolerance !== null && value !== null && value > tolerance;
        expect(/✕.*over/.test(cell(name, bound).textContent!)).toBe(over);
        expect(cell(name, bound).classList.contains("rg-over")).toBe(over);
      }
    }
  });
});

it("says how many samples are over, and in its title of whom, and how many new ones may be", () => {
  readout.update(table, 2);
  expect(cell("energy", "attack").textContent).toContain("✕ 16 % over");
  expect(cell("energy", "attack").title.split("\n")).toEqual([
    "Attack 0.110, the largest of 360 inputs, every tail with ‖tail‖ ≤ 3.2",
    "measured: measured on samples",
    "over the tolerance 0.1",
    "16 % of these samples are over the tolerance",
    "of new ones at most 20 %, at 95 % confidence",
  ]);
  readout.update(table, 3);
  expect(cell("energy", "attack").textContent).toContain("✕ 99.6 % over");
});

it("samples over the tolerance are counted beside a mean that is not, without a cross", () => {
  const raw = { average: { energy: [0.05] }, average_over: { energy: [0.02] } };
  readout.update(new Table(raw, spec), 0);
  expect(cell("energy", "average").textContent).toMatch(/(?<!✕ )2 % over$/);
  expect(cell("energy", "average").classList.contains("rg-over")).toBe(false);
});

it("an old table, which kept means alone, calls every number a mean", () => {
  const raw = { attack: { energy: [0.5] }, certificate: { energy: [0.9] } };
  readout.update(new Table(raw, spec), 0);
  expect(cell("energy", "attack").textContent).toContain("mean, measured");
  expect(cell("energy", "certificate").textContent).toContain("mean, proved");
  expect(cell("energy", "certificate").title).toContain("0.900, the mean over samples");
});

it("a number of the whole ensemble is neither a mean nor the largest", () => {
  const raw = { attack: { energy: [0.5] }, attack_statistic: { energy: ["single"] } };
  readout.update(new Table(raw, spec), 0);
  expect(cell("energy", "attack").querySelector(".rg-note")!.textContent).toBe("measured");
});

it("a bound that does not exist shows a dash and its reason", () => {
  readout.update(table, 3);
  const missing = cell("energy", "certificate");
  expect(missing.querySelector(".rg-number")!.textContent).toBe("—");
  expect(missing.title).toContain("no bound of this kind");
});

it("a value that is withdrawn as unproved is not shown as if it were", () => {
  const raw = {
    certificate: { energy: [0.5] },
    certificate_kind: { energy: ["none"] },
    certificate_how: { energy: ["the layer is not Lipschitz"] },
  };
  readout.update(new Table(raw, spec), 0);
  expect(cell("energy", "certificate").querySelector(".rg-number")!.textContent).toBe("—");
  expect(cell("energy", "certificate").title).toContain("not Lipschitz");
});

it("an observable without a value says so", () => {
  readout.update(new Table({}, spec), 0);
  const value = readout.el.querySelector<HTMLElement>('[data-observable="energy"] .rg-value')!;
  expect(value.textContent).toContain("—");
  expect(value.title).toContain("not known");
});

it("the unit and the tolerance stand beside the number", () => {
  readout.update(table, 0);
  const row = readout.el.querySelector('[data-observable="energy"]')!.textContent!;
  expect(row).toContain("−1.4142 ± 0.0021");
  expect(row).toContain("J");
  expect(row).toContain("tolerance 0.1");
});

describe("how rare", () => {
  const rare = rareAt(2);
  const at = (index: number): Readout => {
    readout = new Readout(readSpec(rare.spec), chosen);
    readout.update(new Table(rare.table, spec), index);
    return readout;
  };

  it("stands between what is typical and what is found, where a law is stated", () => {
    const heads = (): string[] =>
      [...readout.el.querySelectorAll("thead tr:last-child th")].map((th) => th.textContent!);
    expect(heads()).not.toContain("Rare");
    at(2);
    expect(heads()).toEqual(["Average", "Resample", "Rare", "Attack", "Certificate"]);
  });

  it("is a change with its probability, and how probable it is to be over the tolerance", () => {
    at(2);
    expect(cell("energy", "rare").querySelector(".rg-number")!.textContent).toBe("0.250");
    expect(cell("energy", "rare").textContent).toContain("once in 10⁶✕ 6.3×10⁻⁵ over");
    expect(cell("energy", "rare").classList.contains("rg-over")).toBe(true);
    expect(cell("energy", "rare").title).toContain("over one of 360 inputs at random and a tail");
    expect(cell("energy", "rare").title).toContain("measured: multilevel splitting");
  });

  it("is a dash where it was not computed", () => {
    at(1);
    expect(cell("energy", "rare").querySelector(".rg-number")!.textContent).toBe("—");
    expect(cell("energy", "rare").textContent).toContain("not known");
  });

  it("is spoken in plain numbers", () => {
    const known = new Table(rare.table, spec);
    expect(speech(spec, known, 2)).toContain("rare 0.25 with probability 0.000001, attack,");
    expect(speech(spec, known, 1)).not.toContain("rare");
  });
});

it("choosing a row tells the charts", () => {
  readout.el.querySelector<HTMLButtonElement>('[data-observable="magnetisation"] button')!.click();
  expect(chosen).toHaveBeenCalledWith("magnetisation");
});

it("the dial speaks the cutoff, the value with its error, and every bound", () => {
  const words = speech(spec, table, 2);
  expect(words).toContain("block 4 spins, level 2 of 3");
  expect(words).toContain("energy -1.4 plus or minus 0.002 J");
  expect(words).toContain(
    "average, mean 0.02, resample, mean 0.05, attack, largest 0.11, over budget, " +
      "certificate, largest 0.4, over budget",
  );
});
