// @vitest-environment happy-dom
import { expect, test } from 'vitest';

import { watchView } from './handover';

const settle = (): Promise<void> => new Promise(resolve => setTimeout(resolve));

test('text such as "model not found" is not taken for a live view', async () => {
  const node = document.createElement('div');
  const seen: boolean[] = [];
  watchView(node, live => seen.push(live));
  node.textContent = 'Error displaying widget: model not found';
  await settle();
  expect(seen).toEqual([false]);
});

test('a view that arrives late takes over, and one that leaves gives back', async () => {
  const node = document.createElement('div');
  const seen: boolean[] = [];
  watchView(node, live => seen.push(live));
  const view = node.appendChild(document.createElement('div'));
  await settle();
  view.remove();
  await settle();
  expect(seen).toEqual([false, true, false]);
});

test('nothing is reported after the watch has ended', async () => {
  const node = document.createElement('div');
  const seen: boolean[] = [];
  watchView(node, live => seen.push(live))();
  node.appendChild(document.createElement('div'));
  await settle();
  expect(seen).toEqual([false]);
});
