import { afterEach, expect, test, vi } from "vitest";
import { snapshot } from "../src/snapshot";

afterEach(() => vi.restoreAllMocks());

function canvas(width: number, height: number, shown: boolean): HTMLCanvasElement {
  const element = document.createElement("canvas");
  Object.assign(element, { width, height });
  element.getClientRects = () => (shown ? [{}] : []) as unknown as DOMRectList;
  return element;
}

test("visible pictures stand side by side and hidden ones are left out", () => {
  const root = document.createElement("div");
  root.append(canvas(100, 50, true), canvas(999, 999, false), canvas(60, 80, true));
  const drawn: [number, number][] = [];
  const sizes: number[] = [];
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue({
    fillRect: (_x: number, _y: number, w: number, h: number) => sizes.push(w, h),
    drawImage: (_c: unknown, x: number, y: number) => drawn.push([x, y]),
  } as never);
  vi.spyOn(HTMLCanvasElement.prototype, "toDataURL").mockReturnValue("data:image/png;base64,AA");
  expect(snapshot(root)).toBe("data:image/png;base64,AA");
  expect(drawn).toEqual([
    [24, 24],
    [148, 24],
  ]);
  expect(sizes).toEqual([232, 128]);
});

test("a lens with nothing to show says so", () => {
  expect(() => snapshot(document.createElement("div"))).toThrow("no picture");
});
