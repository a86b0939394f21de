import { Panel, Widget } from '@lumino/widgets';

import { link } from './dials';
import type { Words } from './fault';
import type { RecordPane } from './pane';

/** Two records side by side, one above the other where there is little room, on one dial. */
export class Comparison extends Panel {
  private readonly note = new Widget();
  private unlink: (() => void) | null = null;

  constructor(
    readonly panes: readonly [RecordPane, RecordPane],
    private readonly words: Words
  ) {
    super();
    this.addClass('rg-comparison');
    this.node.tabIndex = -1;
    this.note.addClass('rg-comparison-note');
    this.note.node.setAttribute('role', 'status');
    this.addWidget(this.note);
    const sides = new Panel();
    sides.addClass('rg-comparison-sides');
    panes.forEach(pane => {
      sides.addWidget(pane);
      pane.changed.connect(this.relink, this);
    });
    this.addWidget(sides);
  }

  async load(): Promise<void> {
    await Promise.all(this.panes.map(pane => pane.load()));
  }

  override dispose(): void {
    this.unlink?.();
    this.unlink = null;
    super.dispose();
  }

  private relink(): void {
    this.unlink?.();
    this.unlink = null;
    const [one, other] = this.panes.map(pane => pane.drawn?.mounted.handle);
    this.note.node.textContent = '';
    if (!one || !other) {
      return;
    }
    this.unlink = link(one, other);
    const [a, b] = [one.scale()!, other.scale()!];
    const said = ({ name, unit }: typeof a): string => (unit ? `${name} (${unit})` : name);
    this.note.node.textContent = this.unlink
      ? this.words.__('One dial turns both, to the nearest %1.', a.name)
      : this.words.__(
          'These records have no scale in common: %1, %2. Each dial turns alone.',
          said(a),
          said(b)
        );
  }
}
