import {
  ILabShell,
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette, WidgetTracker } from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { lensIcon } from '../launcher/icon';
import { addCommands, COMPARE, EXPORT, OPEN } from './commands';
import { comparisons, type Pairs } from './comparisons';
import {
  FILE_FACTORY,
  FILE_TYPE,
  FOLDER_FACTORY,
  RecordFactory,
  RecordModelFactory,
  ROOT_TYPE,
  ZIP_TYPE,
  type RecordDocument
} from './document';
import type { Words } from './fault';
import { toolbarOf } from './toolbar';

/** Files that are records by their names, and files that may be. */
function addFileTypes({ docRegistry }: JupyterFrontEnd, words: Words): void {
  const common = { contentType: 'file', fileFormat: 'base64', icon: lensIcon } as const;
  docRegistry.addFileType({
    ...common,
    name: FILE_TYPE,
    displayName: words.__('Renormalisation record'),
    extensions: ['.flow.zip', '.zarr.zip'],
    pattern: '^flow\\.zip$',
    mimeTypes: ['application/zip']
  });
  docRegistry.addFileType({
    ...common,
    name: ROOT_TYPE,
    displayName: words.__('Renormalisation record'),
    pattern: '^zarr\\.json$',
    mimeTypes: ['application/json']
  });
  docRegistry.addFileType({
    contentType: 'file',
    fileFormat: 'base64',
    name: ZIP_TYPE,
    displayName: words.__('Zip file'),
    extensions: ['.zip'],
    mimeTypes: ['application/zip']
  });
}

/** Documents for files and for folders; returns who knows those that are open. */
function addDocuments(app: JupyterFrontEnd, words: Words): WidgetTracker<RecordDocument> {
  const tracker = new WidgetTracker<RecordDocument>({ namespace: 'rgwidgets-record' });
  const { contents } = app.serviceManager;
  addFileTypes(app, words);
  for (const kind of ['file', 'directory'] as const) {
    const model = new RecordModelFactory(kind);
    app.docRegistry.addModelFactory(model);
    const factory = new RecordFactory(
      {
        name: kind === 'file' ? FILE_FACTORY : FOLDER_FACTORY,
        label:
          kind === 'file'
            ? words.__('Renormalisation record')
            : words.__('Renormalisation record (folder)'),
        modelName: model.name,
        fileTypes: kind === 'file' ? [FILE_TYPE, ROOT_TYPE, ZIP_TYPE] : [],
        defaultFor: kind === 'file' ? [FILE_TYPE, ROOT_TYPE] : [],
        readOnly: true,
        preferKernel: false,
        canStartKernel: false,
        toolbarFactory: widget => toolbarOf(app.commands, [widget.content], words)
      },
      contents,
      words
    );
    factory.widgetCreated.connect((_, widget) => {
      widget.title.icon = lensIcon;
      widget.context.pathChanged.connect(() => void tracker.save(widget));
      void tracker.add(widget);
    });
    // Their types disagree on what is optional.
    app.docRegistry.addWidgetFactory(factory as unknown as DocumentRegistry.WidgetFactory);
  }
  return tracker;
}

/** Open again after a reload what was open before it. */
function restore(
  restorer: ILayoutRestorer,
  tracker: WidgetTracker<RecordDocument>,
  pairs: Pairs | null
): void {
  void restorer.restore(tracker, {
    command: 'docmanager:open',
    args: ({ context, factory }) => ({ path: context.path, factory }),
    name: ({ context, factory }) => `${factory}:${context.path}`
  });
  if (pairs) {
    void restorer.restore(pairs.tracker, {
      command: COMPARE,
      args: ({ content: { panes } }) => ({ path: panes[0].path, other: panes[1].path }),
      name: ({ content: { panes } }) => `${panes[0].path}|${panes[1].path}`
    });
  }
}

/** Records as documents: the whole lens with no kernel, two on one dial, and ways out. */
export const viewer: JupyterFrontEndPlugin<void> = {
  id: '@rgwidgets/lab:viewer',
  description: 'Opens flow records as documents, compares two, exports what is shown.',
  autoStart: true,
  requires: [IDocumentManager],
  optional: [ILabShell, ILayoutRestorer, ICommandPalette, IFileBrowserFactory, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    documents: IDocumentManager,
    lab: ILabShell | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    browsers: IFileBrowserFactory | null,
    translator: ITranslator | null
  ) => {
    const words = (translator ?? nullTranslator).load('rgwidgets');
    const tracker = addDocuments(app, words);
    // One widget a page is all that Notebook 7 shows: two records need JupyterLab.
    const pairs = lab && comparisons(app, words);
    addCommands({ app, documents, tracker, pairs, browsers, translator, words });
    app.contextMenu.addItem({
      command: OPEN,
      selector: '.jp-DirListing-item[data-isdir="true"]',
      args: { selected: true },
      rank: 1.5
    });
    const category = words.__('Renormalisation');
    for (const command of [OPEN, ...(pairs ? [COMPARE] : []), ...Object.values(EXPORT)]) {
      palette?.addItem({ command, category });
    }
    if (restorer) {
      restore(restorer, tracker, pairs);
    }
  }
};
