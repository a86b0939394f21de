import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { render } from "../src/widget";
import { model, press, rareAt, release, type FakeModel } from "./records";
import { frame } from "./setup";

let el: HTMLElement;
let live: FakeModel;
let close = (): void => undefined;

beforeEach(() => {
  el = document.body.appendChild(document.createElement("div"));
});
afterEach(() => close());

const input = (): HTMLInputElement => el.querySelector(".rg-dial input")!;
const turn = (key: string): void => {
  press(input(), key);
  frame();
};
const show = (given: Record<string, unknown>): void => {
  live = model({ ...given, status: { state: "idle" }, generation: 0 });
  close = render({ model: live, el });
  frame();
};

describe("how rare", () => {
  const asked = (): unknown[] =>
    live.sent.filter(({ kind }) => kind === "rare").map(({ index }) => index);
  const open = (view: string): void =>
    el.querySelector<HTMLButtonElement>(`[data-view="${view}"]`)!.click();

  it("is asked for where it is looked at and not known, when the dial is let go", () => {
    show(rareAt(2));
    turn("ArrowRight");
    release(input(), "ArrowRight");
    expect(asked()).toEqual([]);
    open("rare");
    expect(asked()).toEqual([1]);
    turn("ArrowRight");
    turn("ArrowRight");
    expect(asked()).toEqual([1]);
    release(input(), "ArrowRight");
    expect(asked()).toEqual([1, 3]);
    turn("ArrowLeft");
    release(input(), "ArrowLeft");
    expect(asked()).toEqual([1, 3]);
  });

  it("is asked for at once where it is the only chart", () => {
    const only = rareAt(2);
    delete (only.charts as Record<string, unknown>).bounds;
    show(only);
    expect(asked()).toEqual([0]);
  });
});
