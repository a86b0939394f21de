/** The lens: a dial on a flow. It knows the flow's record and its cutoff, never a scheme. */
import type { ChartsModule, ChartsSource, ChartState } from "./chart";
import type { Level } from "./codec";
import { Controls } from "./controls";
import { Dial, type DialEvents } from "./dial";
import { setAttribute, whenIdle } from "./dom";
import { Exchange } from "./exchange";
import { FieldView } from "./field";
import { arrange, entitle, rootOf, type Parts } from "./layout";
import { Levels } from "./levels";
import { ChartsPanel } from "./panel";
import { Readout, speech } from "./readout";
import { readCharts, readSpec, readStatus, structure } from "./read";
import { Saving } from "./saving";
import { snapshot } from "./snapshot";
import { StatusView } from "./status";
import { Table } from "./table";
import { themeOf, watchTheme } from "./theme";
import type { Host, Spec } from "./types";

export interface LensOptions {
  charts?: ChartsSource;
}

export class Lens {
  readonly #root: HTMLElement;
  readonly #status: StatusView;
  readonly #exchange: Exchange;
  readonly #saving: Saving;
  readonly #stops: (() => void)[] = [];
  #spec!: Spec;
  #table!: Table;
  #levels!: Levels;
  #parts: Parts | null = null;
  #preview = 0;
  #cutoff = 0;
  #observable = "";
  #look = "";
  #draws = 0;
  #frame: number | null = null;
  #gone = false;

