import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';

import { ILenses } from '../lenses';
import { fromNotebook, fromRegistry, type LiveSource } from './live';
import { FLOW_MIME } from './mime';
import { RecordRenderer } from './renderer';

// Jupyter widgets register at -10. Ours is asked first and hands over to theirs when a kernel
// has the widget, because a static rank alone would always leave "model not found" in a saved
// notebook.
const BEFORE_WIDGETS = -20;
const DOCUMENT_RANK = 60;

function factory(
  source: LiveSource,
  trans: TranslationBundle,
  shown: (place: HTMLElement) => void = () => undefined
): IRenderMime.IRendererFactory {
  return {
    safe: true,
    mimeTypes: [FLOW_MIME],
    createRenderer: () => new RecordRenderer(source, shown, trans)
  };
}

/** Draws a flow's record wherever an output holds one: no kernel is needed. */
export const record: JupyterFrontEndPlugin<void> = {
  id: '@rgwidgets/lab:record',
  description: 'Draws saved flows in notebooks that are opened without a kernel.',
  autoStart: true,
  requires: [IRenderMimeRegistry],
  optional: [INotebookTracker, ILenses, ITranslator],
  activate: (
    _app: JupyterFrontEnd,
    registry: IRenderMimeRegistry,
    notebooks: INotebookTracker | null,
    lenses: ILenses | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('rgwidgets');
    registry.addFactory(factory(fromRegistry(registry), trans), DOCUMENT_RANK);
    const adopt = (panel: NotebookPanel): void => {
      const own = panel.content.rendermime;
      own.removeMimeType(FLOW_MIME);
      const shown = (place: HTMLElement): void => lenses?.adopt(place, panel);
      own.addFactory(factory(fromNotebook(panel), trans, shown), BEFORE_WIDGETS);
    };
    notebooks?.forEach(adopt);
    notebooks?.widgetAdded.connect((_, panel) => adopt(panel));
  }
};
