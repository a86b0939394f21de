import type { CodeCell } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';

import { FLOW_MIME } from '../record/mime';

/** A cell of code, and the notebook that it lies in. */
export interface Found {
  readonly panel: NotebookPanel;
  readonly cell: CodeCell;
}

type Panels = readonly NotebookPanel[];

const codeCells = (panel: NotebookPanel): CodeCell[] =>
  panel.content.widgets.filter((cell): cell is CodeCell => cell.model.type === 'code');

/** The cell that shows what was clicked on. */
export function under(node: Node, panels: Panels): Found | null {
  for (const panel of panels) {
    const cell = codeCells(panel).find(each => each.node.contains(node));
    if (cell) {
      return { panel, cell };
    }
  }
  return null;
}

/** A cell by its own id, which outlives every change of order. */
export function cellOf(panel: NotebookPanel, id: string): CodeCell | null {
  return codeCells(panel).find(cell => cell.model.id === id) ?? null;
}

/** What a lens in the cell's output is called. */
export function titleOf(cell: CodeCell): string {
  return cell.node.querySelector('.rg-lens .rg-title')?.textContent?.trim() ?? '';
}

/** Does the cell's output hold a flow, drawn or not: cells out of sight are not drawn. */
export function hasLens(cell: CodeCell): boolean {
  const { outputs } = cell.model;
  return Array.from({ length: outputs.length }, (_, at) => outputs.get(at)).some(
    output => FLOW_MIME in output.data
  );
}
