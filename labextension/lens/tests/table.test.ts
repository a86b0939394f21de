import { describe, expect, it } from "vitest";
import { readSpec } from "../src/read";
import { Table } from "../src/table";
import { rareAt, record } from "./records";

const spec = readSpec(record().spec);
const table = (raw: unknown = record().table): Table => new Table(raw, spec);

describe("rows for charts", () => {
  it("hold one row a cutoff and observable, with every bound and its kind", () => {
    const rows = table().rows();
    expect(rows).toHaveLength(8);
    expect(rows.find((row) => row.index === 2 && row.observable === "energy")).toMatchObject({
      cutoff: 4,
      value: -1.4,
      tolerance: 0.1,
      average: 0.02,
      resample: 0.05,
      attack: 0.11,
      attack_kind: "measured",
      attack_statistic: "largest",
      attack_median: 0.02,
      attack_over: 0.164,
      average_statistic: "mean",
      average_median: null,
      certificate: 0.4,
      certificate_kind: "proved",
    });
  });

  it("a missing certificate is null, never zero", () => {
    const row = table()
      .rows()
      .find(({ index, observable }) => index === 3 && observable === "energy");
    expect(row).toMatchObject({ certificate: null, certificate_kind: "none" });
  });

  it("a mean in budget promises nothing of the worst sample", () => {
    const means = { budget: { average: 3, resample: 2, attack: 1, certificate: 1 } };
    const none = { average: 3, resample: 2, attack: null, certificate: null };
    expect(table(means).budget).toEqual(none);
    const largest = { attack_statistic: {}, certificate_statistic: {} };
    expect(table({ ...means, ...largest }).budget).toEqual(means.budget);
  });

  it("what a bound will be of the samples is known before it is computed", () => {
    const one = table({ attack_statistic: { energy: ["", "single"] }, average_statistic: {} });
    expect([one.statistic("attack"), one.statistic("average")]).toEqual(["single", "mean"]);
    expect(table({ certificate_statistic: {} }).statistic("certificate")).toBe("largest");
  });

  it("how rare is drawn at its own cutoff alone, beside the numbers of that cutoff", () => {
    const rare = table(rareAt(2).table);
    expect([0, 1, 2, 3].map((index) => rare.hasRare(index))).toEqual([false, false, true, false]);
    expect(rare.data("rare", 1).table).toEqual([]);
    const rows = rare.data("rare", 2).table!;
    expect(rows.filter((row) => "attack" in row).map(({ index }) => index)).toEqual([2, 2]);
    const steps = rows.filter((row) => "epsilon" in row);
    expect(steps).toHaveLength(3);
    expect(steps[1]).toEqual({
      observable: "energy",
      epsilon: 0.1,
      probability: 1e-3,
      low: 5e-4,
      high: 2e-3,
    });
    const broken = table({ rare_curve: { energy: [{ epsilon: [0] }] } });
    expect(broken.data("rare", 0).table).toEqual([]);
  });

  it("of an ensemble beside samples nothing is said, of an ensemble alone that it is one", () => {
    const said = { energy: ["single", "single"], magnetisation: ["", "largest"] };
    expect(table({ attack_statistic: said }).statistic("attack")).toBe("largest");
  });

  it("a spectrum of each cutoff moves with the dial, one for all does not", () => {
    const one = table({ relevance: { names: ["a", "b"], values: [2, 1], errors: [0.1, null] } });
    expect(one.relevanceMoves()).toBe(false);
    expect(one.relevance(3)[1]).toMatchObject({ rank: 2, name: "b", value: 1, error: null });
    const many = table({
      relevance: { names: [["a"], ["b"]], values: [[2], [7]], errors: [[], []] },
    });
    expect(many.relevanceMoves()).toBe(true);
    expect(many.relevance(1)).toMatchObject([{ rank: 1, name: "b", value: 7 }]);
    expect(many.relevance(3)).toEqual([]);
  });

  it("the flow plane gets a column a coupling", () => {
    const rows = table({ couplings: { K: [0.4, 0.3, null, 0.1] } }).data("flow", 0).table;
    expect(rows?.map((row) => row.K)).toEqual([0.4, 0.3, null, 0.1]);
  });

  it("whatever else Python names goes to charts by that name", () => {
    const data = table({ data: { fixed_points: [{ K: 0.5 }], broken: 3 } }).data("flow", 0);
    expect(data.fixed_points).toEqual([{ K: 0.5 }]);
    expect(data.broken).toBeUndefined();
  });
});

describe("a damaged table", () => {
  it.each([null, 3, [], { value: 7 }, { value: { energy: "x" } }])("%j is an empty one", (raw) => {
    const rows = table(raw).rows();
    expect(rows).toHaveLength(8);
    expect(rows.every(({ value }) => value === null)).toBe(true);
    expect(table(raw).known(0)).toBe(false);
  });

  it("a budget off the scale counts as none", () => {
    const { budget } = table({
      certificate_statistic: {},
      budget: { average: 99, attack: 1.5, certificate: 2 },
    });
    expect(budget).toEqual({ average: null, attack: null, certificate: 2 });
  });
});
