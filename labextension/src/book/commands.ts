import type { JupyterFrontEnd } from '@jupyterlab/application';
import { showErrorMessage, type ICommandPalette } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import type { TranslationBundle } from '@jupyterlab/translation';

import { lensIcon } from '../launcher/icon';
import type { Book } from './book';
import { fileName } from './copies';
import type { Chapter } from './token';

export const OPEN_BOOK = 'rgwidgets:open-book';
export const OPEN = 'rgwidgets:open-chapter';
export const RESET = 'rgwidgets:reset-chapter';
export const EXPORT = 'rgwidgets:export-progress';
export const IMPORT = 'rgwidgets:import-progress';
export const FORGET = 'rgwidgets:forget-progress';

/** What the commands do with the book, each with its words. */
export function addCommands(
  app: JupyterFrontEnd,
  book: Book,
  trans: TranslationBundle,
  panel: string
): void {
  const { commands, shell } = app;
  commands.addCommand(OPEN_BOOK, {
    label: trans.__('Book'),
    caption: trans.__('The chapters of the book, and your progress'),
    icon: lensIcon,
    execute: () => shell.activateById(panel)
  });
  addChapterCommands(app, book, trans);
  commands.addCommand(EXPORT, {
    label: trans.__('Export progress'),
    caption: trans.__('Save the exercises that you have passed as a file'),
    execute: async () => (await import('./transfer')).exportProgress(book)
  });
  commands.addCommand(IMPORT, {
    label: trans.__('Import progress…'),
    caption: trans.__('Add the exercises passed of a file'),
    execute: async () => (await import('./transfer')).importProgress(book, trans)
  });
  commands.addCommand(FORGET, {
    label: trans.__('Forget progress…'),
    caption: trans.__('Forget which exercises you have passed'),
    execute: async () => (await import('./transfer')).forgetProgress(book, trans)
  });
}

function addChapterCommands(app: JupyterFrontEnd, book: Book, trans: TranslationBundle): void {
  const named = (slug: unknown): Chapter | undefined =>
    book.index.chapters.find(chapter => chapter.slug === slug && chapter.written);
  const current = (): Chapter | undefined => {
    const path = (app.shell.currentWidget as { context?: { path: string } } | null)?.context?.path;
    const name = path && PathExt.basename(path);
    return book.index.chapters.find(chapter => chapter.written && fileName(chapter) === name);
  };
  const tell = (reason: unknown): Promise<void> =>
    showErrorMessage(
      trans.__('No chapter was opened'),
      trans.__('%1. Choose one in the book panel.', String(reason))
    );
  app.commands.addCommand(OPEN, {
    label: args => {
      const chapter = named(args['slug']);
      return chapter ? `${chapter.number}. ${chapter.title}` : trans.__('Open chapter');
    },
    caption: args =>
      named(args['slug'])?.predict ?? trans.__('Open the chapter that an argument names'),
    icon: lensIcon,
    execute: ({ slug }) =>
      slug ? book.open(String(slug)).catch(tell) : app.commands.execute(OPEN_BOOK)
  });
  app.commands.addCommand(RESET, {
    label: args => {
      const chapter = args['slug'] ? named(args['slug']) : current();
      return chapter ? trans.__('Reset chapter %1…', chapter.number) : trans.__('Reset chapter…');
    },
    caption: trans.__('Begin a chapter anew; your copy is kept beside the fresh one'),
    isEnabled: args => Boolean(args['slug'] ?? current()),
    execute: ({ slug }) => book.reset(String(slug ?? current()?.slug)).catch(tell)
  });
}

/** The palette's entries: a chapter has one when the index is there. */
export function fillPalette(palette: ICommandPalette, book: Book, category: string): void {
  for (const command of [OPEN_BOOK, RESET, EXPORT, IMPORT, FORGET]) {
    palette.addItem({ command, category });
  }
  void book.ready.then(() => {
    for (const { slug, number } of book.index.chapters.filter(({ written }) => written)) {
      palette.addItem({ command: OPEN, args: { slug }, category, rank: 100 + number });
    }
  });
}
