/** What the user may ask of a live system: couplings to set, and work to start and stop. */
import { glyph, h, setAttribute, setText } from "./dom";
import { given } from "./format";
import type { ControlSpec, Status } from "./types";

const PACE = 60;
const LABELS: Record<string, [label: string, icon: string]> = {
  start: ["Start", "play"],
  pause: ["Pause", "pause"],
  step: ["Step", "step"],
  train: ["Train", "train"],
  cancel: ["Cancel", "stop"],
};

/** Sends at most once in `PACE` ms, and always sends the last. */
function trailing<T>(act: (value: T) => void): (value: T) => void {
  let timer: ReturnType<typeof setTimeout> | null = null;
  let latest: T;
  return (value) => {
    latest = value;
    timer ??= setTimeout(() => {
      timer = null;
      act(latest);
    }, PACE);
  };
}

interface Knob {
  spec: ControlSpec;
  slider: HTMLInputElement;
  box: HTMLInputElement;
  fault: HTMLElement;
}

const toSlider = (spec: ControlSpec, value: number): number => (spec.log ? Math.log(value) : value);
const fromSlider = (spec: ControlSpec, value: number): number =>
  spec.log ? Math.exp(value) : value;
const short = (value: number): string => String(Number(value.toPrecision(6)));

export class Controls {
  readonly el = h("div", { class: "rg-controls" });
  readonly #buttons = new Map<string, HTMLButtonElement>();
  readonly #knobs: Knob[] = [];

  constructor(
    controls: readonly ControlSpec[],
    actions: readonly string[],
    private readonly events: {
      set(name: string, value: number): void;
      action(name: string): void;
    },
  ) {
    const bar = h("div", { class: "rg-actions", role: "group", "aria-label": "Actions" });
    for (const action of actions) bar.append(this.#button(action));
    if (actions.length > 0) this.el.append(bar);
    for (const control of controls) this.el.append(this.#knob(control));
    this.el.hidden = actions.length + controls.length === 0;
  }

  #button(action: string): HTMLButtonElement {
    const [label, icon] = LABELS[action] ?? [action.charAt(0).toUpperCase() + action.slice(1), ""];
    const button = h("button", { type: "button", class: "rg-button", "data-action": action });
    if (icon) button.append(glyph(icon));
    button.append(label);
    if (action === "start") setAttribute(button, "aria-pressed", "false");
    button.addEventListener("click", () => this.events.action(action));
    this.#buttons.set(action, button);
    return button;
  }

  #knob(spec: ControlSpec): HTMLElement {
    const step = spec.log ? (Math.log(spec.max) - Math.log(spec.min)) / 200 : spec.step;
    const shared = { "data-lm-suppress-shortcuts": "true", "aria-label": spec.label };
    const slider = h("input", {
      ...shared,
      type: "range",
      class: "rg-range rg-small",
      min: toSlider(spec, spec.min),
      max: toSlider(spec, spec.max),
      step,
      value: toSlider(spec, spec.value),
    });
    const box = h("input", {
      ...shared,
      type: "number",
      class: "rg-box",
      min: spec.min,
      max: spec.max,
      step: "any",
    });
    box.value = short(spec.value);
    const fault = h("span", { class: "rg-fault", role: "alert" });
    const knob: Knob = { spec, slider, box, fault };
    this.#knobs.push(knob);
    this.#follow(knob);
    const name = h("span", { class: "rg-knob-name" }, spec.label);
    const unit = h("span", { class: "rg-unit" }, spec.unit);
    return h(
      "div",
      { class: "rg-knob", "data-control": spec.name },
      name,
      slider,
      box,
      unit,
      fault,
    );
  }

  #follow({ spec, slider, box, fault }: Knob): void {
    const send = trailing((value: number) => this.events.set(spec.name, value));
    slider.addEventListener("input", () => {
      const value = fromSlider(spec, Number(slider.value));
      box.value = short(value);
      setText(fault, "");
      send(value);
    });
    const typed = (): void => {
      const value = Number(box.value);
      const wrong = box.value.trim() === "" || !(value >= spec.min && value <= spec.max);
      setAttribute(box, "aria-invalid", wrong ? "true" : null);
      setText(fault, wrong ? `from ${given(spec.min)} to ${given(spec.max)}` : "");
      if (wrong) return;
      slider.value = String(toSlider(spec, value));
      send(value);
    };
    box.addEventListener("change", typed);
    for (const input of [slider, box]) {
      input.addEventListener("keydown", (event) => event.stopPropagation());
    }
  }

  /** Python moved a control: follow, unless a hand is on it. */
  follows(controls: readonly ControlSpec[]): void {
    for (const { spec, slider, box } of this.#knobs) {
      const now = controls.find(({ name }) => name === spec.name);
      if (!now || document.activeElement === slider || document.activeElement === box) continue;
      slider.value = String(toSlider(spec, now.value));
      box.value = short(now.value);
    }
  }

  update(status: Status, live: boolean): void {
    const streaming = status.state === "streaming";
    const gone = !live || status.state === "lost";
    // Work in hand gives way to a newer request, so it need not be cancelled first.
    const off: Record<string, boolean> = {
      start: streaming,
      // A stream may also report progress of its own; stopping it must stay possible.
      pause: status.state === "idle" || status.state === "error",
      step: streaming,
      cancel: status.state !== "running",
    };
    for (const [action, button] of this.#buttons) button.disabled = gone || (off[action] ?? false);
    const start = this.#buttons.get("start");
    if (start) setAttribute(start, "aria-pressed", String(streaming));
    for (const { slider, box } of this.#knobs) slider.disabled = box.disabled = gone;
    this.el.classList.toggle("rg-gone", gone);
  }
}
