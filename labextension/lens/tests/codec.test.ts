import { describe, expect, it } from "vitest";
import { bytes, decode, fromBase64, paint, readHeader, unpack } from "../src/codec";
import { LensError } from "../src/types";

const level = (dtype: "bit" | "u1" | "f4", shape: [number, number], more = {}) =>
  readHeader({ index: 0, shape, dtype, ...more }, 3);

const COLOURS = Uint32Array.from({ length: 256 }, (_, i) => 0xff000000 + i);

describe("spins", () => {
  it("come eight a byte, low bit first, row by row, as numpy.packbits(bitorder='little') packs", () => {
    // numpy: packbits([1,0,1,1,0,0,0,1, 0,1], bitorder="little") == [141, 2]
    expect([...unpack(Uint8Array.of(141, 2), 10)]).toEqual([1, 0, 1, 1, 0, 0, 0, 1, 0, 1]);
  });

  it.each([1, 7, 8, 9, 64, 81, 100])("are the same painted and unpacked, %i of them", (count) => {
    const packed = Uint8Array.from({ length: Math.ceil(count / 8) }, (_, i) => (i * 97 + 31) % 256);
    const pixels = new Uint32Array(count);
    paint(decode(level("bit", [1, count]), packed), pixels, COLOURS);
    const expected = [...unpack(packed, count)].map((up) => COLOURS[up ? 255 : 0]);
    expect([...pixels]).toEqual(expected);
  });
});

describe("a buffer", () => {
  it("that is a window on a larger one is read from its own offset", () => {
    const whole = Uint8Array.of(9, 9, 9, 141, 2, 9);
    const window = new DataView(whole.buffer, 3, 2);
    expect([...bytes(window)]).toEqual([141, 2]);
    expect([...unpack(decode(level("bit", [2, 5]), window).data as Uint8Array, 10)]).toEqual([
      1, 0, 1, 1, 0, 0, 0, 1, 0, 1,
    ]);
  });

  it("of floats need not be aligned", () => {
    const whole = new Uint8Array(13);
    new DataView(whole.buffer).setFloat32(1, -2.5, true);
    new DataView(whole.buffer).setFloat32(5, 0.5, true);
    new DataView(whole.buffer).setFloat32(9, 7, true);
    const got = decode(level("f4", [1, 3]), new DataView(whole.buffer, 1, 12));
    expect([...got.data]).toEqual([-2.5, 0.5, 7]);
    expect([got.low, got.high]).toEqual([-2.5, 7]);
  });

  it.each([
    ["bit", 1],
    ["u1", 15],
    ["f4", 63],
  ] as const)("that is short is refused with its size (%s)", (dtype, size) => {
    const short = new Uint8Array(size);
    expect(() => decode(level(dtype, [4, 4]), short)).toThrow(new RegExp(`but ${size} came`));
  });

  it("of base64 that is none is refused", () => {
    expect(() => fromBase64("%%%")).toThrow(LensError);
    expect([...fromBase64("jQI=")]).toEqual([141, 2]);
  });
});

describe("a header is refused", () => {
  it.each([
    ["index out of range", { index: 3, shape: [2, 2], dtype: "bit" }],
    ["index not whole", { index: 0.5, shape: [2, 2], dtype: "bit" }],
    ["shape of three", { index: 0, shape: [2, 2, 2], dtype: "bit" }],
    ["empty shape", { index: 0, shape: [0, 2], dtype: "bit" }],
    ["hostile size", { index: 0, shape: [1e6, 1e6], dtype: "bit" }],
    ["unknown dtype", { index: 0, shape: [2, 2], dtype: "i8" }],
    ["nothing", null],
  ])("for %s, and says how to mend it", (_, header) => {
    try {
      readHeader(header, 3);
      expect.unreachable();
    } catch (fault) {
      expect(fault).toBeInstanceOf(LensError);
      expect((fault as LensError).mend).not.toBe("");
    }
  });
});

it("a site without a value is transparent, whatever the palette", () => {
  const values = new Float32Array([0, Number.NaN, 10, 5, 99]);
  const pixels = new Uint32Array(5);
  paint(decode(level("f4", [1, 5], { low: 0, high: 10 }), values), pixels, COLOURS);
  expect([...pixels]).toEqual([COLOURS[0], 0, COLOURS[255], COLOURS[128], COLOURS[255]]);
});
