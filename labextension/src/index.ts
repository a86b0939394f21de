import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { bar } from './bar';
import { book } from './book';
import { detach } from './detach';
import { insert } from './insert';
import { launcher } from './launcher';
import { lenses } from './lenses';
import { record } from './record';
import { status } from './status';
import { viewer } from './viewer';
import { workshop } from './workshop';
import { workspace } from './workspace';

const plugins: JupyterFrontEndPlugin<unknown>[] = [
  lenses,
  record,
  bar,
  book,
  detach,
  insert,
  launcher,
  status,
  viewer,
  workshop,
  workspace
];

export default plugins;
