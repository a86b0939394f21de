import type { LensRecord, RecordLevel } from '@rgwidgets/lens';

import { RecordFault, type Words } from './fault';
import { damaged, gunzip, hostile, tooLarge, OPENED, type Store } from './store';

/** What is known of records, the newest last; their pages say what their bounds are of. */
const FORMATS = ['rgwidgets-flow/1', 'rgwidgets-flow/2'];
const METADATA_LIMIT = 2 ** 24;
const PAGE_LIMIT = 2 ** 26;
const LARGEST = 2 ** 26;
const CUTOFFS = 10_000;
/** Pictures that are read at a time. */
const AT_ONCE = 6;

type Loose = Record<string, unknown>;

/** An array of a record, as its metadata say. */
interface Node {
  type: 'int8' | 'uint8';
  shape: number[];
  attributes: Loose;
}

const isObject = (value: unknown): value is Loose =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const own = (value: unknown, name: string): unknown =>
  isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

function parse(bytes: Uint8Array, name: string, words: Words): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch {
    throw damaged(words, words.__('"%1" is no JSON', name));
  }
}

/** The metadata of every array, from the summary at the root. */
async function summary(store: Store, words: Words): Promise<Loose> {
  const bytes = await store.get('zarr.json');
  const none = new RecordFault(
    words.__('This is no record of a flow.'),
    words.__('Open what %1 wrote: a folder or a .zip file.', 'flow.save(path)')
  );
  if (bytes === null) {
    throw none;
  }
  if (bytes.length > METADATA_LIMIT) {
    throw hostile(words, words.__('its metadata take %1 bytes', String(bytes.length)));
  }
  const root = parse(bytes, 'zarr.json', words);
  const format = own(own(root, 'attributes'), 'format');
  const ours = typeof format === 'string' && format.startsWith('rgwidgets-flow/');
  if (own(root, 'zarr_format') !== 3 || own(root, 'node_type') !== 'group' || !ours) {
    throw none;
  }
  if (!FORMATS.includes(format)) {
    throw new RecordFault(
      words.__(
        'This record has the format %1; %2 is known here.',
        format,
        FORMATS.join(', ')
      ),
      words.__('Update rgwidgets, and reload the page.')
    );
  }
  const metadata = own(own(root, 'consolidated_metadata'), 'metadata');
  if (!isObject(metadata)) {
    throw damaged(words, words.__('its summary is missing'));
  }
  return metadata;
}

/** What an array is, if it is one that we write: bytes in one gzipped chunk. */
function nodeOf(metadata: Loose, name: string, words: Words): Node | null {
  const raw = own(metadata, name);
  if (raw === undefined) {
    return null;
  }
  const shape = own(raw, 'shape');
  const type = own(raw, 'data_type');
  const chunks = own(own(own(raw, 'chunk_grid'), 'configuration'), 'chunk_shape');
  const codecs = own(raw, 'codecs');
  const names = Array.isArray(codecs) ? codecs.map(codec => own(codec, 'name')) : [];
  const sound =
    own(raw, 'node_type') === 'array' &&
    (type === 'int8' || type === 'uint8') &&
    Array.isArray(shape) &&
    shape.every(length => Number.isSafeInteger(length) && length > 0) &&
    same(shape, chunks) &&
    same(names, ['bytes', 'gzip']) &&
    !own(raw, 'storage_transformers')?.toString();
  if (!sound) {
    throw hostile(words, words.__('the array "%1" is of another kind', name));
  }
  const attributes = own(raw, 'attributes');
  return { type, shape: shape as number[], attributes: isObject(attributes) ? attributes : {} };
}

async function chunk(store: Store, name: string, node: Node, words: Words): Promise<Uint8Array> {
  const path = `${name}/c/${node.shape.map(() => 0).join('/')}`;
  const packed = await store.get(path);
  if (packed === null) {
    throw damaged(words, words.__('"%1" is missing', path));
  }
  const length = node.shape.reduce((product, side) => product * side, 1);
  return gunzip(packed, length, path, words);
}

