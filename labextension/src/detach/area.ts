import type { CodeCell } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Panel } from '@lumino/widgets';

import { ELSEWHERE } from '../lenses';
import { cellOf, hasLens, titleOf } from './find';
import { carry, carryOnArrival } from './picture';

/**
 * A second view of a cell's output, with the notebook's own renderers and kernel. While it is
 * there, the cell shows where its output went. It stands before its notebook has been read, as
 * the layout of a page is restored, and leaves if the notebook turns out to have no such lens.
 */
export class DetachedLens extends Panel {
  private shown: CodeCell | null = null;
  private wait: () => void = () => undefined;
  private readonly away: HTMLElement;

  constructor(
    readonly panel: NotebookPanel,
    readonly cell: string,
    private readonly trans: TranslationBundle
  ) {
    super();
    this.addClass('rg-detached');
    this.title.label = trans.__('Lens');
    this.away = this.signpost();
    panel.disposed.connect(this.dispose, this);
    void panel.context.ready.then(() => this.fill());
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this.away.remove();
      this.wait();
      if (this.shown?.isDisposed === false) {
        carry(this.node, this.shown.node);
        this.shown.removeClass(ELSEWHERE);
      }
      super.dispose();
    }
  }

  private fill(): void {
    const cell = cellOf(this.panel, this.cell);
    if (this.isDisposed || cell === null || !hasLens(cell)) {
      this.dispose();
      return;
    }
    this.shown = cell;
    this.title.label = titleOf(cell) || this.title.label;
    this.title.caption = this.trans.__('%1, from %2', this.title.label, this.panel.context.path);
    this.wait = carryOnArrival(cell.node, this.node);
    this.addWidget(cell.cloneOutputArea());
    cell.addClass(ELSEWHERE);
    cell.outputArea.node.after(this.away);
    cell.disposed.connect(this.dispose, this);
  }

  private signpost(): HTMLElement {
    const away = document.createElement('p');
    const back = document.createElement('button');
    away.className = 'rg-signpost';
    back.type = 'button';
    back.className = 'jp-mod-styled';
    back.textContent = this.trans.__('Bring it back');
    back.addEventListener('click', () => this.dispose());
    away.append(this.trans.__('This output is in a panel of its own.'), back);
    return away;
  }
}
