// @vitest-environment happy-dom
import type { Handle } from '@rgwidgets/lens/hub';
import { expect, test, vi } from 'vitest';

import { handOver, PATIENCE_MS, watchView } from './handover';

const settle = (): Promise<void> => new Promise(resolve => setTimeout(resolve));

test('text such as "model not found" is not taken for a live view', async () => {
  const node = document.createElement('div');
  const seen: boolean[] = [];
  watchView(node, live => seen.push(live));
  node.textContent = 'Error displaying widget: model not found';
  await settle();
  expect(seen).toEqual([false]);
});

test('a lens that arrives late takes over, and one that leaves gives back', async () => {
  const node = document.createElement('div');
  const seen: boolean[] = [];
  watchView(node, live => seen.push(live));
  const view = node.appendChild(document.createElement('div'));
  await settle();
  expect(seen).toEqual([false]);
  view.innerHTML = '<div class="rg-lens"></div>';
  await settle();
  expect(seen).toEqual([false, true]);
  view.remove();
  await settle();
  node.append(view);
  await settle();
  expect(seen).toEqual([false, true, false, true]);
});

test('a view that draws no lens is shown after a while: it says why', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const node = document.createElement('div');
  node.append(document.createElement('pre'));
  const seen: boolean[] = [];
  watchView(node, live => seen.push(live));
  vi.advanceTimersByTime(PATIENCE_MS - 1);
  expect(seen).toEqual([false]);
  vi.advanceTimersByTime(1);
  expect(seen).toEqual([false, true]);
  vi.useRealTimers();
});

test('nothing is reported after the watch has ended', async () => {
  const node = document.createElement('div');
  const seen: boolean[] = [];
  watchView(node, live => seen.push(live))();
  node.innerHTML = '<div><div class="rg-lens"></div></div>';
  await settle();
  expect(seen).toEqual([false]);
});

const dial = (preview: number, cutoff: number, cutoffs = [1, 2, 4]): Handle =>
  ({
    preview: () => preview,
    cutoff: () => cutoff,
    scale: () => ({ cutoffs }),
    turn: vi.fn()
  }) as unknown as Handle;

test('a dial that was turned on the picture is turned on the lens that follows it', () => {
  const live = dial(0, 0);
  handOver({ handle: dial(2, 2), began: 0 }, live);
  handOver({ handle: dial(1, 2), began: 2 }, live);
  expect(vi.mocked(live.turn).mock.calls).toEqual([
    [2, true],
    [1, false]
  ]);
});

test('a dial that nobody turned, or of another scale, leaves the lens where it is', () => {
  const live = dial(0, 0);
  handOver({ handle: dial(1, 1), began: 1 }, live);
  handOver({ handle: dial(2, 2, [1, 3, 9]), began: 0 }, live);
  expect(live.turn).not.toHaveBeenCalled();
});
