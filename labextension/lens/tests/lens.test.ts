import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { mount as mountRecord } from "../src/page";
import { render } from "../src/widget";
import { palette } from "../src/palette";
import { LOST_MESSAGE } from "../src/status";
import { bits, header, model, press, record, release, type FakeModel } from "./records";
import { copies, frame } from "./setup";

let el: HTMLElement;
let live: FakeModel;

let open: (() => void)[] = [];
const mount = (...given: Parameters<typeof mountRecord>): void =>
  void open.push(mountRecord(...given).dispose);
afterEach(() => {
  for (const dispose of open) dispose();
  open = [];
});

const input = (): HTMLInputElement => el.querySelector(".rg-dial input")!;
const text = (selector: string): string => el.querySelector(selector)?.textContent ?? "";
const panel = (): HTMLElement => el.querySelector(".rg-panel")!;
const canvas = (): HTMLCanvasElement => el.querySelector(".rg-canvas")!;
const wants = (): Record<string, unknown>[] => live.sent.filter(({ kind }) => kind === "want");
const turn = (key: string): void => {
  press(input(), key);
  frame();
};

/** The first spin of the picture on the screen. */
function firstSpin(): "up" | "down" {
  const [down, up] = [palette("spins", "light")[0]!, palette("spins", "light")[255]!];
  const pixel = copies.filter(({ kind }) => kind === "draw").at(-1)!.pixels[0]!;
  expect([down, up]).toContain(pixel);
  return pixel === up ? "up" : "down";
}

const show = (changes: Record<string, unknown> = {}): void => {
  live = model({ ...record(), status: { state: "idle" }, generation: 0, ...changes });
  open.push(render({ model: live, el }));
  frame();
};

beforeEach(() => {
  document.documentElement.setAttribute("data-theme", "light");
  el = document.createElement("div");
  document.body.append(el);
});

it("pictures of one size are no lattice: there is no window to choose", () => {
  const choice = (): HTMLElement => el.querySelector(".rg-segments")!;
  mount(el, record());
  frame();
  expect(choice().hidden).toBe(false);
  el.replaceChildren();
  const [first] = record().pyramid as object[];
  mount(el, { ...record(), pyramid: [0, 1, 2, 3].map((index) => ({ ...first, index })) as never });
  frame();
  expect(choice().hidden).toBe(true);
});

describe("a record with no model", () => {
  beforeEach(() => {
    mount(el, record());
    frame();
  });

  it("is drawn, and its dial moves pixels, words and table", () => {
    const before = [
      firstSpin(),
      text("output"),
      text(".rg-readout tbody"),
      input().getAttribute("aria-valuetext"),
    ];
    turn("ArrowRight");
    const after = [
      firstSpin(),
      text("output"),
      text(".rg-readout tbody"),
      input().getAttribute("aria-valuetext"),
    ];
    before.forEach((value, i) => expect(after[i]).not.toEqual(value));
    expect(canvas().getAttribute("aria-label")).toContain("4 × 4 spins");
  });

  it("dragged to and fro ends where it began", () => {
    const state = (): unknown => [
      firstSpin(),
      text("output"),
      text(".rg-readout tbody"),
      text(".rg-field-foot"),
      input().value,
      input().getAttribute("aria-valuetext"),
    ];
    const start = state();
    for (const key of ["End", "ArrowLeft", "Home", "ArrowRight", "ArrowRight", "PageUp", "Home"]) {
      turn(key);
      release(input(), key);
    }
    frame();
    expect(state()).toEqual(start);
  });

  it("offers nothing that only a kernel can do", () => {
    expect(el.querySelector(".rg-controls button")).toBe(null);
    expect(text(".rg-state")).toBe("Saved");
  });

  it("tells each draw once, with its cutoff and its time", () => {
    const draws: { index: number; ms: number; seq: number }[] = [];
    el.addEventListener("rgwidgets:draw", (event) => draws.push((event as CustomEvent).detail));
    press(input(), "ArrowRight");
    press(input(), "ArrowRight");
    expect(draws.map(({ index }) => index)).toEqual([1, 2]);
    expect(draws[1]!.seq).toBe(draws[0]!.seq + 1);
    expect(draws[0]!.ms).toBeGreaterThanOrEqual(0);
  });

  it("copies pixels once a move after the first look at a scale", () => {
    for (const key of ["ArrowRight", "ArrowLeft"]) turn(key);
    copies.length = 0;
    press(input(), "ArrowRight");
    expect(copies.map(({ kind }) => kind)).toEqual(["draw"]);
  });

  it("shows the same number of spins at every scale when asked to", () => {
    const [whole, same] = el.querySelectorAll<HTMLButtonElement>(".rg-segment");
    same!.click();
    expect(same!.getAttribute("aria-pressed")).toBe("true");
    expect(whole!.getAttribute("aria-pressed")).toBe("false");
    frame();
    expect(text(".rg-field-caption")).toContain("8 × 8 of 8 × 8");
  });
});

