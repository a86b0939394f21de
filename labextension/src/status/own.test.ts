// @vitest-environment happy-dom
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { Widget } from '@lumino/widgets';
import { expect, test } from 'vitest';

import type { Handle } from '../lenses/token';
import { Own } from './own';

const handle = (kernel: string | null, place: HTMLElement | null = null): Handle =>
  ({ kernel, place }) as Handle;

function notebook(): NotebookPanel & { kernel: string | null } {
  const panel = {
    kernel: 'k1' as string | null,
    node: document.createElement('div'),
    sessionContext: {
      get session() {
        return panel.kernel && { kernel: { id: panel.kernel } };
      }
    }
  };
  return panel as unknown as NotebookPanel & { kernel: string | null };
}

function own(...handles: Handle[]): Own {
  return new Own({
    all: () => handles,
    of: panel => {
      const id = panel.sessionContext.session?.kernel?.id;
      return handles.filter(({ kernel }) => kernel !== null && kernel === id);
    }
  });
}

const widget = (): Widget => ({ node: document.createElement('div') }) as unknown as Widget;

test('a notebook keeps the lenses of a kernel that is gone, until it has another', () => {
  const lens = handle('k1');
  const [panel, lenses] = [notebook(), own(lens, handle('k2'))];
  expect(lenses.of(panel, panel)).toEqual([lens]);
  panel.kernel = null;
  expect(lenses.of(panel, panel)).toEqual([lens]);
  panel.kernel = 'k3';
  expect(lenses.of(panel, panel)).toEqual([]);
});

test('a notebook that never had a kernel has no lens of one', () => {
  const panel = notebook();
  panel.kernel = null;
  expect(own(handle('k1')).of(panel, panel)).toEqual([]);
});

test('another document shows the records that are drawn in it, and nothing of the notebook', () => {
  const [panel, viewer] = [notebook(), widget()];
  const place = viewer.node.appendChild(document.createElement('div'));
  const record = handle(null, place);
  const lenses = own(handle('k1'), record);
  expect(lenses.of(viewer, panel)).toEqual([record]);
  expect(lenses.of(widget(), panel)).toEqual([]);
  expect(lenses.of(null, null)).toEqual([]);
});

test('a lens that stands beside its notebook is still its own', () => {
  const [panel, beside] = [notebook(), widget()];
  const lens = handle('k1');
  beside.node.innerHTML = '<div class="rg-lens"></div>';
  expect(own(lens).of(beside, panel)).toEqual([lens]);
});
