import {
  ILabShell,
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette, MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';

import { IBook } from '../book';
import { lensIcon } from '../launcher/icon';
import { IWorkspace } from '../workspace';
import { dress, readLesson, teach, type Lesson } from './lesson';
import type { Room } from './room';
import { Predictions } from './predictions';

const ID = '@rgwidgets/lab:workshop';
const PROJECTOR = 'rgwidgets:toggle-projector';
const PREDICT = 'rgwidgets:predict';
const HAND_IN = 'rgwidgets:hand-in-predictions';
const COLLECT = 'rgwidgets:collect-predictions';

/** A lesson: its track, what it leaves out, larger type, and what the room predicts. */
export const workshop: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: 'Settings of a lesson, and the predictions of a room of students.',
  autoStart: true,
  requires: [IBook],
  optional: [
    ICommandPalette,
    IDefaultFileBrowser,
    ILabShell,
    ILayoutRestorer,
    IRenderMimeRegistry,
    ISettingRegistry,
    IWorkspace,
    ITranslator
  ],
  activate: (
    app: JupyterFrontEnd,
    book: IBook,
    palette: ICommandPalette | null,
    browser: IDefaultFileBrowser | null,
    shell: ILabShell | null,
    restorer: ILayoutRestorer | null,
    rendermime: IRenderMimeRegistry | null,
    settings: ISettingRegistry | null,
    state: IWorkspace | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('rgwidgets');
    const lesson = follow(app, book, settings, trans);
    const predictions = new Predictions({
      app,
      book,
      lesson,
      rendermime,
      state,
      trans
    });
    addPredictions(app, predictions, trans);
    const commands = [PROJECTOR, PREDICT, HAND_IN];
    // Notebook 7 has one document a page, and no place for a histogram.
    if (shell) {
      const room = collectInto(app, predictions, browser, trans);
      void restorer?.restore(room, {
        command: COLLECT,
        args: ({ content }) => ({ path: content.folder }),
        name: ({ content }) => content.folder
      });
      commands.push(COLLECT);
    }
    for (const command of commands) {
      palette?.addItem({ command, category: trans.__('Renormalisation') });
    }
  }
};

/** The settings, now and as they change; returns the lesson as it is. */
function follow(
  app: JupyterFrontEnd,
  book: IBook,
  registry: ISettingRegistry | null,
  trans: TranslationBundle
): () => Lesson {
  let lesson = readLesson({});
  const loaded = app.restored.then(() => registry?.load(ID)).catch(() => undefined);
  void loaded.then(settings => {
    const update = (): void => {
      lesson = readLesson(settings?.composite ?? {});
      dress(document.body, lesson);
      void book.ready.then(() => teach(book, lesson));
    };
    settings?.changed.connect(update);
    update();
  });
  app.commands.addCommand(PROJECTOR, {
    label: trans.__('Larger type for the projector'),
    isToggleable: true,
    isToggled: () => lesson.projector,
    execute: async () => {
      await (await loaded)?.set('projector', !lesson.projector);
      app.commands.notifyCommandChanged(PROJECTOR);
    }
  });
  return () => lesson;
}

function addPredictions(
  { commands }: JupyterFrontEnd,
  predictions: Predictions,
  trans: TranslationBundle
): void {
  commands.addCommand(PREDICT, {
    label: trans.__('Predict…'),
    caption: trans.__('Guess what a chapter will show, before you turn its dial'),
    isEnabled: ({ slug }) => predictions.chapter(slug) !== null,
    execute: ({ slug }) => predictions.predict(slug)
  });
  commands.addCommand(HAND_IN, {
    label: trans.__('Hand in your predictions…'),
    caption: trans.__('As a file, for the histogram of the room'),
    isEnabled: () => predictions.any,
    execute: () => predictions.handIn()
  });
}

function collectInto(
  app: JupyterFrontEnd,
  predictions: Predictions,
  browser: IDefaultFileBrowser | null,
  trans: TranslationBundle
): WidgetTracker<MainAreaWidget<Room>> {
  const tracker = new WidgetTracker<MainAreaWidget<Room>>({
    namespace: 'rgwidgets-room'
  });
  app.commands.addCommand(COLLECT, {
    label: trans.__('Collect the predictions of the room'),
    caption: trans.__('A histogram from the files in the folder that is open'),
    execute: async ({ path }) => {
      const folder = typeof path === 'string' ? path : (browser?.model.path ?? '');
      const there = tracker.find(({ content }) => content.folder === folder);
      if (there) {
        await there.content.refresh();
        app.shell.activateById(there.id);
        return;
      }
      const made = new MainAreaWidget({
        content: await predictions.room(folder)
      });
      made.id = `rgwidgets-room-${folder}`;
      made.title.label = trans.__('Predictions');
      made.title.icon = lensIcon;
      made.title.closable = true;
      app.shell.add(made, 'main');
      await tracker.add(made);
    }
  });
  return tracker;
}
