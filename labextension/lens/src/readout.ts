/** The observables at one cutoff, each with its error and with all four bounds side by side. */
import { h, mark, setAttribute, setText } from "./dom";
import { given, MISSING, measured, number, onceIn, percent, phrase, spoken } from "./format";
import type { BoundCell, RareCell, Table } from "./table";
import { BOUNDS, type BoundName, type ObservableSpec, type Spec } from "./types";

/** Four bounds, and between what is typical and what is found how rare, where that is known. */
type Column = BoundName | "rare";
const COLUMNS: readonly Column[] = ["average", "resample", "rare", "attack", "certificate"];

const HEADINGS: Record<Column, [string, string]> = {
  average: ["Average", "Change of the observable when the neglected part is averaged away"],
  resample: ["Resample", "Change when the neglected part is taken from another sample"],
  rare: ["Rare", "Change that a neglected part drawn by its law exceeds once in so many"],
  attack: ["Attack", "Change that a search found: the truth is at least this"],
  certificate: ["Certificate", "Proved upper bound: the truth is at most this"],
};

const REASONS: Record<BoundCell["kind"], string> = {
  measured: "measured on samples",
  proved: "proved for every neglected part that the bound admits",
  none: "no bound of this kind",
};

interface Slot {
  cell: HTMLElement;
  value: HTMLElement;
  error: HTMLElement;
  note: HTMLElement;
  flag: HTMLElement | null;
}

interface Line {
  row: HTMLElement;
  observable: ObservableSpec;
  value: Slot;
  bounds: Record<Column, Slot>;
}

function slot(className: string, flagged = false): Slot {
  const value = h("span", { class: "rg-number" });
  const error = h("span", { class: "rg-error-bar" });
  const note = h("span", { class: "rg-note" });
  const flag = flagged ? h("span", { class: "rg-under rg-flag" }) : null;
  const figure = h("span", { class: "rg-figure" }, value, error);
  const cell = h("td", { class: className }, figure, h("span", { class: "rg-under" }, note), flag);
  return { cell, value, error, note, flag };
}

function fill(target: Slot, value: number | null, error: number | null): void {
  const shown = measured(value, error);
  setText(target.value, shown.value);
  setText(target.error, shown.error);
}

const isOver = ({ value }: BoundCell, tolerance: number | null): boolean =>
  tolerance !== null && value !== null && value > tolerance;

/** "largest, measured": what the number is of the samples, and of what kind. */
function sort({ kind, statistic }: BoundCell): string {
  return kind === "none" || statistic === "single" || !statistic ? kind : `${statistic}, ${kind}`;
}

/** "✕ 16 % over": whether the number is over the tolerance, and how many of the samples are. */
function flagged(cell: BoundCell, tolerance: number | null): string {
  const share = cell.over ? `${percent(cell.over)} over` : "";
  return isOver(cell, tolerance) ? `✕ ${share || "over"}` : share;
}

/** Everything there is to say of one number, a line for each thing. */
function inWords(name: BoundName, cell: BoundCell, tolerance: number | null): string {
  const { kind, statistic, of, over, others } = cell;
  const how = cell.how || REASONS[kind];
  const shown = cell.value === null ? MISSING : phrase(cell.value, cell.error);
  const whom = statistic === "mean" && !of.includes(" over ") ? "the mean over samples" : of;
  const said = [`${HEADINGS[name][0]} ${shown}${whom ? `, ${whom}` : ""}`, `${kind}: ${how}`];
  if (isOver(cell, tolerance)) said.push(`over the tolerance ${given(tolerance)}`);
  if (over !== null) said.push(`${percent(over)} of these samples are over the tolerance`);
  if (others !== null) said.push(`of new ones at most ${percent(others)}, at 95 % confidence`);
  return said.join("\n");
}

/** A share of draws, as small as it may be. */
const share = (probability: number): string =>
  probability < 1e-3 ? number(probability, 2) : percent(probability);

function rareInWords({ value, once, over, of, how }: RareCell): string {
  if (value === null || once === null) return "How rare is not known at this cutoff";
  const said = [`Rare ${phrase(value, null)}, exceeded ${onceIn(once)}, ${of}`, `measured: ${how}`];
  if (over !== null) said.push(`over the tolerance with probability ${share(over)}`);
  return said.join("\n");
}

/** Why a value, or its error, is not there. */
function remark(name: string, value: number | null, error: number | null): string | null {
  if (value === null) return `${name} is not known at this cutoff`;
  return error === null ? "one sample tells nothing of its error" : null;
}

export class Readout {
  readonly el: HTMLElement;
  readonly #lines: Line[];
  readonly #columns: readonly Column[];

