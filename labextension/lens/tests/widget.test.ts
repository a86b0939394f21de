import { describe, expect, it, vi } from "vitest";
import lens, { hub } from "../src/index";
import { model, press, record, release } from "./records";
import { frame } from "./setup";

const place = (): HTMLElement => document.body.appendChild(document.createElement("div"));
const boom = (): never => {
  throw new Error("not here");
};

describe("a host that lacks parts of a model", () => {
  it.each([
    [
      "only get",
      { set: undefined, save_changes: undefined, send: undefined, on: undefined, off: undefined },
    ],
    ["methods that throw", { set: boom, save_changes: boom, send: boom, off: boom }],
    ["nothing that listens", { on: boom, off: boom }],
  ])("(%s) still has a lens with a dial that moves", (_, parts) => {
    const el = place();
    const given = Object.assign(model(record()), parts);
    const dispose = lens.render({ model: given as never, el });
    const input = el.querySelector<HTMLInputElement>(".rg-dial input")!;
    press(input, "End");
    release(input, "End");
    frame();
    expect(el.querySelector("output")!.textContent).toContain("8");
    expect(el.querySelector<HTMLElement>(".rg-panel")!.hidden).toBe(true);
    dispose();
  });
});

it("an aborted view takes its lens away", () => {
  const el = place();
  const controller = new AbortController();
  lens.render({ model: model(record()), el, signal: controller.signal });
  expect(el.querySelector(".rg-lens")).not.toBe(null);
  controller.abort();
  expect(el.querySelector(".rg-lens")).toBe(null);
});

it("the hub holds every live model and tells who subscribed", () => {
  const told = vi.fn();
  const stop = hub().subscribe((models) => told([...models].length));
  const given = model(record());
  const leave = lens.initialize({ model: given });
  expect(hub().models.has(given)).toBe(true);
  leave();
  expect(hub().models.has(given)).toBe(false);
  stop();
  lens.initialize({ model: given })();
  expect(told.mock.calls).toEqual([[1], [0]]);
  expect(hub()).toBe((globalThis as Record<symbol, unknown>)[Symbol.for("rgwidgets.hub")]);
});

it("two views of one model move together and count together", () => {
  const given = model({ ...record(), pyramid: [], generation: 0 });
  const [a, b] = [place(), place()];
  lens.render({ model: given, el: a });
  lens.render({ model: given, el: b });
  const input = (el: HTMLElement): HTMLInputElement => el.querySelector(".rg-dial input")!;
  press(input(a), "ArrowRight");
  frame();
  expect(input(b).value).toBe("1");
  const generations = given.sent
    .filter(({ kind }) => kind === "want")
    .map((want) => want.generation);
  expect(new Set(generations).size).toBe(generations.length);
});
