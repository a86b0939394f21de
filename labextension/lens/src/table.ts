/**
 * The table of a flow, cell by cell, and as the rows that charts draw.
 *
 * A chart names its data; the lens fills three names and whatever `table.data` brings:
 *   table      one row a cutoff and observable: index, cutoff, label, observable, unit, tolerance,
 *              value, average, resample, attack, certificate, each but the last with `_error`,
 *              each bound with `_kind`, `_how`, `_statistic` and what its samples come to:
 *              `_median`, `_high` (95 %), `_largest`, `_over` (share over the tolerance)
 *   relevance  one row a feature: rank, name, value, error, quantity, unit
 *   couplings  one row a cutoff: index, cutoff, label and one column a coupling
 * In the spectrum "table" stands for "relevance", in the flow plane for "couplings", in the view
 * "rare" for the rows of one cutoff and the steps of its curves: epsilon, probability, low, high.
 */
import { cell, isObject, readBudget, text, type Loose } from "./read";
import { BOUNDS, type BoundName, type Cell, type Spec, type Statistic } from "./types";

export type Row = Record<string, string | number | boolean | null>;

export interface BoundCell {
  value: Cell;
  error: Cell;
  kind: "measured" | "proved" | "none";
  how: string;
  statistic: Statistic;
  /** Of whom it is, in words. */
  of: string;
  /** The share of its samples that are over the tolerance, and the most that may be of new ones. */
  over: Cell;
  others: Cell;
}

/** A change that is exceeded once in so many, and the probability to be over the tolerance. */
export interface RareCell {
  value: Cell;
  once: Cell;
  over: Cell;
  of: string;
  how: string;
}

const CURVE = ["epsilon", "probability", "low", "high"];
const KINDS: readonly string[] = ["measured", "proved", "none"];
const STATISTICS: readonly string[] = ["largest", "mean", "single"];
const OF_SAMPLES = ["median", "high", "largest", "over"];

export class Table {
  readonly budget: Record<string, number | null>;
  readonly #raw: Loose;

  constructor(
    raw: unknown,
    private readonly spec: Spec,
  ) {
    this.#raw = isObject(raw) ? raw : {};
    this.budget = readBudget(this.#raw.budget, spec.scale.cutoffs.length);
    for (const name of ["attack", "certificate"] as const) {
      // Of a mean nothing follows for any one sample.
      if (name in this.budget && this.statistic(name) === "mean") this.budget[name] = null;
    }
  }

  #at(column: string, observable: string, index: number): unknown {
    const columns = this.#raw[column];
    const values = isObject(columns) ? columns[observable] : undefined;
    return Array.isArray(values) ? values[index] : values;
  }

