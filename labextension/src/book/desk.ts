import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Dialog, Notification, showDialog, showErrorMessage } from '@jupyterlab/apputils';
import type { IDocumentManager } from '@jupyterlab/docmanager';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Desk } from './book';
import {
  exists,
  fileName,
  join,
  keptName,
  namesIn,
  replace,
  writeFresh,
  type Files
} from './copies';
import type { Chapter } from './token';

/** Opens chapters as documents of the application, and says what went wrong. */
export class LabDesk implements Desk {
  private readonly busy = new Map<string, Promise<void>>();
  private readonly files: Files;

  constructor(
    private readonly app: JupyterFrontEnd,
    private readonly documents: IDocumentManager | null,
    browser: IDefaultFileBrowser | null,
    private readonly trans: TranslationBundle,
    private readonly folder: () => string
  ) {
    const { contents } = app.serviceManager;
    this.files = {
      get: (path, options) => contents.get(path, options),
      newUntitled: options => contents.newUntitled(options),
      save: (path, model) => contents.save(path, model),
      delete: path => contents.delete(path),
      rename: async (from, to) => {
        // A file that goes while the browser lists its folder makes it say that the folder is gone.
        await browser?.model.refresh();
        return contents.rename(from, to);
      }
    };
  }

  async begun(chapters: readonly Chapter[]): Promise<ReadonlySet<string>> {
    const names = await namesIn(this.files, this.folder());
    return new Set(
      chapters.filter(chapter => names.has(fileName(chapter))).map(({ slug }) => slug)
    );
  }

  open(chapter: Chapter): Promise<void> {
    return this.once(chapter, () => this.doOpen(chapter));
  }

  reset(chapter: Chapter): Promise<void> {
    return this.once(chapter, () => this.doReset(chapter));
  }

  /** One thing at a time with a chapter, however often it is clicked. */
  private once(chapter: Chapter, act: () => Promise<void>): Promise<void> {
    const running = this.busy.get(chapter.slug);
    if (running) {
      return running;
    }
    const done = act().finally(() => this.busy.delete(chapter.slug));
    this.busy.set(chapter.slug, done);
    return done;
  }

  private async doOpen(chapter: Chapter): Promise<void> {
    const { trans } = this;
    const name = fileName(chapter);
    const path = join(this.folder(), name);
    try {
      if (!(await exists(this.files, path))) {
        const open = this.documents?.findWidget(path);
        if (open) {
          this.tellDeleted(path);
          this.app.shell.activateById(open.id);
          return;
        }
        await writeFresh(this.files, this.folder(), name, await notebookOf(chapter));
      }
      await this.show(path);
    } catch (reason) {
      await showErrorMessage(
        trans.__('"%1" was not opened', chapter.title),
        trans.__('%1. %2', words(reason), this.mend())
      );
    }
  }

  private async doReset(chapter: Chapter): Promise<void> {
    const { trans } = this;
    const name = fileName(chapter);
    const path = join(this.folder(), name);
    try {
      if (!(await exists(this.files, path))) {
        await this.doOpen(chapter);
        return;
      }
      const kept = keptName(name, await namesIn(this.files, this.folder()));
      if (!(await this.agreed(chapter, kept))) {
        return;
      }
      await this.context(path)?.save();
      const left = await replace(this.files, this.folder(), name, await notebookOf(chapter));
      await this.documents?.closeFile(join(this.folder(), left));
      await this.stopKernel(path, join(this.folder(), left));
      await this.show(path);
    } catch (reason) {
      if ((reason as Error | null)?.name === 'ModalCancelError') {
        return; // the reader was asked about a file that changed on disk, and would rather not
      }
      await showErrorMessage(
        trans.__('"%1" was not reset; your copy is as it was', chapter.title),
        trans.__('%1. %2', words(reason), this.mend())
      );
    }
  }

  private show(path: string): Promise<unknown> {
    return this.app.commands.execute('docmanager:open', { path, factory: 'Notebook' });
  }

  private async agreed(chapter: Chapter, kept: string): Promise<boolean> {
    const { trans } = this;
    const { button } = await showDialog({
      title: trans.__('Reset "%1"?', chapter.title),
      body: trans.__(
        'A fresh copy takes the place of yours, which stays beside it as "%1". Its kernel is shut down.',
        kept
      ),
      buttons: [
        Dialog.cancelButton({ label: trans.__('Cancel') }),
        Dialog.warnButton({ label: trans.__('Reset') })
      ]
    });
    return button.accept;
  }

  private context(path: string): DocumentRegistry.Context | null {
    const widget = this.documents?.findWidget(path);
    const context = widget && this.documents?.contextForWidget(widget);
    return context?.model.dirty ? context : null;
  }

  /** The kernel of the copy that went would otherwise serve the fresh one, variables and all. */
  private async stopKernel(...paths: string[]): Promise<void> {
    const { sessions } = this.app.serviceManager;
    for (const path of paths) {
      const session = await sessions.findByPath(path);
      if (session) {
        await sessions.shutdown(session.id);
      }
    }
  }

  private tellDeleted(path: string): void {
    const { trans } = this;
    Notification.warning(
      trans.__(
        '"%1" was deleted, but it is still open. Save it to keep it; or close it and open the chapter again for a fresh copy.',
        path
      ),
      {
        autoClose: false,
        actions: [
          {
            label: trans.__('Save'),
            callback: () => {
              const widget = this.documents?.findWidget(path);
              const context = widget && this.documents?.contextForWidget(widget);
              // A save that fails says so itself.
              context?.save().catch(() => undefined);
            }
          }
        ]
      }
    );
  }

  private mend(): string {
    return this.trans.__(
      'Check that the folder "%1" can be written to and that its disk has room, then try again.',
      this.folder() || '/'
    );
  }
}

async function notebookOf(chapter: Chapter): Promise<unknown> {
  return (
    await import(
      /* webpackChunkName: "chapter-[request]" */ `./notebook-${chapter.slug}.generated.json`
    )
  ).default;
}

/** A reason without its full stop. */
function words(reason: unknown): string {
  return String(reason instanceof Error ? reason.message : reason).replace(/\.$/, '');
}
