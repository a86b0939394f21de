import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Controls } from "../src/controls";
import { readSpec, readStatus } from "../src/read";
import { StatusView } from "../src/status";

const controls = readSpec({
  scale: { cutoffs: [1] },
  controls: [
    { name: "temperature", label: "Temperature", unit: "J", min: 1, max: 4, step: 0.1, value: 2.3 },
    { name: "rate", label: "Rate", min: 0.001, max: 10, value: 0.1, log: true },
  ],
}).controls;

let set: [string, number][];
let acted: string[];
let view: Controls;

const part = <T extends Element>(selector: string): T => view.el.querySelector<T>(selector)!;
const type = (selector: string, value: string, event: string): void => {
  const input = part<HTMLInputElement>(selector);
  input.value = value;
  input.dispatchEvent(new Event(event));
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  [set, acted] = [[], []];
  view = new Controls(controls, ["start", "pause", "step", "cancel", "melt"], {
    set: (name, value) => set.push([name, value]),
    action: (name) => acted.push(name),
  });
});
afterEach(() => void vi.useRealTimers());

describe("a control", () => {
  it("sends the last of many values, and shows each", () => {
    for (const value of ["2", "2.5", "3.1"])
      type("[data-control=temperature] .rg-range", value, "input");
    expect(set).toEqual([]);
    vi.advanceTimersByTime(100);
    expect(set).toEqual([["temperature", 3.1]]);
    expect(part<HTMLInputElement>("[data-control=temperature] .rg-box").value).toBe("3.1");
  });

  it("on a logarithmic slider moves by factors", () => {
    const slider = part<HTMLInputElement>("[data-control=rate] .rg-range");
    expect(Number(slider.value)).toBeCloseTo(Math.log(0.1), 5);
    type("[data-control=rate] .rg-range", String(Math.log(1)), "input");
    vi.advanceTimersByTime(100);
    expect(set[0]![1]).toBeCloseTo(1, 9);
  });

  it.each(["", "-1", "9", "NaN"])("refuses %j with the range that it allows", (value) => {
    type("[data-control=temperature] .rg-box", value, "change");
    vi.advanceTimersByTime(100);
    expect(set).toEqual([]);
    expect(part("[data-control=temperature] .rg-fault").textContent).toBe("from 1 to 4");
    expect(part("[data-control=temperature] .rg-box").getAttribute("aria-invalid")).toBe("true");
    type("[data-control=temperature] .rg-box", "2", "change");
    expect(part("[data-control=temperature] .rg-fault").textContent).toBe("");
  });

  it("follows Python", () => {
    view.follows([{ ...controls[0]!, value: 1.5 }]);
    expect(part<HTMLInputElement>("[data-control=temperature] .rg-box").value).toBe("1.5");
    expect(set).toEqual([]);
  });
});

describe("buttons", () => {
  const disabled = (): string[] =>
    [...view.el.querySelectorAll<HTMLButtonElement>("button:disabled")].map(
      (b) => b.dataset.action!,
    );

  it.each([
    ["idle", true, ["pause", "cancel"]],
    ["running", true, []],
    ["streaming", true, ["start", "step", "cancel"]],
    ["lost", true, ["start", "pause", "step", "cancel", "melt"]],
    ["idle", false, ["start", "pause", "step", "cancel", "melt"]],
  ])("when %s (kernel: %s) %j are off", (state, live, off) => {
    view.update(readStatus({ state }), live);
    expect(disabled()).toEqual(off);
    const pressed = part("[data-action=start]").getAttribute("aria-pressed");
    expect(pressed).toBe(String(state === "streaming"));
  });

  it("tell their action, known or not", () => {
    part<HTMLButtonElement>("[data-action=melt]").click();
    expect(acted).toEqual(["melt"]);
    expect(part("[data-action=melt]").textContent).toBe("Melt");
  });
});

describe("the status line", () => {
  it("shows progress with its share and offers to cancel", () => {
    const cancel = vi.fn();
    const status = new StatusView({ cancel, retry: vi.fn() });
    status.update(
      readStatus({ state: "running", progress: 0.42, label: "epoch 17", device: "CPU" }),
      true,
    );
    expect(status.line.querySelector(".rg-progress-label")!.textContent).toBe("epoch 17 · 42 %");
    expect(status.line.querySelector("progress")!.value).toBeCloseTo(0.42);
    expect(status.line.textContent).toContain("CPU");
    status.line.querySelector("button")!.click();
    expect(cancel).toHaveBeenCalledOnce();
    status.update(readStatus({ state: "idle" }), true);
    expect(status.line.classList.contains("rg-working")).toBe(false);
  });

  it("a progress out of range is clipped, an unknown one is left open", () => {
    expect(readStatus({ progress: 7 }).progress).toBe(1);
    expect(readStatus({ progress: "x" }).progress).toBe(null);
    const status = new StatusView({ cancel: vi.fn(), retry: vi.fn() });
    status.update(readStatus({ state: "running", progress: null }), true);
    expect(status.line.querySelector("progress")!.hasAttribute("value")).toBe(false);
  });
});
