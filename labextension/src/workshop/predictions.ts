import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Chapter, IBook } from '../book';
import type { IWorkspace } from '../workspace';
import type { Collected } from './collect';
import { readGuesses, type Guesses } from './guesses';
import type { Lesson } from './lesson';
import type { Room } from './room';

const KEY = '@rgwidgets/lab:predictions';

export interface Parts {
  readonly app: JupyterFrontEnd;
  readonly book: IBook;
  readonly lesson: () => Lesson;
  readonly rendermime: IRenderMimeRegistry | null;
  readonly state: IWorkspace | null;
  readonly trans: TranslationBundle;
}

/** The reader's own guesses, kept in the workspace until they are handed in. */
export class Predictions {
  private guesses: Guesses = {};
  private name = '';
  private readonly kept: Promise<void>;

  constructor(private readonly parts: Parts) {
    this.kept = parts.app.restored.then(() => this.restore());
  }

  get any(): boolean {
    return Object.keys(this.guesses).length > 0;
  }

  /** The chapter of a slug, or the one that is open, if it asks anything. */
  chapter(slug: unknown): Chapter | null {
    const { app, book } = this.parts;
    const open = (app.shell.currentWidget as { context?: { path: string } } | null)?.context?.path;
    const name = open === undefined ? '' : PathExt.basename(open).replace(/^\d+-|\.ipynb$/g, '');
    const wanted = typeof slug === 'string' ? slug : name;
    return book.index.chapters.find(each => each.slug === wanted && each.question) ?? null;
  }

  async predict(slug: unknown): Promise<void> {
    const chapter = this.chapter(slug);
    if (chapter === null) {
      return;
    }
    const [{ predict, renderer }] = await Promise.all([import('./predict'), this.kept]);
    const { rendermime, trans } = this.parts;
    const guess = await predict(chapter, this.guesses[chapter.slug], renderer(rendermime), trans);
    if (guess !== null) {
      this.guesses = { ...this.guesses, [chapter.slug]: guess };
      void this.keep();
    }
  }

  async handIn(): Promise<void> {
    const [{ handIn }] = await Promise.all([import('./handin'), this.kept]);
    const { app, lesson, trans } = this.parts;
    const { contents } = app.serviceManager;
    const desk = { contents, trans, folder: lesson().folder };
    const name = await handIn(this.guesses, this.name, desk);
    if (name !== null) {
      this.name = name;
      void this.keep();
    }
  }

  /** The histograms of a folder; the book is read later, for a page that is restored waits. */
  async room(folder: string): Promise<Room> {
    const [{ Room }, { collect }, { renderer }] = await Promise.all([
      import('./room'),
      import('./collect'),
      import('./predict')
    ]);
    const { app, book, rendermime, trans } = this.parts;
    const read = async (): Promise<Collected> => {
      await book.ready;
      return collect(app.serviceManager.contents, folder);
    };
    return new Room(folder, read, () => book.index.chapters, renderer(rendermime), trans);
  }

  private async restore(): Promise<void> {
    const kept = await this.parts.state?.fetch(KEY).catch(() => undefined);
    const { guesses, name } = (kept ?? {}) as {
      guesses?: unknown;
      name?: unknown;
    };
    this.guesses = readGuesses(guesses);
    this.name = typeof name === 'string' ? name : '';
  }

  private async keep(): Promise<void> {
    const { state, trans } = this.parts;
    try {
      await state?.save(KEY, { name: this.name, guesses: { ...this.guesses } });
    } catch (reason) {
      const words = trans.__(
        'Your prediction is here until this page is closed, but was not kept: %1. Hand it in before.',
        String(reason)
      );
      Notification.warning(words, { autoClose: false });
    }
  }
}