  cell(column: string, observable: string, index: number): Cell {
    return cell(this.#at(column, observable, index));
  }

  bound(name: BoundName, observable: string, index: number): BoundCell {
    const value = this.cell(name, observable, index);
    const said = text(this.#at(`${name}_kind`, observable, index));
    const natural = name === "certificate" ? "proved" : "measured";
    const kind = KINDS.includes(said) ? said : value === null ? "none" : natural;
    return {
      value: kind === "none" ? null : value,
      error: this.cell(`${name}_error`, observable, index),
      kind: kind as BoundCell["kind"],
      how: text(this.#at(`${name}_how`, observable, index)),
      statistic: this.#statistic(name, observable, index),
      of: text(this.#at(`${name}_of`, observable, index)),
      over: this.cell(`${name}_over`, observable, index),
      others: this.cell(`${name}_others`, observable, index),
    };
  }

  /** Tables that do not say are from when every number was a mean. */
  #statistic(name: BoundName, observable: string, index: number): Statistic {
    const column = `${name}_statistic`;
    const said = column in this.#raw ? text(this.#at(column, observable, index)) : "mean";
    return (STATISTICS.includes(said) ? said : "") as Statistic;
  }

  /** What a bound is of the samples wherever it is known; what it will be where it is not yet. */
  statistic(name: BoundName): Statistic {
    const { scale, observables } = this.spec;
    let single = false;
    for (const observable of observables) {
      for (const index of scale.cutoffs.keys()) {
        const found = this.#statistic(name, observable.name, index);
        // Of an ensemble beside samples nothing is said.
        if (found && found !== "single") return found;
        single ||= found === "single";
      }
    }
    if (single) return "single";
    return name === "attack" || name === "certificate" ? "largest" : "mean";
  }

  rare(observable: string, index: number): RareCell {
    return {
      value: this.cell("rare", observable, index),
      once: this.cell("rare_once", observable, index),
      over: this.cell("rare_over", observable, index),
      of: text(this.#at("rare_of", observable, index)),
      how: text(this.#at("rare_how", observable, index)),
    };
  }

  hasRare(index: number): boolean {
    return this.spec.observables.some(({ name }) => isObject(this.#at("rare_curve", name, index)));
  }

  #rareRows(index: number): Row[] {
    const curves = this.spec.observables.flatMap(({ name }) => {
      const curve = this.#at("rare_curve", name, index);
      const parts = CURVE.map((part) => (isObject(curve) ? curve[part] : null));
      if (!parts.every(Array.isArray)) return [];
      return parts[0]!.map((_: unknown, i: number): Row => {
        const step = CURVE.map((part, place) => [part, cell(parts[place]![i])]);
        return { observable: name, ...Object.fromEntries(step) };
      });
    });
    const here = this.rows().filter((row) => row.index === index);
    return curves.length > 0 ? [...here, ...curves] : [];
  }

  /** False while the kernel has still to compute this cutoff. */
  known(index: number): boolean {
    const { observables } = this.spec;
    const has = (name: string): boolean =>
      this.cell("value", name, index) !== null ||
      BOUNDS.some((bound) => this.bound(bound, name, index).kind !== "none");
    return observables.length === 0 || observables.some(({ name }) => has(name));
  }

  rows(): Row[] {
    const { scale, observables } = this.spec;
    return scale.cutoffs.flatMap((cutoff, index) =>
      observables.map((observable) => {
        const row: Row = {
          ...observable,
          observable: observable.name,
          index,
          cutoff,
          label: scale.labels[index] ?? "",
          value: this.cell("value", observable.name, index),
          value_error: this.cell("value_error", observable.name, index),
        };
        for (const name of BOUNDS) {
          const { value, error, kind, how, statistic } = this.bound(name, observable.name, index);
          row[name] = value;
          row[`${name}_error`] = error;
          row[`${name}_kind`] = kind;
          row[`${name}_how`] = how;
          row[`${name}_statistic`] = statistic;
          for (const part of OF_SAMPLES) {
            row[`${name}_${part}`] = this.cell(`${name}_${part}`, observable.name, index);
          }
        }
        return row;
      }),
    );
  }

  /** Whether the spectrum is one for all cutoffs or one for each. */
  relevanceMoves(): boolean {
    const relevance = this.#raw.relevance;
    return (
      isObject(relevance) && Array.isArray(relevance.values) && Array.isArray(relevance.values[0])
    );
  }

  relevance(index: number): Row[] {
    const relevance = isObject(this.#raw.relevance) ? this.#raw.relevance : {};
    const pick = (column: unknown): unknown[] => {
      if (!Array.isArray(column)) return [];
      return Array.isArray(column[0]) ? ((column[index] as unknown[] | undefined) ?? []) : column;
    };
    const names = pick(relevance.names);
    const errors = pick(relevance.errors ?? relevance.error);
    return pick(relevance.values).map((value, i) => ({
      rank: i + 1,
      name: text(names[i], String(i + 1)),
      value: cell(value),
      error: cell(errors[i]),
      quantity: text(relevance.quantity),
      unit: text(relevance.unit),
    }));
  }

  couplings(): Row[] {
    const columns = isObject(this.#raw.couplings) ? this.#raw.couplings : {};
    const { cutoffs, labels } = this.spec.scale;
    return cutoffs.map((cutoff, index) => {
      const row: Row = { index, cutoff, label: labels[index] ?? "" };
      for (const [name, values] of Object.entries(columns)) {
        row[name] = Array.isArray(values) ? cell(values[index]) : null;
      }
      return row;
    });
  }

  /** Every named data source of a view. */
  data(view: string, index: number): Record<string, Row[]> {
    const named: Record<string, Row[]> = {};
    if (isObject(this.#raw.data)) {
      for (const [name, rows] of Object.entries(this.#raw.data)) {
        if (Array.isArray(rows))
          named[name] = rows.filter(isObject).map((row) => ({ ...row })) as Row[];
      }
    }
    if (view === "rare") return { ...named, table: this.#rareRows(index) };
    const relevance = this.relevance(index);
    const couplings = this.couplings();
    const table = view === "spectrum" ? relevance : view === "flow" ? couplings : this.rows();
    return { ...named, relevance, couplings, table };
  }
}
