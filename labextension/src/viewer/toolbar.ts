import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { ToolbarRegistry } from '@jupyterlab/apputils';
import { downloadIcon, ToolbarButton } from '@jupyterlab/ui-components';

import { COMPARE, explain } from './commands';
import type { Words } from './fault';
import type { RecordPane } from './pane';
import { FORMATS, save, type Format } from './ways';

const captions = (words: Words): Record<Format, string> => ({
  png: words.__('Save the picture and the chart as they are shown'),
  svg: words.__('Save the picture and the chart as a drawing for print'),
  csv: words.__('Save the table of all cutoffs, with values, errors and kinds')
});

/** The buttons above records: what leaves them, and what stands beside one. */
export function toolbarOf(
  commands: JupyterFrontEnd['commands'],
  panes: readonly RecordPane[],
  words: Words
): ToolbarRegistry.IToolbarItem[] {
  const told = captions(words);
  const items = FORMATS.map(format => ({
    name: `export-${format}`,
    widget: new ToolbarButton({
      className: `rg-export rg-export-${format}`,
      icon: downloadIcon,
      label: format.toUpperCase(),
      tooltip: told[format],
      onClick: () => {
        void (async () => {
          for (const pane of panes) {
            await save(pane, format, words);
          }
        })().catch(reason => explain(reason, words));
      }
    })
  }));
  const [only, ...others] = panes;
  if (only && others.length === 0 && commands.hasCommand(COMPARE)) {
    const compare = new ToolbarButton({
      className: 'rg-compare',
      label: words.__('Compare…'),
      tooltip: words.__('Show another record beside this one, on one dial'),
      onClick: () => void commands.execute(COMPARE, { path: only.path })
    });
    return [...items, { name: 'compare', widget: compare }];
  }
  return items;
}
