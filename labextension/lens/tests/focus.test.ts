import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Hand, keepHand } from "../src/focus";

let shown: (() => void)[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal(
    "ResizeObserver",
    class {
      constructor(private readonly act: () => void) {}
      observe(): void {
        shown.push(this.act);
      }
      disconnect(): void {
        shown = shown.filter((act) => act !== this.act);
      }
    },
  );
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  document.body.replaceChildren();
  shown = [];
});

/** A view as it is made: not on the page yet. */
function view(hand: Hand): {
  el: HTMLElement;
  dial: HTMLInputElement;
  go: () => void;
  put(): void;
} {
  const el = document.createElement("div");
  const dial = document.createElement("input");
  dial.className = "rg-range";
  el.append(dial, document.createElement("button"));
  const stop = keepHand(el, hand);
  const put = (): void => {
    document.body.append(el);
    shown.forEach((act) => act());
  };
  return { el, dial, put, go: () => [stop(), el.remove()] };
}

it("a dial that is drawn anew has the hand that was on it", () => {
  const hand = new Hand();
  const before = view(hand);
  before.put();
  before.dial.focus();
  vi.advanceTimersByTime(60_000); // however long the hand rested there
  const after = view(hand);
  before.go();
  after.put();
  expect(document.activeElement).toBe(after.dial);
});

it.each(["another part of the lens", "nobody", "somebody long gone"])(
  "a dial that is drawn anew takes nothing from %s",
  (whose) => {
    const hand = new Hand();
    const before = view(hand);
    before.put();
    if (whose !== "nobody") before.dial.focus();
    if (whose === "another part of the lens") before.el.querySelector("button")!.focus();
    before.go();
    if (whose === "somebody long gone") vi.advanceTimersByTime(2000);
    view(hand).put();
    expect(document.activeElement).toBe(document.body);
  },
);

it("a dial that is drawn anew leaves somebody where they went meanwhile", () => {
  const elsewhere = document.body.appendChild(document.createElement("button"));
  const hand = new Hand();
  const before = view(hand);
  before.put();
  before.dial.focus();
  elsewhere.focus();
  before.go();
  view(hand).put();
  expect(document.activeElement).toBe(elsewhere);
});
