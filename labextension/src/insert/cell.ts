import type { Notebook, NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

/** Why no cell can be inserted here, with the mend; null if one can. */
export function refusal(panel: NotebookPanel, trans: TranslationBundle): string | null {
  const { model } = panel.content;
  if (!model) {
    return trans.__('This notebook is not loaded yet. Try again in a moment.');
  }
  if (model.readOnly || panel.context.contentsModel?.writable === false) {
    return trans.__(
      'This notebook is read-only, so no cell was inserted. Save a copy under another name and insert the lens there.'
    );
  }
  return null;
}

/** Put `code` into a new cell below the active one, as one step that can be undone. */
export function insertBelow(notebook: Notebook, code: string): void {
  const { model } = notebook;
  if (model) {
    const empty = model.cells.length === 0;
    const place = empty ? 0 : notebook.activeCellIndex + 1;
    model.sharedModel.insertCell(place, {
      cell_type: 'code',
      source: code,
      metadata: { trusted: true }
    });
    notebook.activeCellIndex = place;
    notebook.deselectAll();
    notebook.activate();
  }
}
