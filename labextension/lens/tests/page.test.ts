import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { mount, type Mounted } from "../src/page";
import type { LensRecord } from "../src/types";
import { bits, header, press, record } from "./records";
import { copies, frame } from "./setup";

const BASE = "https://book.example/records/ising/";

let el: HTMLElement;
let shown: Mounted | null = null;
let asked: number[];
let broken: Set<number>;

const input = (): HTMLInputElement => el.querySelector(".rg-dial input")!;
const drawn = (): number => copies.filter(({ kind }) => kind === "draw").length;
const arrived = async (): Promise<void> => {
  for (let turn = 0; turn < 12; turn++) await Promise.resolve();
  frame();
};

/** The record of the other tests, its pictures beside it; the level `held` comes with it. */
function beside(held: number | null): LensRecord {
  const pyramid = [0, 1, 2, 3].map((index) =>
    index === held
      ? { ...header(index), data: bits(index).bytes }
      : { ...header(index), url: `${index}.bin` },
  );
  return { ...record(), preview: held ?? 0, cutoff: held ?? 0, pyramid: pyramid as never };
}

beforeEach(() => {
  el = document.createElement("div");
  document.body.append(el);
  asked = [];
  broken = new Set();
  copies.length = 0;
  vi.stubGlobal("fetch", (url: URL) => {
    expect(url.href.startsWith(BASE)).toBe(true);
    const index = Number(/(\d)\.bin$/.exec(url.href)![1]);
    asked.push(index);
    return Promise.resolve(
      broken.has(index)
        ? new Response("", { status: 404, statusText: "Not Found" })
        : new Response(bits(index).bytes),
    );
  });
});

afterEach(() => {
  shown?.dispose();
  shown = null;
  el.remove();
  vi.unstubAllGlobals();
});

describe("A record whose pictures lie beside the page", () => {
  it("fetches the scale that is shown, then its neighbours, and no other", async () => {
    shown = mount(el, beside(null), { base: BASE });
    await vi.waitFor(() => expect(asked).toEqual([0, 1]));
    expect(drawn()).toBeGreaterThan(0);
  });

  it("draws at once what came with it", () => {
    shown = mount(el, beside(2), { base: BASE });
    expect(drawn()).toBeGreaterThan(0);
    expect(asked).not.toContain(2);
  });

  it("fetches ahead as the dial moves, each picture once", async () => {
    shown = mount(el, beside(0), { base: BASE });
    await vi.waitFor(() => expect(asked).toEqual([1]));
    await arrived();
    press(input(), "ArrowRight");
    await vi.waitFor(() => expect(asked).toEqual([1, 2]));
    press(input(), "ArrowLeft");
    press(input(), "ArrowRight");
    await arrived();
    expect(asked).toEqual([1, 2]);
  });

  it("says which picture did not come, and tries again when the dial comes back", async () => {
    broken.add(3);
    shown = mount(el, beside(0), { base: BASE });
    press(input(), "End");
    const panel = (): string => el.querySelector(".rg-panel")!.textContent ?? "";
    await vi.waitFor(() => expect(panel()).toContain("level 3 did not come: 404"));
    broken.clear();
    press(input(), "Home");
    press(input(), "End");
    await vi.waitFor(() => expect(el.querySelector("canvas")!.dataset.level).toBe("3"));
  });

  it("knows from the start how many sites every level has", async () => {
    shown = mount(el, beside(0), { base: BASE });
    const [, rescaled] = el.querySelectorAll<HTMLButtonElement>(".rg-segment");
    rescaled!.click();
    frame();
    const before = el.querySelector("canvas")!.dataset.width;
    await vi.waitFor(() => expect(asked).toEqual([1]));
    await arrived();
    expect(el.querySelector("canvas")!.dataset.width).toBe(before);
  });
});
