import { expect, test } from 'vitest';

import type { Handle } from '../lenses';
import { groups, names, nearest } from './group';
import { Link } from './link';

interface Fake extends Handle {
  readonly turns: [number, boolean][];
}

function fake(title: string, cutoffs: number[], { name = 'block size', unit = 'sites' } = {}): Fake {
  let [preview, cutoff] = [0, 0];
  const turns: [number, boolean][] = [];
  return {
    title: () => title,
    scale: () => ({ name, symbol: 'b', unit, cutoffs, labels: cutoffs.map(String) }),
    preview: () => preview,
    cutoff: () => cutoff,
    turn: (index: number, settled: boolean) => {
      turns.push([index, settled]);
      preview = index;
      cutoff = settled ? index : cutoff;
    },
    turns
  } as unknown as Fake;
}

const broken = { scale: () => null, title: () => '' } as unknown as Handle;

test('lenses of one name and unit make one scale, of all their cutoffs, from fine to coarse', () => {
  const [a, b, c] = [fake('a', [1, 2, 4]), fake('b', [1, 4, 16]), fake('c', [8, 4], { name: 'rank' })];
  const [blocks, ranks] = groups([a, broken, b, c]);
  expect(blocks!.cutoffs).toEqual([1, 2, 4, 16]);
  expect(blocks!.handles).toEqual([a, b]);
  expect(ranks!.cutoffs).toEqual([8, 4]);
});

test.each([
  [[1, 2, 4, 8], 5.5, 2],
  [[1, 2, 4, 8], 5.7, 3],
  [[0, 10, 20], 14, 1],
  [[64, 32, 8], 17, 1]
])('in %o the nearest to %d is at %i', (cutoffs, wanted, index) => {
  expect(nearest(cutoffs, wanted)).toBe(index);
});

test('names that repeat are numbered, and no name is replaced', () => {
  expect(names([fake('a', [1]), fake('', [1]), fake('a', [1])], 'Lens')).toEqual(['a', 'Lens', 'a (2)']);
});

test('the bar turns every linked lens to its own nearest cutoff, once', () => {
  const [a, b] = [fake('a', [1, 2, 4]), fake('b', [1, 4, 16])];
  const link = new Link('Lens');
  link.refresh([a, b]);
  link.turn(3, false);
  expect([a.preview(), b.preview()]).toEqual([2, 2]);
  link.turn(3, true);
  link.refresh([a, b]);
  expect(a.turns).toEqual([[2, false], [2, true]]);
  expect(b.turns).toEqual([[2, false], [2, true]]);
});

test('a lens that is turned by its own dial takes the linked ones with it, and comes back to none', () => {
  const [a, b, c] = [fake('a', [1, 2, 4]), fake('b', [1, 2, 4]), fake('c', [1, 2, 4])];
  const link = new Link('Lens', new Set(['c']));
  link.refresh([a, b, c]);
  b.turn(1, false);
  link.refresh([a, b, c]);
  expect([a.preview(), b.preview(), c.preview()]).toEqual([1, 1, 0]);
  link.refresh([a, b, c]);
  expect(a.turns.length + b.turns.length).toBe(2);
  expect(link.index()).toBe(1);
});

test('an unlinked lens goes its own way and joins the others when it is linked again', () => {
  const [a, b] = [fake('a', [1, 2, 4]), fake('b', [1, 2, 4])];
  const link = new Link('Lens');
  link.refresh([a, b]);
  link.toggle('b');
  expect(link.kept()).toEqual(['b']);
  link.turn(2, true);
  expect([a.preview(), b.preview()]).toEqual([2, 0]);
  b.turn(1, true);
  link.refresh([a, b]);
  expect(a.preview()).toBe(2);
  link.toggle('b');
  expect([a.preview(), b.preview()]).toEqual([2, 2]);
  expect(link.kept()).toEqual([]);
});

test('a lens that arrives moves nobody, and with none linked the bar stands still', () => {
  const [a, b] = [fake('a', [1, 2, 4]), fake('b', [1, 2, 4])];
  const link = new Link('Lens');
  expect(link.group).toBe(null);
  expect(link.index()).toBe(null);
  link.refresh([a]);
  link.turn(2, true);
  link.refresh([a, b]);
  expect([a.preview(), b.preview()]).toEqual([2, 0]);
  link.toggle('a');
  link.toggle('b');
  expect(link.index()).toBe(null);
  link.turn(1, true);
  expect([a.preview(), b.preview()]).toEqual([2, 0]);
});

test('another scale is chosen by its key, and forgotten when its lenses have gone', () => {
  const [a, c] = [fake('a', [1, 2]), fake('c', [8, 4], { name: 'rank', unit: '' })];
  const link = new Link('Lens');
  link.refresh([a, c]);
  link.choose('rank / ');
  link.turn(1, true);
  expect([a.preview(), c.preview()]).toEqual([0, 1]);
  link.refresh([a]);
  expect(link.group!.handles).toEqual([a]);
});
