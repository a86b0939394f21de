import { expect, test, vi } from 'vitest';
import { gzipSync } from 'fflate';

import { RecordFault } from './fault';
import { folderStore, gunzip, OPENED, readFile, storeAt, zipStore, type Contents } from './store';
import { FIXTURE, pieces, words, zipped } from './testing';

const fault = async (act: () => unknown): Promise<RecordFault> => {
  try {
    await act();
  } catch (reason) {
    expect(reason).toBeInstanceOf(RecordFault);
    return reason as RecordFault;
  }
  throw new Error('nothing was refused');
};

test.each([0, 6] as const)('pieces come out of a zip of level %d', async level => {
  const store = zipStore(zipped(pieces(), level), words);
  expect(await store.get('zarr.json')).toEqual(pieces()['zarr.json']);
  expect(await store.get('nowhere')).toBeNull();
  expect(await store.get('__proto__')).toBeNull();
});

test.each(['../x', '/x', 'a/../../x', 'C:/x', 'a\\b', '\\x', 'a/..'])(
  'the name %j is refused',
  async name => {
    const said = await fault(() => zipStore(zipped({ [name]: new Uint8Array(1) }), words));
    expect(said.message).toContain('leaves it');
    expect(said.mend).toContain('do not trust');
  }
);

/** Offset of the n-th entry of the central directory. */
function entry(zip: Uint8Array, count: number): number {
  const view = new DataView(zip.buffer, zip.byteOffset);
  let at = view.getUint32(zip.length - 6, true);
  for (; count > 0; count--) {
    at += 46 + view.getUint16(at + 28, true) + view.getUint16(at + 30, true);
  }
  return at;
}

test('two files of one name are refused', async () => {
  const zip = zipped({ aa: new Uint8Array(1), ab: new Uint8Array(1) });
  zip[entry(zip, 1) + 47] = 'a'.charCodeAt(0);
  expect((await fault(() => zipStore(zip, words))).message).toContain('two files are called "aa"');
});

test('a zip that says it unpacks to more than 2 GiB is refused before it is unpacked', async () => {
  const zip = zipped({ a: new Uint8Array(9) }, 6);
  new DataView(zip.buffer).setUint32(entry(zip, 0) + 24, 2 ** 31 + 1, true);
  expect((await fault(() => zipStore(zip, words))).message).toContain('2 GiB');
});

test('a piece larger than what a browser opens is not unpacked', async () => {
  const zip = zipped({ a: new Uint8Array(9) }, 6);
  new DataView(zip.buffer).setUint32(entry(zip, 0) + 24, OPENED + 1, true);
  const store = zipStore(zip, words);
  expect((await fault(() => store.get('a'))).mend).toContain('rg.Flow.load');
});

test('an unknown way of packing is refused', async () => {
  const zip = zipped({ a: new Uint8Array(9) });
  zip[entry(zip, 0) + 10] = 99;
  expect((await fault(() => zipStore(zip, words))).message).toContain('unknown method');
});

test.each([0, 1, 5, 21, 22, 100])('%d bytes that are no zip are refused', async length => {
  const said = await fault(() => zipStore(new Uint8Array(length), words));
  expect(said.mend).toContain('Copy it again');
});

test('a chunk is unpacked, and nothing but that length of it', async () => {
  const packed = gzipSync(new Uint8Array([1, 2, 3]));
  expect(await gunzip(packed, 3, 'a', words)).toEqual(new Uint8Array([1, 2, 3]));
  expect((await fault(() => gunzip(packed, 2, 'a', words))).message).toContain('more than');
  expect((await fault(() => gunzip(packed, 4, 'a', words))).message).toContain('not whole');
});

test('a bomb stops as soon as it is longer than it says', async () => {
  const bomb = gzipSync(new Uint8Array(2 ** 26));
  expect((await fault(() => gunzip(bomb, 10, 'a', words))).message).toContain('more than');
});

test('a chunk cut or flipped anywhere is noticed', async () => {
  const packed = gzipSync(new Uint8Array(200).map((_, i) => (i * i) % 251));
  for (let end = 0; end < packed.length; end++) {
    await fault(() => gunzip(packed.subarray(0, end), 200, 'a', words));
  }
  for (let at = 20; at < packed.length; at++) {
    const flipped = packed.slice();
    flipped[at]! ^= 16;
    await fault(() => gunzip(flipped, 200, 'a', words));
  }
});

/** A server with these files. */
function server(files: Record<string, Uint8Array>, sizes: Record<string, number> = {}): Contents {
  const missing = Object.assign(new Error('404'), { response: { status: 404 } });
  return {
    get: vi.fn(async (path, { content }) => {
      if (Object.keys(files).some(name => name.startsWith(`${path}/`))) {
        return { type: 'directory' };
      }
      if (!files[path]) {
        throw missing;
      }
      const binary = Buffer.from(files[path]).toString('base64');
      const told = content ? { content: binary.replace(/(.{76})/g, '$1\n') } : {};
      return { type: 'file', size: sizes[path] ?? files[path].length, ...told };
    })
  };
}

const folder = (at: string): Record<string, Uint8Array> =>
  Object.fromEntries(Object.entries(pieces()).map(([name, bytes]) => [`${at}/${name}`, bytes]));

test.each(['work/r.zarr', 'work/r.zarr/zarr.json'])('a folder is read from %s', async path => {
  const store = await storeAt(server(folder('work/r.zarr')), path, words);
  expect(await store.get('page/c/0')).toEqual(pieces()['page/c/0']);
  expect(await store.get('none/c/0')).toBeNull();
});

test('a zip is read by its path', async () => {
  const store = await storeAt(server({ 'r.flow.zip': FIXTURE }), 'r.flow.zip', words);
  expect(await store.get('zarr.json')).toEqual(pieces()['zarr.json']);
});

test('a record that has gone says so', async () => {
  expect((await fault(() => storeAt(server({}), 'r.zip', words))).mend).toContain('moved');
});

test('a file is asked for its size before its content, and a folder for all of it', async () => {
  const files = { 'r/a': new Uint8Array(1), 'r/b': new Uint8Array(1) };
  const large = server(files, { 'r/a': OPENED + 1 });
  await fault(() => readFile(large, 'r/a', words));
  expect(large.get).toHaveBeenCalledTimes(1);
  const both = folderStore(server(files, { 'r/a': OPENED - 1, 'r/b': 2 }), 'r', words);
  await both.get('a');
  await fault(() => both.get('b'));
});

test('what the server says besides 404 is told as it is', async () => {
  const refusal = Object.assign(new Error('forbidden'), { response: { status: 403 } });
  const closed: Contents = { get: () => Promise.reject(refusal) };
  await expect(readFile(closed, 'a', words)).rejects.toBe(refusal);
});
