// @vitest-environment happy-dom
import { afterEach, expect, test } from 'vitest';
import { hub, type Handle } from '@rgwidgets/lens/hub';

import { carry, carryOnArrival } from './picture';

const leaves: (() => void)[] = [];
afterEach(() => leaves.splice(0).forEach(leave => leave()));

/** A record drawn inside a node of its own, with its dial at `index`. */
function draw(index: number, cutoffs = [1, 2, 4], kernel: string | null = null) {
  const node = document.createElement('div');
  const place = node.appendChild(document.createElement('div'));
  const handle = {
    kernel,
    place: kernel === null ? place : null,
    scale: () => ({ cutoffs }),
    preview: () => index,
    cutoff: () => index,
    turn: (to: number) => (index = to)
  } as unknown as Handle;
  const show = (): void => void leaves.push(hub().add(handle));
  return { node, handle, show };
}

test('a picture goes where the other one stands, once it is there', () => {
  const [cell, panel] = [draw(2), draw(0)];
  cell.show();
  const wait = carryOnArrival(cell.node, panel.node);
  expect(panel.handle.preview()).toBe(0);
  panel.show();
  expect(panel.handle.preview()).toBe(2);

  panel.handle.turn(1, true);
  draw(0).show(); // another lens on the page changes nothing
  expect(panel.handle.preview()).toBe(1);
  carry(panel.node, cell.node);
  expect(cell.handle.preview()).toBe(1);
  wait();
});

test('who waits no longer is not turned, and neither is another scale or a lens of a kernel', () => {
  const [cell, late, other] = [draw(2), draw(0), draw(0, [1, 3, 9])];
  const live = draw(0, [1, 2, 4], 'kernel');
  cell.show();
  carryOnArrival(cell.node, late.node)();
  for (const each of [late, other, live]) {
    each.show();
    if (each !== late) {
      carry(cell.node, each.node);
    }
    expect(each.handle.preview()).toBe(0);
  }
});
