import { beforeEach, describe, expect, it, vi } from "vitest";
import { Readout, speech } from "../src/readout";
import { readSpec } from "../src/read";
import { Table } from "../src/table";
import { BOUNDS, type Spec } from "../src/types";
import { record } from "./records";

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
          /^(measured|proved|none)$/,
        );
      }
    }
  });

  it("a cell is flagged in words exactly when it exceeds the tolerance", () => {
    readout.update(table, index);
    for (const { name, tolerance } of spec.observables) {
      for (const bound of BOUNDS) {
        const { value } = table.bound(bound, name, index);
        const over = tolerance !== null && value !== null && value > tolerance;
        expect(cell(name, bound).textContent!.includes("over")).toBe(over);
        expect(cell(name, bound).classList.contains("rg-over")).toBe(over);
      }
    }
  });
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

it("choosing a row tells the charts", () => {
  readout.el.querySelector<HTMLButtonElement>('[data-observable="magnetisation"] button')!.click();
  expect(chosen).toHaveBeenCalledWith("magnetisation");
});

it("the dial speaks the cutoff, the value with its error, and every bound", () => {
  const words = speech(spec, table, 2);
  expect(words).toContain("block 4 spins, level 2 of 3");
  expect(words).toContain("energy -1.4 plus or minus 0.002 J");
  expect(words).toContain(
    "average change 0.02, resample 0.05, attack 0.11 over budget, certificate 0.4 over budget",
  );
});
