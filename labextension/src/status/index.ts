import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';

import { ILenses, type Handle } from '../lenses/token';
import type { Mend } from './dialog';
import { StatusItem } from './item';
import { Own } from './own';
import { revive } from './revive';
import { summarise, type Since, type Summary } from './summary';

/** One line in the status bar on what the lenses of the document in front are computing. */
export const status: JupyterFrontEndPlugin<void> = {
  id: '@rgwidgets/lab:status',
  description: 'Says what the lenses of a notebook compute, where and how fast, and stops it.',
  autoStart: true,
  // Notebook 7 has no status bar: each lens says the same of itself there.
  optional: [IStatusBar, ILenses, INotebookTracker, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    bar: IStatusBar | null,
    lenses: ILenses | null,
    notebooks: INotebookTracker | null,
    translator: ITranslator | null
  ) => {
    if (bar && lenses) {
      const trans = (translator ?? nullTranslator).load('rgwidgets');
      new Line(app, lenses, notebooks, trans).register(bar);
    }
  }
};

class Line {
  private readonly own: Own;
  private readonly item: StatusItem;
  private readonly since: Since = new WeakMap();
  private readonly turned = new Signal<this, void>(this);
  private handles: readonly Handle[] = [];
  private summary: Summary | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly heard = new WeakSet<NotebookPanel>();

  constructor(
    private readonly app: JupyterFrontEnd,
    private readonly lenses: ILenses,
    private readonly notebooks: INotebookTracker | null,
    private readonly trans: TranslationBundle
  ) {
    this.own = new Own(lenses);
    this.item = new StatusItem(trans, {
      stop: () => this.ask(this.summary?.running ?? [], 'cancel'),
      explain: () => void this.explain()
    });
  }

  register(bar: IStatusBar): void {
    bar.registerStatusItem('@rgwidgets/lab:status', {
      item: this.item,
      align: 'right',
      rank: 40,
      isActive: () => this.summary !== null,
      activeStateChanged: this.turned
    });
    this.lenses.changed.connect(this.update, this);
    this.notebooks?.currentChanged.connect(this.update, this);
    this.app.shell.currentChanged?.connect(this.update, this);
    this.update();
  }

  private update(): void {
    clearTimeout(this.timer);
    const notebook = this.notebooks?.currentWidget ?? null;
    this.listen(notebook);
    const was = this.summary !== null;
    this.handles = this.own.of(this.app.shell.currentWidget, notebook);
    this.summary = summarise(this.handles, performance.now(), this.since);
    if (this.summary) {
      this.item.present(this.summary);
      const { again } = this.summary;
      this.timer = again === null ? undefined : setTimeout(() => this.update(), again);
    }
    if (was !== (this.summary !== null)) {
      this.turned.emit();
    }
  }

  /** The kernel of a notebook comes and goes without a word from its lenses. */
  private listen(notebook: NotebookPanel | null): void {
    if (notebook && !this.heard.has(notebook)) {
      this.heard.add(notebook);
      notebook.sessionContext.kernelChanged.connect(this.update, this);
      notebook.sessionContext.statusChanged.connect(this.update, this);
      notebook.disposed.connect(this.update, this);
    }
  }

  private ask(handles: readonly Handle[], name: 'cancel' | 'retry'): void {
    // Each is asked, whatever the others answer.
    const deaf = handles.filter(handle => !handle.act(name));
    if (deaf.length) {
      Notification.error(
        this.trans.__('The kernel does not answer. Restart it and run the cell again.')
      );
    }
  }

  private mend({ word, failed }: Summary): Mend | null {
    if (word === 'failed') {
      return { label: this.trans.__('Retry'), act: () => this.ask(failed, 'retry') };
    }
    const notebook = this.notebooks?.currentWidget;
    return word === 'lost' && notebook
      ? {
          label: this.trans.__('Restart and run all cells…'),
          act: () => void revive(this.app, notebook).catch(reason => this.refuse(reason))
        }
      : null;
  }

  private refuse(reason: unknown): void {
    Notification.error(this.trans.__('The kernel was not restarted: %1', String(reason)));
  }

  private async explain(): Promise<void> {
    const { summary, handles } = this;
    if (summary) {
      const { explain } = await import('./dialog');
      await explain(summary, handles, this.trans, this.mend(summary));
    }
  }
}
