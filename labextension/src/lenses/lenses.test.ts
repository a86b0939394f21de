// @vitest-environment happy-dom
import { afterEach, expect, test, vi } from 'vitest';
import { hub, type Handle } from '@rgwidgets/lens/hub';

import { Lenses, type Owner } from './lenses';
import { ELSEWHERE } from './token';

const leaves: (() => void)[] = [];
afterEach(() => leaves.splice(0).forEach(leave => leave()));

function join(parts: Partial<Handle>): { handle: Handle; move: () => void } {
  let moved = (): void => undefined;
  const handle = {
    kernel: null,
    place: null,
    onChange: (listener: () => void) => {
      moved = listener;
      return () => (moved = () => undefined);
    },
    ...parts
  } as Handle;
  leaves.push(hub().add(handle));
  return { handle, move: () => moved() };
}

const notebook = (id: string | null): Owner =>
  ({ sessionContext: { session: id && { kernel: { id } } } }) as unknown as Owner;

test('a notebook has the lenses of its kernel and the records that are drawn in it', () => {
  const lenses = new Lenses();
  const [mine, other, empty] = [notebook('k1'), notebook('k2'), notebook(null)];
  const live = join({ kernel: 'k1' }).handle;
  const place = document.createElement('div');
  const record = join({ place }).handle;
  expect(lenses.of(mine)).toEqual([live]);
  lenses.adopt(place, mine);
  expect(lenses.of(mine)).toEqual([live, record]);
  expect(lenses.of(other)).toEqual([]);
  expect(lenses.of(empty)).toEqual([]);
  expect(lenses.all()).toEqual([live, record]);
});

test('a record that is shown in a panel of its own is not counted twice', () => {
  const lenses = new Lenses();
  const mine = notebook(null);
  const [cell, inside, apart] = ['div', 'div', 'div'].map(name => document.createElement(name));
  cell!.append(inside!);
  const [hidden, shown] = [inside!, apart!].map(place => {
    lenses.adopt(place, mine);
    return join({ place }).handle;
  });
  expect(lenses.of(mine)).toEqual([hidden, shown]);
  cell!.className = ELSEWHERE;
  expect(lenses.of(mine)).toEqual([shown]);
});

test('many moves in one task are told once, and a lens that left is not heard', async () => {
  const lenses = new Lenses();
  const told = vi.fn();
  const { move } = join({ kernel: 'k' });
  await Promise.resolve();
  lenses.changed.connect(told);
  move();
  move();
  await Promise.resolve();
  expect(told).toHaveBeenCalledTimes(1);
  leaves.pop()!();
  await Promise.resolve();
  expect(told).toHaveBeenCalledTimes(2);
  move();
  await Promise.resolve();
  expect(told).toHaveBeenCalledTimes(2);
});
