import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette, Notification } from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';

import { lensIcon } from '../launcher/icon';
import { IWorkspace } from '../workspace';
import { Book } from './book';
import { keepCards } from './cards';
import { addCommands, EXPORT, fillPalette, FORGET, IMPORT, OPEN, RESET } from './commands';
import { asFolder } from './copies';
import { BookPanel } from './panel';
import { IBook, type Index } from './token';
import { Watch } from './watch';

export { IBook, type Chapter } from './token';

const ID = '@rgwidgets/lab:book';
const RANK = 600;
/** Of the workshop, where that is installed. */
const PREDICT = 'rgwidgets:predict';

/** The book: its panel, its launcher cards, and the progress of its reader. */
export const book: JupyterFrontEndPlugin<IBook> = {
  id: ID,
  description: 'Shows and opens the chapters of the book and keeps the progress of its reader.',
  autoStart: true,
  provides: IBook,
  // Notebook 7 has neither launcher nor layout; no other host need have more.
  optional: [
    ICommandPalette,
    IDefaultFileBrowser,
    IDocumentManager,
    ILauncher,
    ILayoutRestorer,
    INotebookTracker,
    ISettingRegistry,
    IWorkspace,
    ITranslator
  ],
  activate: (
    app: JupyterFrontEnd,
    palette: ICommandPalette | null,
    browser: IDefaultFileBrowser | null,
    documents: IDocumentManager | null,
    launcher: ILauncher | null,
    restorer: ILayoutRestorer | null,
    notebooks: INotebookTracker | null,
    settings: ISettingRegistry | null,
    state: IWorkspace | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('rgwidgets');
    const category = trans.__('Renormalisation');
    const found = makeBook(app, documents, browser, settings, state, trans);
    const panel = makePanel(app, found, trans);
    app.shell.add(panel, 'left', { rank: RANK, type: 'Book' });
    restorer?.add(panel, panel.id);
    addCommands(app, found, trans, panel.id);
    if (palette) {
      fillPalette(palette, found, category);
    }
    if (launcher) {
      keepCards(launcher, found, category);
    }
    if (notebooks) {
      watchNotebooks(notebooks, found, trans);
    }
    return found;
  }
};

function makeBook(
  app: JupyterFrontEnd,
  documents: IDocumentManager | null,
  browser: IDefaultFileBrowser | null,
  settings: ISettingRegistry | null,
  state: IWorkspace | null,
  trans: TranslationBundle
): Book {
  // Nothing waits for them while the page starts; without them the book lies at the root.
  const own = settings && app.restored.then(() => settings.load(ID)).catch(() => null);
  const made = new Book({
    load: () => app.restored.then(() => loadIndex(trans)),
    desk: async () => {
      const [{ LabDesk }, loaded] = await Promise.all([import('./desk'), own]);
      const folder = (): string => asFolder(loaded?.composite['folder']);
      return new LabDesk(app, documents, browser, trans, folder);
    },
    state,
    unkept: reason => {
      Notification.error(
        trans.__(
          'Your progress cannot be kept: %1. Export it from the book panel to have it as a file.',
          String(reason)
        ),
        { autoClose: false }
      );
    }
  });
  void own?.then(loaded => loaded?.changed.connect(() => void made.look()));
  app.serviceManager.contents.fileChanged.connect((_, { type }) => {
    if (type !== 'save') {
      void made.look();
    }
  });
  return made;
}

async function loadIndex(trans: TranslationBundle): Promise<Index> {
  try {
    return (await import('./index.generated.json')).default as Index;
  } catch (reason) {
    Notification.error(
      trans.__('The book was not loaded: %1. Reload the page to try again.', String(reason)),
      { autoClose: false }
    );
    return { title: '', tracks: [], parts: [], chapters: [] };
  }
}

function makePanel(app: JupyterFrontEnd, found: Book, trans: TranslationBundle): BookPanel {
  const run = (command: string, slug?: string): void => {
    void app.commands.execute(command, slug === undefined ? {} : { slug });
  };
  const panel = new BookPanel(
    async place => {
      const [{ View }] = await Promise.all([import('./view'), found.ready]);
      new View(place, found, trans, {
        open: slug => run(OPEN, slug),
        reset: slug => run(RESET, slug),
        predict: app.commands.hasCommand(PREDICT) ? slug => run(PREDICT, slug) : null,
        export: () => run(EXPORT),
        import: () => run(IMPORT),
        forget: () => run(FORGET)
      });
    },
    () => void found.look()
  );
  panel.title.icon = lensIcon;
  panel.title.caption = trans.__('Book');
  panel.node.setAttribute('role', 'region');
  panel.node.setAttribute('aria-label', trans.__('Book'));
  return panel;
}

function watchNotebooks(notebooks: INotebookTracker, found: Book, trans: TranslationBundle): void {
  let told = false;
  new Watch(notebooks, {
    passed: id => void found.pass([id]),
    lacking: notebook => {
      found.setLacking(notebook);
      if (notebook !== null && !told) {
        told = true;
        Notification.error(
          trans.__(
            'The kernel of "%1" has no rgwidgets. Run %pip install rgwidgets in a cell of it, then restart the kernel.',
            notebook
          ),
          { autoClose: false }
        );
      }
    }
  });
}
