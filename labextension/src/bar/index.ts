import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, IToolbarWidgetRegistry } from '@jupyterlab/apputils';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { ILenses } from '../lenses';
import { ScaleBar } from './bar';
import { Link } from './link';

const ITEM = 'rgwidgets-scale';

/** One dial in the toolbar of a notebook, for all of its lenses that share a scale. */
export const bar: JupyterFrontEndPlugin<void> = {
  id: '@rgwidgets/lab:bar',
  description: 'One dial in the toolbar of a notebook that turns every lens of one scale.',
  autoStart: true,
  requires: [ILenses],
  optional: [IToolbarWidgetRegistry, INotebookTracker, ICommandPalette, IStateDB, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    lenses: ILenses,
    toolbars: IToolbarWidgetRegistry | null,
    notebooks: INotebookTracker | null,
    palette: ICommandPalette | null,
    state: IStateDB | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('rgwidgets');
    const bars = new Map<NotebookPanel, ScaleBar>();
    const make = (panel: NotebookPanel): ScaleBar => {
      const made = scaleBar(panel, lenses, state, trans);
      bars.set(panel, made);
      made.disposed.connect(() => bars.delete(panel));
      return made;
    };
    toolbars?.addFactory<NotebookPanel>('Notebook', ITEM, make);

    const current = (): ScaleBar | undefined =>
      notebooks?.currentWidget ? bars.get(notebooks.currentWidget) : undefined;
    const commands: [string, string, string, (bar: ScaleBar) => void][] = [
      ['coarser', trans.__('Coarser scale'), trans.__('One step coarser in all linked lenses'), b => b.step(1)],
      ['finer', trans.__('Finer scale'), trans.__('One step finer in all linked lenses'), b => b.step(-1)],
      ['play', trans.__('Run through the scales'), trans.__('Or stop, in all linked lenses'), b => b.play()]
    ];
    for (const [name, label, caption, act] of commands) {
      const command = `rgwidgets:${name}`;
      app.commands.addCommand(command, {
        label,
        caption,
        isEnabled: () => current()?.isHidden === false,
        execute: () => {
          const shown = current();
          if (shown) {
            act(shown);
          }
        }
      });
      palette?.addItem({ command, category: trans.__('Renormalisation') });
    }
  }
};

function scaleBar(
  panel: NotebookPanel,
  lenses: ILenses,
  state: IStateDB | null,
  trans: ReturnType<ITranslator['load']>
): ScaleBar {
  const unlinked = new Set<string>();
  const link = new Link(trans.__('Lens'), unlinked);
  const key = (): string => `@rgwidgets/lab:bar:${panel.context.path}`;
  const made = new ScaleBar(link, trans, () => void state?.save(key(), link.kept()));
  const follow = (): void => {
    link.refresh(lenses.of(panel));
    made.refresh();
  };
  lenses.changed.connect(follow);
  panel.sessionContext.kernelChanged.connect(follow);
  made.disposed.connect(() => {
    lenses.changed.disconnect(follow);
    panel.sessionContext.kernelChanged.disconnect(follow);
  });
  void panel.context.ready
    .then(() => state?.fetch(key()))
    .then(kept => {
      if (Array.isArray(kept)) {
        kept.forEach(name => unlinked.add(String(name)));
      }
      follow();
    })
    .catch(reason => console.warn('Which lenses were unlinked is not known:', reason));
  return made;
}
