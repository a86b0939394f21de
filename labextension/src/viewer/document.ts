import {
  ABCWidgetFactory,
  DocumentWidget,
  TextModelFactory,
  type DocumentRegistry
} from '@jupyterlab/docregistry';
import type { Contents } from '@jupyterlab/services';

import type { Words } from './fault';
import { RecordPane } from './pane';

export const FILE_TYPE = 'rgwidgets-record';
export const ZIP_TYPE = 'rgwidgets-zip';
export const ROOT_TYPE = 'rgwidgets-record-root';
export const FILE_FACTORY = 'Renormalisation record';
export const FOLDER_FACTORY = 'Renormalisation record (folder)';

/** Documents whose content JupyterLab leaves to the viewer, which reads the pieces that it shows. */
export class RecordModelFactory extends TextModelFactory {
  constructor(private readonly kind: 'file' | 'directory') {
    super(true);
  }

  override get name(): string {
    return `rgwidgets-record-${this.kind}`;
  }

  override get contentType(): Contents.ContentType {
    return this.kind;
  }

  override get fileFormat(): Contents.FileFormat {
    return null;
  }

  /** A viewer never saves: such a model gets no checkpoint, which would lie inside the record. */
  override createNew(options: DocumentRegistry.IModelOptions = {}): DocumentRegistry.ICodeModel {
    return super.createNew({ ...options, collaborationEnabled: true } as never);
  }
}

/** A record that is open, and which factory opened it. */
export class RecordDocument extends DocumentWidget<RecordPane> {
  constructor(
    options: DocumentWidget.IOptions<RecordPane>,
    readonly factory: string
  ) {
    super(options);
    this.addClass('rg-record-document');
  }
}

export class RecordFactory extends ABCWidgetFactory<RecordDocument> {
  constructor(
    options: DocumentRegistry.IWidgetFactoryOptions<RecordDocument>,
    private readonly contents: Contents.IManager,
    private readonly words: Words
  ) {
    super(options);
  }

  protected override createNewWidget(context: DocumentRegistry.Context): RecordDocument {
    const content = new RecordPane(this.contents, context.path, this.words);
    const widget = new RecordDocument({ content, context }, this.name);
    // The first time tells that the file is there, each later one that it was replaced.
    context.fileChanged.connect(() => void content.load());
    context.pathChanged.connect((_, path) => (content.path = path));
    return widget;
  }
}
