import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, showErrorMessage } from '@jupyterlab/apputils';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';

import { lensIcon } from './icon';
import { createNotebook } from './notebook';
import starter from './starter.generated.json';

const COMMAND = 'rgwidgets:new-notebook';
const LABEL = 'Renormalisation lens';

/** A launcher card and a palette entry that open a notebook with the starter cells. */
export const launcher: JupyterFrontEndPlugin<void> = {
  id: '@rgwidgets/lab:launcher',
  description: 'Opens a notebook with a lens on a lattice and on a network.',
  autoStart: true,
  // Notebook 7 has no launcher: the command alone is registered there.
  optional: [ILauncher, ICommandPalette, IDefaultFileBrowser],
  activate: (
    app: JupyterFrontEnd,
    cards: ILauncher | null,
    palette: ICommandPalette | null,
    browser: IDefaultFileBrowser | null
  ) => {
    app.commands.addCommand(COMMAND, {
      label: LABEL,
      caption: 'A new notebook with one dial on a lattice and on a network',
      icon: lensIcon,
      execute: async args => {
        const folder = typeof args['cwd'] === 'string' ? args['cwd'] : (browser?.model.path ?? '');
        try {
          const path = await createNotebook(app.serviceManager.contents, folder, starter);
          return await app.commands.execute('docmanager:open', { path, factory: 'Notebook' });
        } catch (reason) {
          await showErrorMessage(
            `${LABEL}: no notebook was made`,
            `${String(reason)}. Check that the folder "${folder || '/'}" can be written to.`
          );
          return null;
        }
      }
    });
    cards?.add({ command: COMMAND, category: 'Notebook', rank: 50 });
    palette?.addItem({ command: COMMAND, category: 'Renormalisation' });
  }
};
