import type { JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';

import { lensIcon } from '../launcher/icon';
import { Comparison } from './compare';
import type { Words } from './fault';
import { RecordPane } from './pane';
import { toolbarOf } from './toolbar';

/** The pairs of records that are open. */
export interface Pairs {
  tracker: WidgetTracker<MainAreaWidget<Comparison>>;
  /** Show two records side by side, or those that are open already. */
  open(path: string, other: string): Promise<void>;
}

const stem = (path: string): string => path.split('/').pop() ?? path;

export function comparisons(app: JupyterFrontEnd, words: Words): Pairs {
  const tracker = new WidgetTracker<MainAreaWidget<Comparison>>({
    namespace: 'rgwidgets-comparison'
  });
  const make = (path: string, other: string): MainAreaWidget<Comparison> => {
    const pane = (at: string): RecordPane => new RecordPane(app.serviceManager.contents, at, words);
    const content = new Comparison([pane(path), pane(other)], words);
    const widget = new MainAreaWidget({ content });
    widget.id = `rgwidgets-comparison:${path}|${other}`;
    widget.title.label = `${stem(path)} | ${stem(other)}`;
    widget.title.caption = words.__('%1 beside %2', path, other);
    widget.title.icon = lensIcon;
    for (const { name, widget: item } of toolbarOf(app.commands, content.panes, words)) {
      widget.toolbar.addItem(name, item);
    }
    return widget;
  };
  return {
    tracker,
    open: async (path, other) => {
      const open = tracker.find(
        ({ content: { panes } }) => panes[0].path === path && panes[1].path === other
      );
      const widget = open ?? make(path, other);
      if (!open) {
        app.shell.add(widget, 'main');
        await tracker.add(widget);
      }
      app.shell.activateById(widget.id);
      await widget.content.load();
    }
  };
}
