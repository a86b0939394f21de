import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, showErrorMessage } from '@jupyterlab/apputils';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { lensIcon } from './icon';
import { createNotebook } from './notebook';
import starter from './starter.generated.json';

const COMMAND = 'rgwidgets:new-notebook';

/** A launcher card and a palette entry that open a notebook with the starter cells. */
export const launcher: JupyterFrontEndPlugin<void> = {
  id: '@rgwidgets/lab:launcher',
  description: 'Opens a notebook with a lens on a lattice and on a network.',
  autoStart: true,
  // Notebook 7 has no launcher: the command alone is registered there.
  optional: [ILauncher, ICommandPalette, IDefaultFileBrowser, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    cards: ILauncher | null,
    palette: ICommandPalette | null,
    browser: IDefaultFileBrowser | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('rgwidgets');
    app.commands.addCommand(COMMAND, {
      label: trans.__('Starter notebook'),
      caption: trans.__('A new notebook with one dial on a lattice and on a network'),
      icon: lensIcon,
      execute: async args => {
        const folder = typeof args['cwd'] === 'string' ? args['cwd'] : (browser?.model.path ?? '');
        try {
          const path = await createNotebook(app.serviceManager.contents, folder, starter);
          return await app.commands.execute('docmanager:open', { path, factory: 'Notebook' });
        } catch (reason) {
          await showErrorMessage(
            trans.__('No notebook was made'),
            trans.__(
              '%1. Check that the folder "%2" can be written to.',
              String(reason),
              folder || '/'
            )
          );
          return null;
        }
      }
    });
    const category = trans.__('Renormalisation');
    // Of its category, so that its own icon is shown; beside the cards of the book.
    cards?.add({ command: COMMAND, category, categoryRank: 10, rank: 0.5 });
    palette?.addItem({ command: COMMAND, category });
  }
};
