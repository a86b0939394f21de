// @vitest-environment happy-dom
import type { TranslationBundle } from '@jupyterlab/translation';
import { expect, test, vi } from 'vitest';

import { Still, type Draw } from './still';

const trans = {
  __: (words: string, ...parts: string[]) => words.replace('%1', () => parts[0]!)
} as unknown as TranslationBundle;

function setting(): { node: HTMLElement; dispose: ReturnType<typeof vi.fn>; draw: Draw } {
  const dispose = vi.fn();
  const draw: Draw = async (place, record) => {
    place.textContent = String(record);
    return { dispose };
  };
  return { node: document.createElement('div'), dispose, draw: vi.fn(draw) };
}

test('a record is drawn once, however often it is asked for', async () => {
  const { node, draw } = setting();
  const still = new Still(node, draw, trans);
  await Promise.all([still.show('flow'), still.show('flow')]);
  expect(draw).toHaveBeenCalledTimes(1);
  expect(node.textContent).toBe('flow');
});

test('a picture that is hidden while it is being drawn is taken down when it arrives', async () => {
  const { node, draw, dispose } = setting();
  const still = new Still(node, draw, trans);
  const shown = still.show('flow');
  still.hide();
  await shown;
  await Promise.resolve();
  expect(dispose).toHaveBeenCalledTimes(1);
  expect(node.childElementCount).toBe(0);
});

test('a kernel that goes away again gives the record back', async () => {
  const { node, draw } = setting();
  const still = new Still(node, draw, trans);
  await still.show('flow');
  still.hide();
  await still.show('flow');
  expect(node.childElementCount).toBe(1);
  expect(node.textContent).toBe('flow');
});

test('a record that cannot be drawn says why, as text, with the mend', async () => {
  const { node } = setting();
  const still = new Still(
    node,
    async () => {
      throw new Error('<b>It has no scale.</b>');
    },
    trans
  );
  await still.show({});
  expect(node.querySelector('b')).toBeNull();
  expect(node.textContent).toContain('It has no scale.');
  expect(node.textContent).toContain('Run the cell again');
  expect(node.querySelector('[role=alert]')).not.toBeNull();
});
