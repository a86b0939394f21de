import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { launcher } from './launcher';
import { record } from './record';

const plugins: JupyterFrontEndPlugin<void>[] = [record, launcher];

export default plugins;
