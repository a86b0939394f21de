/** For the tests of this folder: a real record, and ways to spoil it. */
import { readFileSync } from 'node:fs';
import { gunzipSync, gzipSync, unzipSync, zipSync } from 'fflate';

import type { Words } from './fault';

export const words: Words = {
  __: (text, ...given) => given.reduce((out, word, i) => out.replace(`%${i + 1}`, word), text)
};

export const FIXTURE = new Uint8Array(
  readFileSync(new URL('./fixtures/tiny.flow.zip', import.meta.url))
);

export type Pieces = Record<string, Uint8Array>;

export const pieces = (): Pieces => ({ ...unzipSync(FIXTURE) });
export const zipped = (files: Pieces, level: 0 | 6 = 0): Uint8Array => zipSync(files, { level });

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** The fixture with its root metadata changed. */
export function rooted(change: (root: any) => void): Pieces {
  const files = pieces();
  const root = JSON.parse(text(files['zarr.json']!));
  change(root);
  return { ...files, 'zarr.json': bytes(root) };
}

/** The fixture with its page changed, and the length that its metadata give. */
export function paged(change: (page: any) => unknown): Pieces {
  const page = JSON.parse(text(gunzipSync(pieces()['page/c/0']!)));
  const content = bytes(change(page) ?? page);
  const files = rooted(root => resize(root, content.length));
  return { ...files, 'page/c/0': gzipSync(content) };
}

export function resize(root: any, length: number): void {
  const node = root.consolidated_metadata.metadata.page;
  node.shape = node.chunk_grid.configuration.chunk_shape = [length];
}
