/** Bytes of the wire to typed arrays. Spins travel eight a byte, low bit first, row by row. */
import { isObject } from "./read";
import { LensError, type Dtype, type LevelHeader } from "./types";

export interface Level {
  index: number;
  width: number;
  height: number;
  dtype: Dtype;
  low: number;
  high: number;
  /** Packed spins ("bit"), one byte a site ("u1") or one float a site ("f4"). */
  data: Uint8Array | Float32Array;
}

const LARGEST = 1 << 26;
const AGAIN = "Ask for the level again, or make the record again: this one is damaged.";

/** A buffer may be a window on a larger one: its own offset and length count. */
export function bytes(buffer: ArrayBuffer | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(buffer)
    ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
    : new Uint8Array(buffer);
}

export function fromBase64(text: string): Uint8Array {
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    throw new LensError("A level of the record is not valid base64.", AGAIN);
  }
  const out = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) out[i] = binary.charCodeAt(i);
  return out;
}

/** One byte a spin, 0 or 1. */
export function unpack(packed: Uint8Array, count: number): Uint8Array {
  if (packed.length * 8 < count) {
    throw new LensError(
      `${count} spins need ${Math.ceil(count / 8)} bytes, not ${packed.length}.`,
      AGAIN,
    );
  }
  const out = new Uint8Array(count);
  for (let i = 0; i < count; i++) out[i] = (packed[i >> 3]! >> (i & 7)) & 1;
  return out;
}

/** Floats need alignment, which a slice of a message does not promise, and little-endian order. */
function floats(raw: Uint8Array): Float32Array {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const out = new Float32Array(raw.byteLength / 4);
  for (let i = 0; i < out.length; i++) out[i] = view.getFloat32(4 * i, true);
  return out;
}

function extent(values: Float32Array): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 1];
}

export function readHeader(raw: unknown, count: number): LevelHeader {
  const header = isObject(raw) ? raw : {};
  const { index, shape, dtype } = header;
  if (typeof index !== "number" || !Number.isInteger(index) || index < 0 || index >= count) {
    throw new LensError(`Level ${String(index)} is not one of the ${count} cutoffs.`, AGAIN);
  }
  const sides = Array.isArray(shape) ? shape : [];
  const whole = sides.length === 2 && sides.every((n) => Number.isInteger(n) && n > 0);
  if (!whole || sides[0] * sides[1] > LARGEST) {
    throw new LensError(`Level ${index} has the shape ${JSON.stringify(shape) ?? "none"}.`, AGAIN);
  }
  if (dtype !== "bit" && dtype !== "u1" && dtype !== "f4") {
    throw new LensError(
      `Level ${index} has the unknown dtype ${JSON.stringify(dtype) ?? "none"}.`,
      'Send "bit", "u1" or "f4"; an older lens may be open on a newer package: reload the page.',
    );
  }
  return header as unknown as LevelHeader;
}

export function decode(header: LevelHeader, buffer: ArrayBuffer | ArrayBufferView): Level {
  const [height, width] = header.shape;
  const { index, dtype } = header;
  const raw = bytes(buffer);
  const sites = height * width;
  const due = dtype === "bit" ? Math.ceil(sites / 8) : dtype === "u1" ? sites : 4 * sites;
  if (raw.byteLength !== due) {
    throw new LensError(
      `Level ${index} (${height} × ${width}, ${dtype}) needs ${due} bytes, but ${raw.byteLength} came.`,
      AGAIN,
    );
  }
  const data = dtype === "f4" ? floats(raw) : raw;
  const [least, most] =
    data instanceof Float32Array ? extent(data) : dtype === "bit" ? [-1, 1] : [0, 255];
  return { index, width, height, dtype, low: header.low ?? least, high: header.high ?? most, data };
}

function paintBits(packed: Uint8Array, pixels: Uint32Array, colours: Uint32Array): void {
  const down = colours[0]!;
  const up = colours[255]!;
  const whole = pixels.length >> 3;
  let at = 0;
  for (let i = 0; i < whole; i++) {
    const byte = packed[i]!;
    pixels[at++] = byte & 1 ? up : down;
    pixels[at++] = byte & 2 ? up : down;
    pixels[at++] = byte & 4 ? up : down;
    pixels[at++] = byte & 8 ? up : down;
    pixels[at++] = byte & 16 ? up : down;
    pixels[at++] = byte & 32 ? up : down;
    pixels[at++] = byte & 64 ? up : down;
    pixels[at++] = byte & 128 ? up : down;
  }
  for (; at < pixels.length; at++) pixels[at] = (packed[at >> 3]! >> (at & 7)) & 1 ? up : down;
}

function paintFloats(level: Level, pixels: Uint32Array, colours: Uint32Array): void {
  const span = level.high - level.low || 1;
  const scale = 255 / span;
  for (let i = 0; i < pixels.length; i++) {
    const at = Math.round((level.data[i]! - level.low) * scale);
    // A site without a value stays transparent: no colour of the palette may stand for it.
    pixels[i] = Number.isNaN(at) ? 0 : colours[Math.min(255, Math.max(0, at))]!;
  }
}

/** Pixels of a level through a 256-entry lookup table, into `pixels` (one 32-bit RGBA each). */
export function paint(level: Level, pixels: Uint32Array, colours: Uint32Array): void {
  if (level.dtype === "bit") paintBits(level.data as Uint8Array, pixels, colours);
  else if (level.dtype === "f4") paintFloats(level, pixels, colours);
  else for (let i = 0; i < pixels.length; i++) pixels[i] = colours[level.data[i]!]!;
}
