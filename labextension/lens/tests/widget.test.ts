import { describe, expect, it, vi } from "vitest";
import lens, { hub, mount } from "../src/index";
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
  const stop = hub().subscribe((handles) => told([...handles].length));
  const given = Object.assign(model(record()), { widget_manager: { kernel: { id: "k1" } } });
  const leave = lens.initialize({ model: given });
  const [handle] = hub().handles;
  expect(handle).toMatchObject({ kernel: "k1", place: null });
  expect(handle!.scale()!.cutoffs).toEqual([1, 2, 4, 8]);
  leave();
  leave();
  expect(hub().handles.size).toBe(0);
  stop();
  lens.initialize({ model: given })();
  expect(told.mock.calls).toEqual([[1], [0]]);
  expect(hub()).toBe((globalThis as Record<symbol, unknown>)[Symbol.for("rgwidgets.hub")]);
});

describe("a handle", () => {
  it("moves every view at once, and saves when the dial is let go", () => {
    const given = model(record());
    const leave = lens.initialize({ model: given });
    const [a, b] = [place(), place()];
    const gone = [lens.render({ model: given, el: a }), lens.render({ model: given, el: b })];
    const [handle] = hub().handles;
    const told = vi.fn();
    const stop = handle!.onChange(told);
    const saved = vi.spyOn(given, "save_changes");
    handle!.turn(2, false);
    expect([handle!.preview(), handle!.cutoff()]).toEqual([2, 0]);
    expect(saved).not.toHaveBeenCalled();
    handle!.turn(2, true);
    frame();
    expect(handle!.cutoff()).toBe(2);
    expect(saved).toHaveBeenCalled();
    expect(told).toHaveBeenCalled();
    for (const el of [a, b]) expect(el.querySelector("output")!.textContent).toContain("4");
    expect([a, b, place()].map((el) => handle!.drawnIn(el))).toEqual([true, true, false]);
    stop();
    told.mockClear();
    handle!.turn(0, true);
    expect(told).not.toHaveBeenCalled();
    gone.forEach((dispose) => dispose());
    expect(handle!.drawnIn(a)).toBe(false);
    leave();
  });

  it("outlives its model while a view shows it, however anywidget wraps the model", () => {
    const given = model({ ...record(), layout: {} });
    const wrapped = { ...given, get: (name: string) => given.get(name) };
    const leave = lens.initialize({ model: given });
    const dispose = lens.render({ model: wrapped, el: place() });
    leave();
    leave();
    expect(hub().handles.size).toBe(1);
    dispose();
    expect(hub().handles.size).toBe(0);
  });

  it("still turns its views when the kernel has died, and goes when they go", () => {
    const given = model({ ...record(), layout: {} });
    lens.initialize({ model: given });
    const el = place();
    const dispose = lens.render({ model: given, el });
    given.emit("comm:close");
    const [handle] = hub().handles;
    handle!.turn(3, true);
    frame();
    expect(el.querySelector("output")!.textContent).toContain("8");
    dispose();
    expect(hub().handles.size).toBe(0);
  });

  it("says how much memory is held, and that a kernel that ended is lost", () => {
    let slot: (sender: unknown, status: string) => void = () => undefined;
    const statusChanged = { connect: (given: typeof slot) => (slot = given), disconnect: vi.fn() };
    const kernel = { id: "k", statusChanged };
    const given = Object.assign(
      model({ ...record(), status: { state: "running", memory: "412 MB" } }),
      { widget_manager: { kernel } },
    );
    const leave = lens.initialize({ model: given });
    const [handle] = hub().handles;
    const told = vi.fn();
    const stop = handle!.onChange(told);
    expect(handle!.status()).toMatchObject({ state: "running", memory: "412 MB" });
    slot(null, "dead");
    expect(told).toHaveBeenCalled();
    expect(handle!.status()).toMatchObject({ state: "lost", memory: "412 MB" });
    expect(handle!.act("retry")).toBe(false);
    stop();
    leave();
  });

  it("of a lens that is broken has no scale, and of a record no kernel", () => {
    const given = model({ ...record(), spec: { scale: { cutoffs: [] } } });
    const leave = lens.initialize({ model: given });
    expect([...hub().handles][0]!.scale()).toBe(null);
    leave();
    const el = place();
    const mounted = mount(el, record());
    expect(mounted.handle).toMatchObject({ kernel: null, place: el });
    expect(mounted.handle.status().state).toBe("idle");
    mounted.handle.turn(3, true);
    frame();
    expect(el.querySelector("output")!.textContent).toContain("8");
    expect(mounted.handle.act("cancel")).toBe(false);
    mounted.dispose();
    expect(hub().handles.size).toBe(0);
  });
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
