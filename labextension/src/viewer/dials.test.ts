import { expect, test } from 'vitest';

import { link, nearest } from './dials';

const scale = (cutoffs: number[], name = 'block size', unit = 'sites') => ({
  name,
  unit,
  symbol: '',
  cutoffs,
  labels: []
});

function dial(cutoffs: number[], name?: string) {
  const listeners = new Set<() => void>();
  const state = { preview: 0, cutoff: 0 };
  const turns: [number, boolean][] = [];
  return {
    turns,
    scale: () => scale(cutoffs, name),
    preview: () => state.preview,
    cutoff: () => state.cutoff,
    turn: (index: number, settled: boolean) => {
      turns.push([index, settled]);
      state.preview = index;
      state.cutoff = settled ? index : state.cutoff;
      listeners.forEach(listener => listener());
    },
    onChange: (listener: () => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    listeners
  };
}

test('cutoffs are matched by their ratio', () => {
  expect(nearest(scale([1, 2, 4, 8]), scale([1, 3, 9]))).toEqual([0, 1, 1, 2]);
  // 5 is nearer to 1 than to 12 by difference, and nearer to 12 by ratio
  expect(nearest(scale([5]), scale([1, 12]))).toEqual([1]);
});

test('zero meets zero, and the least where there is none', () => {
  expect(nearest(scale([4, 1, 0]), scale([8, 2, 0]))).toEqual([1, 1, 2]);
  expect(nearest(scale([4, 0]), scale([8, 2]))).toEqual([1, 1]);
  expect(nearest(scale([-3, 3]), scale([-2, 2]))).toEqual([0, 1]);
});

test('another name or another unit is no common scale', () => {
  expect(nearest(scale([1]), scale([1], 'rank'))).toBeNull();
  expect(nearest(scale([1]), scale([1], 'block size', 'm'))).toBeNull();
  const [one, other] = [dial([1, 2]), dial([1, 2], 'rank')];
  expect(link(one, other)).toBeNull();
  one.turn(1, true);
  expect(other.turns).toEqual([]);
});

test('each follows the other, while it is turned and when it is let go', () => {
  const [one, other] = [dial([1, 2, 4, 8]), dial([1, 4])];
  const stop = link(one, other)!;
  other.turns.length = 0;
  one.turn(2, false);
  expect([other.preview(), other.cutoff()]).toEqual([1, 0]);
  one.turn(2, true);
  expect([other.preview(), other.cutoff()]).toEqual([1, 1]);
  other.turn(0, true);
  expect([one.preview(), one.cutoff()]).toEqual([0, 0]);
  stop();
  one.turn(3, true);
  expect(other.cutoff()).toBe(0);
  expect(one.listeners.size + other.listeners.size).toBe(0);
});

test('what follows does not turn back what leads', () => {
  const [one, other] = [dial([1, 2, 4, 8]), dial([1, 8])];
  link(one, other);
  one.turn(1, true);
  expect([one.cutoff(), other.cutoff()]).toEqual([1, 0]);
});

test('a dial that already stands elsewhere is met there', () => {
  const [one, other] = [dial([1, 2, 4]), dial([1, 2, 4])];
  one.turn(2, true);
  link(one, other);
  expect(other.cutoff()).toBe(2);
});
