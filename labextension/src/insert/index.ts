import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, showErrorMessage } from '@jupyterlab/apputils';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';

import { lensIcon } from '../launcher/icon';

const COMMAND = 'rgwidgets:insert-lens';

/** "New lens": choose a system and a scheme, get the cell of code. */
export const insert: JupyterFrontEndPlugin<void> = {
  id: '@rgwidgets/lab:insert',
  description: 'Inserts a cell of code with a lens on a chosen system and scheme.',
  autoStart: true,
  optional: [INotebookTracker, ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    notebooks: INotebookTracker | null,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('rgwidgets');
    app.commands.addCommand(COMMAND, {
      label: args => (args['toolbar'] ? '' : trans.__('New lens…')),
      caption: trans.__('Insert a cell with a lens: choose a system and a scheme'),
      icon: lensIcon,
      isEnabled: () => Boolean(notebooks?.currentWidget),
      execute: async () => {
        if (notebooks?.currentWidget) {
          await insertInto(notebooks.currentWidget, trans);
        }
      }
    });
    notebooks?.currentChanged.connect(() => app.commands.notifyCommandChanged(COMMAND));
    palette?.addItem({ command: COMMAND, category: trans.__('Renormalisation') });
  }
};

async function insertInto(panel: NotebookPanel, trans: TranslationBundle): Promise<void> {
  try {
    const [{ ask }, { insertBelow, refusal }] = await Promise.all([
      import('./dialog'),
      import('./cell')
    ]);
    const reason = refusal(panel, trans);
    if (reason) {
      await showErrorMessage(trans.__('No lens here'), reason);
      return;
    }
    const code = await ask(trans);
    if (code !== null && !panel.isDisposed) {
      insertBelow(panel.content, code);
    }
  } catch (reason) {
    await showErrorMessage(
      trans.__('No cell was inserted'),
      trans.__('%1. Reload the page and try again.', String(reason))
    );
  }
}
