import type { JupyterFrontEnd } from '@jupyterlab/application';
import { showErrorMessage, type WidgetTracker } from '@jupyterlab/apputils';
import type { IDocumentManager } from '@jupyterlab/docmanager';
import type { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import type { ITranslator } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { lensIcon } from '../launcher/icon';
import type { Pairs } from './comparisons';
import { FILE_FACTORY, FOLDER_FACTORY, type RecordDocument } from './document';
import type { Words } from './fault';
import { FORMATS, save, type Format } from './ways';

export const OPEN = 'rgwidgets:open-record';
export const COMPARE = 'rgwidgets:compare-records';
export const EXPORT: Record<Format, string> = {
  png: 'rgwidgets:export-png',
  svg: 'rgwidgets:export-svg',
  csv: 'rgwidgets:export-csv'
};

export interface Parts {
  app: JupyterFrontEnd;
  documents: IDocumentManager;
  tracker: WidgetTracker<RecordDocument>;
  pairs: Pairs | null;
  browsers: IFileBrowserFactory | null;
  translator: ITranslator | null;
  words: Words;
}

export function explain(reason: unknown, words: Words): Promise<void> {
  return showErrorMessage(words.__('That did not work'), String(reason));
}

const text = (args: ReadonlyPartialJSONObject, name: string): string | null =>
  typeof args[name] === 'string' ? (args[name] as string) : null;

/** A record that the reader picks: a zip, or a folder's `zarr.json`; null if none. */
async function pick(
  { documents, translator, words }: Parts,
  title: string
): Promise<string | null> {
  const { FileDialog } = await import('@jupyterlab/filebrowser');
  const { value } = await FileDialog.getOpenFiles({
    manager: documents,
    title,
    label: words.__('A .zip file, or the zarr.json in a folder'),
    filter: ({ type, name }) =>
      type === 'directory' || /\.zip$|^zarr\.json$/i.test(name) ? { score: 0 } : null,
    ...(translator ? { translator } : {})
  });
  const chosen = value?.[0];
  return chosen ? chosen.path : null;
}

/** Open what lies at `path` in the factory for its kind. */
async function open({ app, documents }: Parts, path: string): Promise<unknown> {
  const { type } = await app.serviceManager.contents.get(path, { content: false });
  return documents.openOrReveal(path, type === 'directory' ? FOLDER_FACTORY : FILE_FACTORY);
}

function addOpening(parts: Parts): void {
  const { app, browsers, words } = parts;
  const selected = (): string | null =>
    browsers?.tracker.currentWidget?.selectedItems().next().value?.path ?? null;
  app.commands.addCommand(OPEN, {
    label: args => (args['selected'] ? words.__('Open record') : words.__('Open record…')),
    caption: words.__('Show a saved flow with no kernel'),
    icon: lensIcon,
    execute: async args => {
      try {
        const given = args['selected'] ? selected() : text(args, 'path');
        const path = given ?? (await pick(parts, words.__('Open record')));
        return path === null ? null : await open(parts, path);
      } catch (reason) {
        await explain(reason, words);
        return null;
      }
    }
  });
}

function addComparing(parts: Parts, pairs: Pairs): void {
  const { app, tracker, words } = parts;
  app.commands.addCommand(COMPARE, {
    label: words.__('Compare with another record…'),
    caption: words.__('Show two records side by side, on one dial'),
    icon: lensIcon,
    isEnabled: args => text(args, 'path') !== null || tracker.currentWidget !== null,
    execute: async args => {
      try {
        const path = text(args, 'path') ?? tracker.currentWidget?.context.path ?? null;
        const title = words.__('Compare with another record');
        const other = path && (text(args, 'other') ?? (await pick(parts, title)));
        if (path && other) {
          await pairs.open(path, other);
        }
      } catch (reason) {
        await explain(reason, words);
      }
    }
  });
}

function addExports({ app, tracker, words }: Parts): void {
  for (const format of FORMATS) {
    app.commands.addCommand(EXPORT[format], {
      label: words.__('Export record as %1', format.toUpperCase()),
      caption: words.__('Save what the open record shows'),
      isEnabled: () => tracker.currentWidget?.content.drawn != null,
      execute: async () => {
        const pane = tracker.currentWidget?.content;
        await (pane && save(pane, format, words).catch(reason => explain(reason, words)));
      }
    });
  }
}

export function addCommands(parts: Parts): void {
  addOpening(parts);
  if (parts.pairs) {
    addComparing(parts, parts.pairs);
  }
  addExports(parts);
}