async function pageOf(store: Store, metadata: Loose, words: Words): Promise<Loose> {
  const node = nodeOf(metadata, 'page', words);
  if (node === null) {
    throw new RecordFault(
      words.__('This record carries no page to show: an older version of rgwidgets wrote it.'),
      words.__(
        'Open it in Python, %1, or save it again there, %2.',
        'rg.Lens(rg.Flow.load(path))',
        'rg.Flow.load(path).save(path)'
      )
    );
  }
  if (node.type !== 'uint8' || node.shape.length !== 1 || node.shape[0]! > PAGE_LIMIT) {
    throw hostile(words, words.__('its page is of another kind'));
  }
  const page = parse(await chunk(store, 'page', node, words), 'page', words);
  if (!isObject(page) || !isObject(page.spec) || !isObject(page.table) || !isObject(page.charts)) {
    throw hostile(words, words.__('its page is of another kind'));
  }
  return page;
}

/** Spins travel one bit each, low bit first. */
function packed(spins: Uint8Array, name: string, words: Words): Uint8Array {
  const bits = new Uint8Array(Math.ceil(spins.length / 8));
  spins.forEach((spin, at) => {
    if (spin === 1) {
      bits[at >> 3]! |= 1 << (at & 7);
    } else if (spin !== 255) {
      throw hostile(words, words.__('"%1" holds what is no spin', name));
    }
  });
  return bits;
}

async function levelOf(
  store: Store,
  metadata: Loose,
  index: number,
  words: Words
): Promise<RecordLevel | null> {
  const name = `field_${index}`;
  const node = nodeOf(metadata, name, words);
  if (node === null) {
    return null;
  }
  const { low, high } = node.attributes;
  const [height = 0, width = 0] = node.shape;
  const ends = typeof low === 'number' && typeof high === 'number' && low <= high;
  if (node.shape.length !== 2 || height * width > LARGEST || !ends) {
    throw hostile(words, words.__('the array "%1" is of another kind', name));
  }
  const bytes = await chunk(store, name, node, words);
  const shape: [number, number] = [height, width];
  return node.type === 'int8'
    ? { index, shape, low, high, dtype: 'bit', data: packed(bytes, name, words) }
    : { index, shape, low, high, dtype: 'u1', data: bytes };
}

/** Refuses more pictures than a browser holds, before one is read. */
function refuseFlood(metadata: Loose, count: number, words: Words): void {
  let sites = 0;
  for (let index = 0; index < count; index++) {
    const shape = nodeOf(metadata, `field_${index}`, words)?.shape ?? [0];
    sites += shape.reduce((product, side) => product * side, 1);
  }
  if (sites > OPENED) {
    throw tooLarge(words);
  }
}

/** A record as the drawing library takes it; throws a `RecordFault` with the mend. */
export async function readRecord(store: Store, words: Words): Promise<LensRecord> {
  const metadata = await summary(store, words);
  const page = await pageOf(store, metadata, words);
  const cutoffs = own(own(page.spec, 'scale'), 'cutoffs');
  const count = Array.isArray(cutoffs) ? cutoffs.length : 0;
  if (count === 0 || count > CUTOFFS) {
    throw hostile(words, words.__('it has %1 cutoffs', String(count)));
  }
  refuseFlood(metadata, count, words);
  const levels: (RecordLevel | null)[] = [];
  for (let start = 0; start < count; start += AT_ONCE) {
    const indices = Array.from({ length: Math.min(AT_ONCE, count - start) }, (_, i) => start + i);
    levels.push(
      ...(await Promise.all(indices.map(index => levelOf(store, metadata, index, words))))
    );
  }
  const place = (given: unknown): number =>
    Number.isSafeInteger(given) ? Math.min(count - 1, Math.max(0, given as number)) : 0;
  return {
    spec: page.spec,
    table: page.table,
    charts: page.charts,
    pyramid: levels.filter(level => level !== null),
    preview: place(page.preview),
    cutoff: place(page.cutoff)
  };
}