describe("a damaged record", () => {
  it.each([
    ["no specification", { spec: undefined }],
    ["no cutoffs", { spec: { scale: { cutoffs: [] } } }],
    ["cutoffs that are not numbers", { spec: { scale: { cutoffs: [1, "x"] } } }],
  ])("with %s says what is wrong and how to mend it", (_, damage) => {
    mount(el, { ...record(), ...damage } as never);
    expect(text(".rg-message")).not.toBe("");
    expect(text(".rg-mend")).not.toBe("");
  });

  it.each([
    ["a short level", [{ index: 0, shape: [8, 8], dtype: "bit", data: "AA==" }]],
    ["an unknown dtype", [{ index: 0, shape: [8, 8], dtype: "f8", data: "AA==" }]],
    ["a level off the scale", [{ index: 9, shape: [1, 1], dtype: "u1", data: "AA==" }]],
    ["a level without bytes", [{ index: 0, shape: [8, 8], dtype: "bit" }]],
  ])("with %s still has a dial and a table", (_, pyramid) => {
    mount(el, { ...record(), pyramid } as never);
    frame();
    expect(panel().hidden).toBe(false);
    turn("End");
    expect(text("output")).toContain("8");
    expect(text(".rg-readout")).toContain("−1.3000");
  });

  it("is never read as HTML", () => {
    const given = record();
    (given.spec as { title: string }).title = "<img src=x onerror=alert(1)>";
    mount(el, given);
    expect(el.querySelector("img")).toBe(null);
    expect(text(".rg-title")).toContain("<img");
  });
});

