/** What a browser has and the test's document has not: pixels, and control over frames. */
import { afterEach, beforeEach, vi } from "vitest";

class FakeImageData {
  readonly data: Uint8ClampedArray;
  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.data = new Uint8ClampedArray(4 * width * height);
  }
}

/** Every copy to a canvas, in order; a canvas remembers the pixels last put on it. */
export interface Copy {
  kind: "put" | "draw";
  width: number;
  height: number;
  pixels: Uint32Array;
}
export const copies: Copy[] = [];
const held = new WeakMap<HTMLCanvasElement, Uint32Array>();

function contextOf(canvas: HTMLCanvasElement): unknown {
  return {
    canvas,
    imageSmoothingEnabled: true,
    imageSmoothingQuality: "low",
    clearRect: () => undefined,
    putImageData: (image: FakeImageData) => {
      const pixels = new Uint32Array(image.data.slice().buffer);
      held.set(canvas, pixels);
      copies.push({ kind: "put", width: image.width, height: image.height, pixels });
    },
    drawImage: (from: HTMLCanvasElement, _x: number, _y: number, width: number, height: number) => {
      const pixels = held.get(from) ?? new Uint32Array();
      held.set(canvas, pixels);
      copies.push({ kind: "draw", width, height, pixels });
    },
  };
}

let waiting = new Map<number, FrameRequestCallback>();
let count = 0;

/** Runs what waits for the next frame. */
export function frame(): void {
  const due = waiting;
  waiting = new Map();
  for (const callback of due.values()) callback(performance.now());
}

beforeEach(() => {
  copies.length = 0;
  waiting = new Map();
  vi.stubGlobal("ImageData", FakeImageData);
  vi.stubGlobal("requestAnimationFrame", (callback: FrameRequestCallback) => {
    waiting.set(++count, callback);
    return count;
  });
  vi.stubGlobal("cancelAnimationFrame", (id: number) => waiting.delete(id));
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockImplementation(function (
    this: HTMLCanvasElement,
  ) {
    return contextOf(this) as never;
  });
  document.body.replaceChildren();
});

afterEach(() => vi.unstubAllGlobals());
