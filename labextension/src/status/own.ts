import type { NotebookPanel } from '@jupyterlab/notebook';
import type { Widget } from '@lumino/widgets';

import type { Handle, ILenses } from '../lenses/token';

type Lenses = Pick<ILenses, 'all' | 'of'>;

/** Which lenses the document in front is about. */
export class Own {
  private readonly kernels = new WeakMap<Widget, string>();

  constructor(private readonly lenses: Lenses) {}

  /** Those of the notebook in front; of another document, those that are drawn inside it. */
  of(current: Widget | null, notebook: NotebookPanel | null): readonly Handle[] {
    if (notebook && (current === null || current === notebook || showsLens(current))) {
      const inside = current === notebook ? [] : this.inside(current);
      return inside.length ? inside : this.ofNotebook(notebook);
    }
    return this.inside(current);
  }

  private inside(current: Widget | null): readonly Handle[] {
    return this.lenses.all().filter(({ place }) => place && current?.node.contains(place));
  }

  /** A notebook whose kernel is gone still shows the lenses that it had. */
  private ofNotebook(notebook: NotebookPanel): readonly Handle[] {
    const now = notebook.sessionContext.session?.kernel?.id;
    if (now !== undefined) {
      this.kernels.set(notebook, now);
      return this.lenses.of(notebook);
    }
    const last = this.kernels.get(notebook);
    const left = this.lenses.all().filter(({ kernel }) => kernel !== null && kernel === last);
    return [...left, ...this.lenses.of(notebook)];
  }
}

/** A lens that was moved beside its notebook is the notebook's. */
function showsLens(current: Widget): boolean {
  return current.node.querySelector('.rg-lens') !== null;
}