describe("with a kernel", () => {
  it("a preview is saved as it moves and a cutoff when it is let go", () => {
    show();
    turn("ArrowRight");
    expect([live.values.preview_index, live.values.cutoff_index]).toEqual([1, 0]);
    release(input(), "ArrowRight");
    expect([live.values.preview_index, live.values.cutoff_index]).toEqual([1, 1]);
  });

  it("scales that are here are not asked for", () => {
    show();
    for (const key of ["End", "Home", "ArrowRight"]) turn(key);
    expect(live.sent).toEqual([]);
  });

  it("a scale that is not here is wanted, and drawn when it comes", () => {
    show({ pyramid: [] });
    expect(wants()).toEqual([{ kind: "want", generation: 1, index: 0 }]);
    expect(live.values.generation).toBe(1);
    live.message({ kind: "pyramid", generation: 1, levels: [header(0)] }, [
      new DataView(bits(0).bytes.buffer),
    ]);
    expect(firstSpin()).toBe("up");
  });

  it("a reply to an overtaken want is not drawn", () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    show({ pyramid: [] });
    press(input(), "ArrowRight");
    vi.advanceTimersByTime(100);
    expect(wants().at(-1)).toEqual({ kind: "want", generation: 2, index: 1 });
    live.message({ kind: "pyramid", generation: 1, levels: [header(1)] }, [
      Uint8Array.of(255, 255),
    ]);
    expect(copies).toEqual([]);
    live.message({ kind: "pyramid", generation: 2, levels: [header(1)] }, [bits(1).bytes]);
    expect(firstSpin()).toBe("down");
    vi.useRealTimers();
  });

  it("after a cancel nothing is on its way, until the dial asks again", () => {
    show({ pyramid: [], status: { state: "running" } });
    const busy = (): string | null => el.querySelector(".rg-lens")!.getAttribute("aria-busy");
    expect(busy()).toBe("true");
    live.set("status", { state: "idle" });
    live.save_changes();
    frame();
    expect(busy()).toBe("false");
    const before = wants().length;
    turn("ArrowRight");
    expect(wants().length).toBe(before + 1);
    expect(busy()).toBe("true");
  });

  it("levels of one configuration join; those of another are out of date", () => {
    show({ pyramid: [] });
    const send = (index: number, configuration: number): void =>
      live.message({ kind: "pyramid", generation: 9, configuration, levels: [header(index)] }, [
        bits(index).bytes,
      ]);
    send(0, 1);
    send(1, 1);
    const before = wants().length;
    turn("ArrowRight");
    turn("ArrowLeft");
    expect(wants()).toHaveLength(before);
    send(1, 2);
    turn("ArrowRight");
    expect(wants()).toHaveLength(before);
    turn("ArrowLeft");
    expect(wants()).toHaveLength(before + 1);
    expect(firstSpin()).toBe("up");
  });

  it("a frame is acknowledged after its draw, and its speed is shown", () => {
    show();
    copies.length = 0;
    const stats = { flips_per_ns: 0.854, sweep: 1200 };
    live.message({ kind: "frame", generation: 0, seq: 7, level: header(0), stats } as never, [
      bits(1).bytes.length ? bits(0).bytes : bits(0).bytes,
    ]);
    expect(live.sent).toEqual([]);
    frame();
    expect(copies.length).toBeGreaterThan(0);
    expect(live.sent).toEqual([{ kind: "ack", seq: 7 }]);
    expect(text(".rg-throughput")).toBe("0.854 flips/ns · sweep 1,200");
  });

  it("a damaged frame is told, acknowledged, and leaves the last picture", () => {
    show();
    const last = firstSpin();
    live.message({ kind: "frame", generation: 0, seq: 8, level: header(0) }, [Uint8Array.of(1)]);
    frame();
    expect(live.sent).toEqual([{ kind: "ack", seq: 8 }]);
    expect(text(".rg-message")).toContain("needs 8 bytes");
    expect(firstSpin()).toBe(last);
  });

  it("a fault of the kernel stays when a picture comes after it", () => {
    const status = { state: "error", message: "No entropy here.", mend: "Take it out." };
    show({ status, pyramid: [] });
    expect(panel().hidden).toBe(false);
    live.message({ kind: "pyramid", generation: 1, levels: [header(0)] }, [bits(0).bytes]);
    expect(firstSpin()).toBe("up");
    expect(panel().hidden).toBe(false);
    expect(text(".rg-message")).toBe("No entropy here.");
    live.change("status", { state: "idle", message: "", mend: "" });
    expect(panel().hidden).toBe(true);
  });

  it("an error keeps the last frame and the dial alive, and Retry asks again", () => {
    show();
    live.change("status", {
      state: "error",
      message: "T = -1 is not allowed.",
      mend: "Pass T > 0.",
    });
    expect([text(".rg-message"), text(".rg-mend")]).toEqual([
      "T = -1 is not allowed.",
      "Pass T > 0.",
    ]);
    expect(panel().hidden).toBe(false);
    turn("ArrowRight");
    expect(firstSpin()).toBe("down");
    panel().querySelector("button")!.click();
    expect(live.sent).toContainEqual({ kind: "action", name: "retry" });
    expect(panel().hidden).toBe(true);
  });

  it("Python moves the dial without an echo", () => {
    show();
    live.change("cutoff_index", 3);
    frame();
    expect(input().value).toBe("3");
    expect(live.saved).toBe(0);
  });

  it("a table that fills is shown, and answers what was wanted", () => {
    const { table, ...rest } = record();
    show({ ...rest, table: {} });
    expect(text(".rg-readout")).toContain("—");
    live.change("table", table);
    frame();
    expect(text(".rg-readout")).toContain("−1.4142 ± 0.0021");
  });

  it("a slider under a hand outlives the change that it makes", () => {
    const controls = [{ name: "temperature", min: 1, max: 4, value: 2 }];
    const spec = { ...(record().spec as object), controls };
    show({ spec });
    const [dial, slider] = [input(), el.querySelector("[data-control] input")];
    live.change("setup", { ...spec, title: "T = 3", controls: [{ ...controls[0], value: 3 }] });
    expect([input(), el.querySelector("[data-control] input")]).toEqual([dial, slider]);
    expect(text(".rg-title")).toBe("T = 3");
    expect(el.querySelector<HTMLInputElement>("[data-control] .rg-box")!.value).toBe("3");
  });

  it("another scale is another dial, and old pictures are forgotten", () => {
    show();
    const scale = { name: "block", cutoffs: [1, 3], labels: ["1", "3"], unit: "spins" };
    live.change("setup", { ...(record().spec as object), scale });
    frame();
    expect(input().max).toBe("1");
    expect(wants()).toHaveLength(1);
  });

  it("lost leaves what is here at work and says so once", () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    show({ pyramid: (record().pyramid as unknown[]).slice(0, 2) });
    turn("End");
    expect(panel().hidden).toBe(true);
    vi.advanceTimersByTime(10_001);
    expect(text(".rg-message")).toBe(LOST_MESSAGE);
    turn("Home");
    expect(firstSpin()).toBe("up");
    live.message({ kind: "pyramid", generation: 1, levels: [header(3)] }, [bits(3).bytes]);
    expect(panel().hidden).toBe(true);
    vi.useRealTimers();
  });

  it.each(["dead", "restarting", "terminating"])("a kernel that is %s is told", (status) => {
    let slot: (sender: unknown, status: string) => void = () => undefined;
    const statusChanged = { connect: (given: typeof slot) => (slot = given), disconnect: vi.fn() };
    live = model({ ...record(), status: { state: "idle" } });
    live.widget_manager = { kernel: { statusChanged } };
    const dispose = render({ model: live, el });
    slot(null, "busy");
    expect(panel().hidden).toBe(true);
    slot(null, status);
    expect(text(".rg-message")).toBe(LOST_MESSAGE);
    turn("ArrowRight");
    expect(firstSpin()).toBe("down");
    dispose();
    expect(statusChanged.disconnect).toHaveBeenCalled();
  });

  it("a kernel that dies is told at once", () => {
    show({ spec: { ...(record().spec as object), actions: ["start"] } });
    live.emit("comm_live_update");
    expect(text(".rg-message")).toBe(LOST_MESSAGE);
    expect(el.querySelector<HTMLButtonElement>("[data-action=start]")!.disabled).toBe(true);
    turn("ArrowRight");
    expect(firstSpin()).toBe("down");
  });
});

describe("the theme", () => {
  it("changes the picture's colours when the page turns dark", async () => {
    mount(el, record());
    frame();
    expect(firstSpin()).toBe("up");
    document.documentElement.setAttribute("data-theme", "dark");
    await vi.waitFor(() =>
      expect(el.querySelector<HTMLElement>(".rg-lens")!.dataset.rgTheme).toBe("dark"),
    );
    const draws = copies.filter(({ kind }) => kind === "draw");
    expect(draws.at(-1)!.pixels[0]).toBe(palette("spins", "dark")[255]);
  });
});

it("a lens that is gone draws and says nothing more", () => {
  live = model({ ...record(), status: { state: "idle" } });
  const dispose = render({ model: live, el });
  dispose();
  dispose();
  copies.length = 0;
  live.message({ kind: "frame", generation: 0, seq: 1, level: header(0) }, [bits(0).bytes]);
  frame();
  expect([copies.length, live.sent.length, el.childElementCount]).toEqual([0, 0, 0]);
});