  constructor(spec: Spec, choose: (observable: string) => void) {
    this.#columns = COLUMNS.filter((name) => name !== "rare" || spec.views.includes("rare"));
    this.#lines = spec.observables.map((observable) => this.#line(observable, choose));
    const body = h("tbody", {}, ...this.#lines.map(({ row }) => row));
    const caption = h(
      "caption",
      { class: "rg-hidden" },
      "Observables and their bounds at this cutoff",
    );
    const count = this.#columns.length;
    const [name, value] = count > BOUNDS.length ? [13, 14] : [16, 16];
    const widths = [name, value, ...this.#columns.map(() => (100 - name - value) / count)];
    const columns = h(
      "colgroup",
      {},
      ...widths.map((width) => h("col", { style: `width:${width}%` })),
    );
    const table = h("table", { class: "rg-readout" }, caption, columns, this.#head(), body);
    // A group: several lenses on a page would be so many landmarks of one name.
    const named = { role: "group", class: "rg-readout-panel", "aria-label": "Observables" };
    this.el = h("div", named, table);
  }

  #head(): HTMLElement {
    const top = h(
      "tr",
      { class: "rg-over-head" },
      h("th", { scope: "col", rowspan: 2 }, "Observable"),
      h("th", { scope: "col", rowspan: 2, class: "rg-right" }, "Value"),
      h(
        "th",
        { scope: "colgroup", colspan: this.#columns.length, class: "rg-group" },
        "Change that the neglected part can cause",
      ),
    );
    const names = this.#columns.map((name) => {
      const [label, meaning] = HEADINGS[name];
      return h("th", { scope: "col", class: "rg-right", title: meaning }, mark(name), label);
    });
    return h("thead", {}, top, h("tr", {}, ...names));
  }

  #line(observable: ObservableSpec, choose: (name: string) => void): Line {
    const { name, unit, tolerance } = observable;
    const pick = h(
      "button",
      {
        type: "button",
        class: "rg-pick",
        "aria-pressed": "false",
        title: `Show ${name} in the charts`,
      },
      name,
    );
    pick.addEventListener("click", () => choose(name));
    const allowed = tolerance === null ? "no tolerance set" : `tolerance ${given(tolerance)}`;
    const under = h("span", { class: "rg-under" }, h("span", { class: "rg-note" }, allowed));
    const head = h("th", { scope: "row", class: "rg-name" }, pick, under);
    const value = slot("rg-right rg-value");
    const bounds = Object.fromEntries(
      COLUMNS.map((bound) => [bound, slot(`rg-right rg-bound rg-${bound}`, tolerance !== null)]),
    ) as Record<Column, Slot>;
    for (const bound of this.#columns) {
      const label = h("span", { class: "rg-bound-label" }, mark(bound), HEADINGS[bound][0]);
      bounds[bound].cell.prepend(label);
    }
    setText(value.note, unit);
    const row = h(
      "tr",
      { "data-observable": name },
      head,
      value.cell,
      ...this.#columns.map((b) => bounds[b].cell),
    );
    return { row, observable, value, bounds };
  }

  select(observable: string): void {
    for (const {
      row,
      observable: { name },
    } of this.#lines) {
      const button = row.querySelector("button");
      if (button) setAttribute(button, "aria-pressed", String(name === observable));
      row.classList.toggle("rg-chosen", name === observable && this.#lines.length > 1);
    }
  }

  update(table: Table, index: number): void {
    for (const line of this.#lines) {
      const { name, tolerance } = line.observable;
      const value = table.cell("value", name, index);
      const error = table.cell("value_error", name, index);
      fill(line.value, value, error);
      if (value !== null && error === null) setText(line.value.error, " ± ?");
      setAttribute(line.value.cell, "title", remark(name, value, error));
      for (const bound of BOUNDS) {
        this.#bound(line.bounds[bound], table.bound(bound, name, index), bound, tolerance);
      }
      this.#rare(line.bounds.rare, table.rare(name, index), tolerance);
    }
  }

  #rare(target: Slot, cell: RareCell, tolerance: number | null): void {
    const { value, once, over } = cell;
    const beyond = tolerance !== null && value !== null && value > tolerance;
    fill(target, value, null);
    setText(target.note, value === null || once === null ? "not known" : onceIn(once));
    const said = over ? `${share(over)} over` : "";
    if (target.flag) setText(target.flag, beyond ? `✕ ${said || "over"}` : said);
    target.cell.classList.toggle("rg-over", beyond);
    setAttribute(target.cell, "title", rareInWords(cell));
  }

  #bound(target: Slot, cell: BoundCell, name: BoundName, tolerance: number | null): void {
    fill(target, cell.value, cell.error);
    setText(target.note, sort(cell));
    if (target.flag) setText(target.flag, flagged(cell, tolerance));
    target.cell.classList.toggle("rg-over", isOver(cell, tolerance));
    setAttribute(target.cell, "title", inWords(name, cell, tolerance));
  }
}

/** What the dial says aloud: the cutoff, then each observable with every bound. */
export function speech(spec: Spec, table: Table, index: number): string {
  const { scale } = spec;
  const label = scale.labels[index] ?? "";
  const place = `${scale.name} ${label} ${scale.unit}`.trim();
  const level = `${place}, level ${index} of ${scale.cutoffs.length - 1}`;
  const parts = spec.observables.map(({ name, unit, tolerance }) => {
    const value = spoken(table.cell("value", name, index), table.cell("value_error", name, index));
    const bounds = BOUNDS.map((bound) => {
      const cell = table.bound(bound, name, index);
      if (cell.value === null) return `${bound} none`;
      const of = cell.statistic === "single" || !cell.statistic ? "" : `, ${cell.statistic}`;
      return `${bound}${of} ${spoken(cell.value)}${isOver(cell, tolerance) ? ", over budget" : ""}`;
    });
    const { value: rare, once } = table.rare(name, index);
    const far = `rare ${spoken(rare)} with probability ${spoken(once)}`;
    const said = rare === null ? bounds : [...bounds.slice(0, 2), far, ...bounds.slice(2)];
    return `${name} ${value}${unit ? ` ${unit}` : ""}, ${said.join(", ")}`;
  });
  return [level, ...parts].join("; ");
}
