import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { Lenses } from './lenses';
import { ILenses } from './token';

export { ELSEWHERE, ILenses, type Handle } from './token';

/** Knows every lens on the page, and which notebook it belongs to. */
export const lenses: JupyterFrontEndPlugin<ILenses> = {
  id: '@rgwidgets/lab:lenses',
  description: 'Finds the lenses of the page, live or recorded, by notebook.',
  autoStart: true,
  provides: ILenses,
  activate: () => new Lenses()
};
