import {
  ILabShell,
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette, MainAreaWidget, Notification, WidgetTracker } from '@jupyterlab/apputils';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { lensIcon } from '../launcher/icon';
import { DetachedLens } from './area';
import { hasLens, under, type Found } from './find';

const COMMAND = 'rgwidgets:detach';

/** A lens in a panel of its own, beside its notebook; it is there again after a reload. */
export const detach: JupyterFrontEndPlugin<void> = {
  id: '@rgwidgets/lab:detach',
  description: 'Moves a lens to a panel of its own beside the notebook.',
  autoStart: true,
  requires: [INotebookTracker],
  // Without JupyterLab's shell there is only one document, and nothing to stand beside it.
  optional: [ILabShell, ILayoutRestorer, ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    notebooks: INotebookTracker,
    shell: ILabShell | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ) => {
    if (shell === null) {
      return;
    }
    const trans = (translator ?? nullTranslator).load('rgwidgets');
    const tracker = new WidgetTracker<MainAreaWidget<DetachedLens>>({
      namespace: 'rgwidgets-detached'
    });
    app.commands.addCommand(COMMAND, {
      label: trans.__('Open lens in a panel of its own'),
      caption: trans.__('Moves the lens beside its notebook, until the panel is closed'),
      icon: lensIcon,
      isEnabled: args => 'cell' in args || wanted(app, notebooks, args) !== null,
      execute: async args => {
        const place = restored(notebooks, args) ?? chosen(wanted(app, notebooks, args));
        if (place === null) {
          const words = trans.__('The selected cell shows no lens. Run it, or choose another.');
          return 'cell' in args ? null : Notification.warning(words, { autoClose: 5000 });
        }
        const there = tracker.find(
          ({ content: { panel, cell } }) => panel === place.panel && cell === place.id
        );
        const shown = there ?? (await open(place));
        if (!('cell' in args)) {
          shell.activateById(shown.id);
        }
        return shown;
      }
    });
    const open = async ({ panel, id }: Place): Promise<MainAreaWidget<DetachedLens>> => {
      const content = new DetachedLens(panel, id, trans);
      const made = new MainAreaWidget({ content });
      made.id = `rgwidgets-detached-${id}`;
      made.title.icon = lensIcon;
      made.title.closable = true;
      content.disposed.connect(() => made.dispose());
      shell.add(made, 'main', { mode: 'split-right', ref: panel.id });
      await tracker.add(made);
      return made;
    };
    if (restorer) {
      void restorer.restore(tracker, {
        command: COMMAND,
        args: ({ content: { panel, cell } }) => ({ path: panel.context.path, cell }),
        name: ({ content: { panel, cell } }) => `${panel.context.path}:${cell}`,
        when: notebooks.restored
      });
    }
    palette?.addItem({
      command: COMMAND,
      args: { selected: true },
      category: trans.__('Renormalisation')
    });
  }
};

/** A cell by its id, in a notebook whose cells may not be there yet. */
interface Place {
  readonly panel: NotebookPanel;
  readonly id: string;
}

/** What a layout that is restored speaks of; null where its notebook is not open. */
function restored(
  notebooks: INotebookTracker,
  { path, cell }: Record<string, unknown>
): Place | null {
  const panel = all(notebooks).find(each => each.context.path === path);
  return panel && typeof cell === 'string' ? { panel, id: cell } : null;
}

function chosen(found: Found | null): Place | null {
  return found && hasLens(found.cell) ? { panel: found.panel, id: found.cell.model.id } : null;
}

/** The cell that a command is about: the one under the menu, or the one selected. */
function wanted(
  app: JupyterFrontEnd,
  notebooks: INotebookTracker,
  { selected }: Record<string, unknown>
): Found | null {
  const panels = all(notebooks);
  // A menu that was open before is remembered; who asks from elsewhere means the selected cell.
  const clicked = app.contextMenuHitTest(node => node.classList.contains('rg-lens'));
  if (clicked && selected !== true) {
    return under(clicked, panels);
  }
  const { currentWidget: panel, activeCell } = notebooks;
  return panel && activeCell ? under(activeCell.node, [panel]) : null;
}

function all(notebooks: INotebookTracker): NotebookPanel[] {
  const panels: NotebookPanel[] = [];
  notebooks.forEach(panel => void panels.push(panel));
  return panels;
}
