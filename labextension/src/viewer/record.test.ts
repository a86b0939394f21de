import { expect, test } from 'vitest';
import { gzipSync } from 'fflate';
import type { LensRecord } from '@rgwidgets/lens';

import { RecordFault } from './fault';
import { readRecord } from './record';
import { zipStore } from './store';
import { FIXTURE, paged, pieces, resize, rooted, words, zipped, type Pieces } from './testing';

const read = async (bytes: Uint8Array): Promise<LensRecord> =>
  readRecord(zipStore(bytes, words), words);

async function refused(files: Pieces | Uint8Array): Promise<RecordFault> {
  const bytes = files instanceof Uint8Array ? files : zipped(files);
  const reason = await read(bytes).then(
    () => new Error('it was read'),
    (thrown: unknown) => thrown
  );
  expect(reason).toBeInstanceOf(RecordFault);
  expect((reason as RecordFault).mend).not.toBe('');
  return reason as RecordFault;
}

test('a record that Python wrote is what the drawing library mounts', async () => {
  const record = (await read(FIXTURE)) as any;
  expect(record.spec.title).toContain('eight numbers');
  expect(record.spec.scale.cutoffs).toEqual([8, 4, 2, 1]);
  expect(record.spec.views).toEqual(['field', 'spectrum', 'observables', 'bounds']);
  expect(Object.keys(record.charts)).toEqual(['spectrum', 'observables', 'bounds']);
  expect(record.table.attack.total).toEqual([0, 4, 6, 7]);
  expect([record.preview, record.cutoff]).toEqual([0, 0]);
  expect(record.pyramid.map(({ index, shape, dtype }: any) => [index, shape, dtype])).toEqual(
    [0, 1, 2, 3].map(index => [index, [16, 8], 'u1'])
  );
  // The picture's ends are its least and its greatest step.
  const { low, high, data } = record.pyramid[0];
  expect([Math.min(...data), Math.max(...data)]).toEqual([0, 255]);
  expect(low).toBeLessThan(high);
});

test('spins travel one bit each, low bit first', async () => {
  const spins = new Int8Array([1, -1, -1, -1, -1, -1, -1, -1, 1, 1]);
  const files = rooted(root => {
    const node = root.consolidated_metadata.metadata.field_0;
    node.data_type = 'int8';
    node.shape = node.chunk_grid.configuration.chunk_shape = [2, 5];
    node.attributes = { low: -1, high: 1 };
  });
  const write = (content: Int8Array): Uint8Array =>
    zipped({ ...files, 'field_0/c/0/0': gzipSync(new Uint8Array(content.buffer)) });
  const [level] = (await read(write(spins))).pyramid!;
  expect(level).toMatchObject({ dtype: 'bit', shape: [2, 5], data: new Uint8Array([1, 3]) });
  spins[3] = 0;
  expect((await refused(write(spins))).message).toContain('no spin');
});

test('a zip cut at any byte is refused, with the mend', async () => {
  for (let end = 0; end < FIXTURE.length; end += end < FIXTURE.length - 64 ? 7 : 1) {
    const { mend } = await refused(FIXTURE.subarray(0, end));
    expect(mend).toContain('again');
  }
});

test.each(['page/c/0', 'field_0/c/0/0', 'field_3/c/0/0', 'zarr.json'])(
  'a record whose %s is missing, cut or empty is refused',
  async name => {
    const whole = pieces()[name]!;
    const { [name]: _, ...rest } = pieces();
    await refused(rest);
    await refused({ ...rest, [name]: whole.subarray(0, whole.length / 2) });
    await refused({ ...rest, [name]: new Uint8Array(0) });
  }
);

test('no piece of JSON or page may hold half a character', async () => {
  await refused({ ...pieces(), 'zarr.json': new Uint8Array([0x22, 0xc3, 0x22]) });
});

test('a record of an older version says how to open it', async () => {
  const older = rooted(root => delete root.consolidated_metadata.metadata.page);
  expect((await refused(older)).mend).toContain('rg.Lens(rg.Flow.load(path))');
});

test.each(['rgwidgets-flow/1', 'rgwidgets-flow/2'])('%s is known', async format => {
  const record = await read(zipped(rooted(root => (root.attributes.format = format))));
  expect(record.table).toBeTruthy();
});