  constructor(
    el: HTMLElement,
    private readonly host: Host,
    private readonly options: LensOptions = {},
  ) {
    this.#root = rootOf(el);
    this.#status = new StatusView({
      cancel: () => this.#act("cancel"),
      retry: () => this.#retry(),
    });
    this.#exchange = new Exchange(host, {
      count: () => this.#spec?.scale.cutoffs.length ?? 0,
      levels: (levels, configuration) => this.#arrived(levels, configuration),
      expected: (headers) => this.#levels.expect(headers),
      stats: (words) => this.#status.measure(words),
      fault: (message, mend) => this.#status.fail(message, mend),
      lost: (lost) => this.#lost(lost),
      guard: (act) => this.#guard(act),
      snapshot: () => snapshot(this.#root),
    });
    this.#saving = new Saving(host, {
      busy: () => this.#exchange.requests.outstanding() !== null,
      died: () => this.#guard(() => this.#died(false)),
    });
    this.#guard(() => this.#build());
    this.#guard(() => this.#exchange.restore());
    this.#listen();
    this.#guard(() => this.#rarely());
    // The kernel fills the table unasked; only a picture has to be asked for.
    if (this.#parts?.field && !this.#levels.fresh(this.#preview)) this.#guard(() => this.#need());
  }

  /** A fault is shown in the lens and goes no further: the dial outlives it. */
  #guard(act: () => void): void {
    if (this.#gone) return;
    try {
      act();
    } catch (fault) {
      this.#status.report(fault);
      if (!this.#status.panel.isConnected) this.#root.append(this.#status.panel);
    }
  }

  #build(): void {
    const spec = readSpec(this.host.get("spec"));
    this.#demolish();
    this.#spec = spec;
    this.#table = new Table(this.host.get("table"), spec);
    this.#levels ??= new Levels(spec.palette, themeOf());
    if (!spec.observables.some(({ name }) => name === this.#observable)) {
      this.#observable = spec.observables[0]?.name ?? "";
    }
    this.#parts = this.#assemble(spec);
    this.#root.append(arrange(spec, this.#parts, this.#status.line, this.#status.panel));
    this.#retheme();
    this.#preview = this.#index("preview") ?? 0;
    this.#cutoff = this.#index("cutoff") ?? this.#preview;
    this.#parts.readout?.select(this.#observable);
    this.#parts.dial.settle(this.#cutoff);
    this.#parts.dial.showBudget(this.#table);
    this.#statusChanged();
    this.#show();
  }

  #assemble(spec: Spec): Parts {
    const turn: DialEvents = { preview: (i) => this.#turn(i), commit: (i) => this.#commit(i) };
    const live = this.host.live();
    const charts = this.#charts(spec, turn);
    return {
      dial: new Dial(spec.scale, turn),
      field: spec.views.includes("field") ? new FieldView(spec, () => this.#redraw()) : null,
      readout: spec.observables.length > 0 ? new Readout(spec, (name) => this.#choose(name)) : null,
      charts: charts.empty ? null : charts,
      controls: new Controls(live ? spec.controls : [], live ? spec.actions : [], {
        set: (name, value) => this.host.send({ kind: "set", name, value }),
        action: (name) => this.#act(name),
      }),
    };
  }

  #charts(spec: Spec, turn: DialEvents): ChartsPanel {
    const state = (view: string): ChartState => ({
      data: (index) => this.#table.data(view, index),
      signals: () => this.#signals(),
      index: () => this.#preview,
      moves: (spectral) => view === "rare" || (spectral && this.#table.relevanceMoves()),
    });
    const load = (): Promise<ChartsModule> => this.#exchange.charts(this.options.charts);
    const specs = readCharts(this.host.get("charts"));
    return new ChartsPanel(spec, specs, state, load, turn, () => this.#rarely());
  }

  /** How rare takes seconds: it is asked for where it is looked at, and the dial is let go. */
  #rarely(): void {
    if (!this.host.live() || this.#parts?.charts?.view !== "rare") return;
    if (!this.#table.hasRare(this.#cutoff)) this.host.send({ kind: "rare", index: this.#cutoff });
  }

  #signals(): Record<string, unknown> {
    const { cutoffs } = this.#spec.scale;
    return {
      cutoff: cutoffs[this.#cutoff],
      preview: cutoffs[this.#preview],
      cutoff_index: this.#cutoff,
      preview_index: this.#preview,
      observable: this.#observable,
    };
  }

  #listen(): void {
    const on = (name: string, act: () => void): void =>
      void this.#stops.push(this.host.onChange(name, () => this.#guard(act)));
    const told = (name: string, act: () => void): void =>
      on(name, () => {
        this.#exchange.requests.spoke = true;
        act();
      });
    told("spec", () => this.#specChanged());
    told("charts", () => this.#build());
    told("table", () => this.#tableChanged());
    told("status", () => this.#statusTold());
    on("preview", () => this.#follow("preview"));
    on("cutoff", () => this.#follow("cutoff"));
    on("generation", () => this.#exchange.count());
    told("pyramid", () => this.#exchange.restore());
    this.#stops.push(
      this.host.onMessage((message, buffers) =>
        this.#guard(() => this.#exchange.receive(message, buffers)),
      ),
      this.host.onDeath(() => this.#guard(() => this.#died(true))),
      watchTheme(() => this.#guard(() => this.#retheme())),
    );
  }

  #arrived(levels: Level[], configuration: unknown): void {
    this.#levels.put(levels, configuration);
    this.#status.mend();
    this.#redraw();
    this.#prepare();
    this.#answered();
  }

  /** What was wanted may come by a trait as well as by a message. */
  #answered(): void {
    const { requests } = this.#exchange;
    const outstanding = requests.outstanding();
    if (outstanding !== null && this.#satisfied(outstanding)) requests.answered(outstanding);
    else requests.heard();
    if (this.#satisfied(this.#preview)) requests.forget();
  }

  /** Paints the other levels while nothing else happens, so that the first move is as fast. */
  #prepare(): void {
    whenIdle(() => {
      if (!this.#gone && this.#parts?.field?.prepare(this.#levels)) this.#prepare();
    });
  }

  #index(name: "preview" | "cutoff"): number | null {
    const value = this.host.get(name);
    const last = this.#spec.scale.cutoffs.length - 1;
    const whole = typeof value === "number" && Number.isInteger(value);
    return whole ? Math.min(last, Math.max(0, value)) : null;
  }

  /** Python, or another view of the same lens, moved the dial. */
  #follow(name: "preview" | "cutoff"): void {
    const index = this.#index(name);
    const before = name === "preview" ? this.#preview : this.#cutoff;
    if (index === null || !this.#parts || index === before) return;
    if (name === "cutoff") {
      this.#cutoff = index;
      this.#parts.dial.settle(index);
    }
    this.#preview = index;
    this.#show();
    this.#need();
  }

  /** A hand is on the dial, or on a chart. */
  #turn(index: number): void {
    this.#guard(() => {
      this.#preview = index;
      this.#saving.set({ preview: index });
      this.#show();
      this.#need();
    });
  }

  #commit(index: number): void {
    this.#guard(() => {
      this.#preview = this.#cutoff = index;
      this.#parts?.dial.settle(index);
      this.#show();
      this.#saving.set({ preview: index, cutoff: index });
      this.#saving.save();
      this.#rarely();
    });
  }

  /** The kernel is gone; a page that never had one is a saved lens, and nothing is lost. */
  #died(had: boolean): void {
    if (had || this.#exchange.requests.spoke) this.#lost(true);
    else this.#statusChanged();
    this.#later();
  }

  #satisfied(index: number): boolean {
    return (!this.#parts?.field || this.#levels.fresh(index)) && this.#table.known(index);
  }

  #need(): void {
    if (!this.#spec || !this.host.live()) return;
    if (this.#satisfied(this.#preview)) this.#exchange.requests.forget();
    else this.#exchange.requests.want(this.#preview);
  }

  /** Pixels now, words and charts in the next frame: the eye is on the field. */
  #show(): void {
    this.#redraw();
    this.#say();
  }

  #say(): void {
    this.#parts?.dial.set(this.#preview, speech(this.#spec, this.#table, this.#preview));
    this.#later();
  }

  #redraw(): void {
    const field = this.#parts?.field;
    if (!field) return;
    const start = performance.now();
    if (field.draw(this.#levels, this.#preview)) {
      const at = performance.now();
      const detail = { index: this.#preview, ms: at - start, seq: ++this.#draws, at };
      const event = new CustomEvent("rgwidgets:draw", { detail, bubbles: true, composed: true });
      this.#root.dispatchEvent(event);
    }
    this.#later();
  }

  #later(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      this.#guard(() => this.#settle());
    });
  }

  #settle(): void {
    const parts = this.#parts;
    const preview = this.#preview;
    if (!parts) return;
    parts.field?.describe(this.#levels, preview);
    parts.readout?.update(this.#table, preview);
    parts.charts?.changed(false);
    this.#saving.save();
    const waiting = this.host.live() && !this.#satisfied(preview) && this.#exchange.busy();
    this.#root.classList.toggle("rg-pending", waiting);
    setAttribute(this.#root, "aria-busy", String(waiting));
    this.host.wait?.(waiting);
  }

  #choose(observable: string): void {
    this.#observable = observable;
    this.#parts?.readout?.select(observable);
    this.#parts?.charts?.changed(false);
  }

  /** Words and values change in place: a slider under a hand must outlive its own effect. */
  #specChanged(): void {
    const spec = readSpec(this.host.get("spec"));
    if (this.#parts && structure(spec) === structure(this.#spec)) {
      const { title, subtitle, describe } = spec;
      Object.assign(this.#spec, { title, subtitle, describe });
      entitle(this.#root, spec);
      this.#parts.controls.follows(spec.controls);
      return;
    }
    const scale = (of: Spec | undefined): string => JSON.stringify(of?.scale);
    if (scale(spec) !== scale(this.#spec)) this.#levels?.clear();
    this.#build();
    this.#status.clear();
    this.#need();
  }

  #tableChanged(): void {
    if (!this.#parts) return;
    this.#table = new Table(this.host.get("table"), this.#spec);
    this.#parts.dial.showBudget(this.#table);
    this.#parts.charts?.changed(true);
    this.#answered();
    this.#say();
  }

  #statusTold(): void {
    this.#exchange.told(readStatus(this.host.get("status")).state);
    this.#statusChanged();
    this.#later();
  }

  #statusChanged(): void {
    const status = readStatus(this.host.get("status"));
    this.#status.update(status, this.host.live());
    this.#parts?.controls.update(status, this.host.live());
  }

  #lost(lost: boolean): void {
    const status = readStatus(this.host.get("status"));
    this.#status.setLost(lost);
    this.#parts?.controls.update(lost ? { ...status, state: "lost" } : status, this.host.live());
  }

  #act(name: string): void {
    if (this.host.send({ kind: "action", name })) this.#exchange.requests.expect();
  }

  #retry(): void {
    this.#status.clear();
    this.#act("retry");
    this.#guard(() => this.#need());
  }

  #retheme(): void {
    const theme = themeOf();
    // Two dark themes may differ in everything but that.
    const look = theme + (document.body.dataset.jpThemeName ?? "");
    if (!this.#spec || this.#look === look) return;
    this.#look = look;
    this.#root.dataset.rgTheme = theme;
    this.#levels.recolour(this.#spec.palette, theme);
    this.#redraw();
    this.#parts?.charts?.retheme();
  }

  #demolish(): void {
    this.#parts?.dial.dispose();
    this.#parts?.field?.dispose();
    this.#parts?.charts?.dispose();
    this.#parts = null;
    this.#look = "";
    this.#root.querySelector(".rg-body")?.remove();
  }

  dispose(): void {
    if (this.#gone) return;
    this.#gone = true;
    if (this.#frame !== null) cancelAnimationFrame(this.#frame);
    this.#saving.dispose();
    for (const stop of this.#stops) stop();
    this.#exchange.dispose();
    this.#demolish();
    this.#root.remove();
  }
}
