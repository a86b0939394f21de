import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IWindowResolver } from '@jupyterlab/apputils';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { Store } from './store';
import { IWorkspace } from './token';

export { IWorkspace } from './token';

/** Keeps a reader's progress and predictions where JupyterLab keeps its own layout. */
export const workspace: JupyterFrontEndPlugin<IWorkspace> = {
  id: '@rgwidgets/lab:workspace',
  description: 'Keeps what a reader has done in the workspace, and says if it cannot.',
  autoStart: true,
  provides: IWorkspace,
  requires: [IStateDB],
  optional: [IWindowResolver, ITranslator],
  activate: (
    { serviceManager }: JupyterFrontEnd,
    page: IStateDB,
    resolver: IWindowResolver | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('rgwidgets');
    const server = async () => (await serviceManager.workspaces.fetch(resolver!.name)).data;
    return new Store({ page, server: resolver && server }, () => {
      const words = trans.__('the server does not take the workspace “%1”', resolver!.name);
      return new Error(words);
    });
  }
};