test('another format says to update', async () => {
  const next = rooted(root => (root.attributes.format = 'rgwidgets-flow/3'));
  expect((await refused(next)).mend).toContain('Update');
});

test.each([
  ['another store', (root: any) => delete root.attributes.format],
  ['an array', (root: any) => (root.node_type = 'array')],
  ['Zarr 2', (root: any) => (root.zarr_format = 2)]
])('%s is no record', async (_, change) => {
  expect((await refused(rooted(change))).message).toContain('no record of a flow');
});

test('a zip of something else is no record', async () => {
  expect((await refused({ 'a.txt': new Uint8Array(3) })).message).toContain('no record of a flow');
});

const ofPage = (change: (node: any) => void) => (root: any) =>
  change(root.consolidated_metadata.metadata.page);
const ofField = (change: (node: any) => void) => (root: any) =>
  change(root.consolidated_metadata.metadata.field_0);
const shaped = (...shape: unknown[]) =>
  ofField(node => (node.shape = node.chunk_grid.configuration.chunk_shape = shape));

test.each<[string, (root: any) => void]>([
  ['a page of floats', ofPage(node => (node.data_type = 'float64'))],
  ['a page of two dimensions', ofPage(node => (node.shape = [2, 2]))],
  ['a page of 2⁴⁰ bytes', root => resize(root, 2 ** 40)],
  ['a page of no length', root => resize(root, 0)],
  ['a page in another codec', ofPage(node => (node.codecs[1].name = 'numcodecs.pickle'))],
  ['a page in one codec', ofPage(node => node.codecs.pop())],
  ['a page with transformers', ofPage(node => (node.storage_transformers = ['run']))],
  ['a page that is a group', ofPage(node => (node.node_type = 'group'))],
  ['a picture of 2⁴⁰ sites', shaped(2 ** 20, 2 ** 20)],
  ['a picture of -1 sites', shaped(-1, 8)],
  ['a picture of a text', shaped('16', '8')],
  ['a picture of one dimension', shaped(128)],
  ['a picture without ends', ofField(node => (node.attributes = {}))],
  ['a picture of ends that cross', ofField(node => (node.attributes = { low: 2, high: 1 }))],
  ['a page that is null', root => (root.consolidated_metadata.metadata.page = null)]
])('%s is refused', async (_, change) => {
  await refused(rooted(change));
});

test.each<[string, (page: any) => unknown]>([
  ['a list', () => []],
  ['nothing', () => 'page'],
  ['no table', page => delete page.table && page],
  ['no cutoffs', page => void (page.spec.scale.cutoffs = [])],
  ['cutoffs without end', page => void (page.spec.scale.cutoffs = Array(20_000).fill(1))],
  ['a scale of another kind', page => void (page.spec.scale = 'b')]
])('a page of %s is refused', async (_, change) => {
  await refused(paged(change));
});

test('more pictures than a browser holds are refused before one is read', async () => {
  const files = rooted(root => {
    const { metadata } = root.consolidated_metadata;
    for (let index = 0; index < 4; index++) {
      const node = metadata[`field_${index}`];
      node.shape = node.chunk_grid.configuration.chunk_shape = [2 ** 13, 2 ** 13];
    }
    metadata.field_3.shape = metadata.field_3.chunk_grid.configuration.chunk_shape = [
      2 ** 13,
      2 ** 13 + 1
    ];
  });
  expect((await refused(files)).message).toContain('256 MiB');
});

test('a dial that stands beside its scale stands at the nearest end', async () => {
  const record = await read(zipped(paged(page => void Object.assign(page, { cutoff: 99 }))));
  expect(record.cutoff).toBe(3);
});

test('nothing of a page is run: markup and code stay words', async () => {
  const title = '<img src=x onerror="globalThis.ran = true">';
  const record = (await read(zipped(paged(page => void (page.spec.title = title))))) as any;
  expect(record.spec.title).toBe(title);
  expect(Object.keys(record).sort()).toEqual(
    ['charts', 'cutoff', 'preview', 'pyramid', 'spec', 'table'].sort()
  );
});
