import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Saving } from "../src/saving";
import type { Host } from "../src/types";

/** A host that counts what it is told, and may die at it. */
function host(dies = false) {
  const told: string[] = [];
  let alive = true;
  const set = (values: Record<string, unknown>): void => void told.push(Object.keys(values).join());
  const save = (): void => {
    told.push("save");
    alive = !dies;
  };
  return { told, host: { set, save, live: () => alive } as unknown as Host };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("the place of the dial", () => {
  test("is saved at once when nothing is under way", () => {
    const { told, host: to } = host();
    const saving = new Saving(to, { busy: () => false, died: vi.fn() });
    saving.save();
    expect(told).toEqual([]);
    saving.set({ preview: 1 });
    saving.save();
    saving.save();
    expect(told).toEqual(["preview", "save"]);
  });

  test("waits for a picture under way, but not for long", () => {
    const { told, host: to } = host();
    const saving = new Saving(to, { busy: () => true, died: vi.fn() });
    saving.set({ preview: 1 });
    saving.save();
    saving.save();
    expect(told).toEqual(["preview"]);
    vi.advanceTimersByTime(100);
    expect(told).toEqual(["preview", "save"]);
  });

  test("is not lost when the view goes, and never said twice", () => {
    const { told, host: to } = host();
    const saving = new Saving(to, { busy: () => true, died: vi.fn() });
    saving.set({ cutoff: 2 });
    saving.save();
    saving.dispose();
    vi.advanceTimersByTime(1000);
    expect(told).toEqual(["cutoff", "save"]);
  });

  test("a host that dies of it is reported", () => {
    const { host: to } = host(true);
    const died = vi.fn();
    const saving = new Saving(to, { busy: () => false, died });
    saving.set({ preview: 1 });
    saving.save();
    expect(died).toHaveBeenCalledOnce();
  });
});
