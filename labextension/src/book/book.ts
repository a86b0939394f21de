import { Signal } from '@lumino/signaling';

import type { IWorkspace } from '../workspace';
import { readIds } from './progress';
import type { Chapter, Hidden, IBook, Index } from './token';

/** What opens chapters. */
export interface Desk {
  open(chapter: Chapter): Promise<void>;
  reset(chapter: Chapter): Promise<void>;
  begun(chapters: readonly Chapter[]): Promise<ReadonlySet<string>>;
}

export interface Parts {
  load(): Promise<Index>;
  desk(): Promise<Desk>;
  state: IWorkspace | null;
  /** Told once when something cannot be kept. */
  unkept(reason: unknown): void;
}

const VIEW = '@rgwidgets/lab:book';
const PASSED = '@rgwidgets/lab:book-passed';

export class Book implements IBook {
  readonly changed: Signal<IBook, void> = new Signal<IBook, void>(this);
  readonly ready: Promise<void>;
  index: Index = { title: '', tracks: [], parts: [], chapters: [] };
  passed: ReadonlySet<string> = new Set();
  begun: ReadonlySet<string> = new Set();
  lock: string | null = null;
  hidden: ReadonlySet<Hidden> = new Set();
  search = '';
  /** Slugs of the chapters whose objectives are shown. */
  unfolded: ReadonlySet<string> = new Set();
  /** The notebook whose kernel has no rgwidgets, or null. */
  lacking: string | null = null;
  private chosen: string | null = null;
  private told = false;
  private warned = false;

  constructor(private readonly parts: Parts) {
    this.ready = this.restore();
  }

  get track(): string | null {
    return this.named(this.lock) ?? this.chosen;
  }

  setTrack(id: string | null): void {
    this.chosen = this.named(id);
    this.keepView();
  }

  setLock(id: string | null): void {
    this.lock = id;
    this.tell();
  }

  hide(what: Iterable<Hidden>): void {
    this.hidden = new Set(what);
    this.tell();
  }

  setSearch(words: string): void {
    this.search = words;
    this.keepView();
  }

  setUnfolded(slug: string, unfolded: boolean): void {
    const rest = [...this.unfolded].filter(other => other !== slug);
    this.unfolded = new Set(unfolded ? [...rest, slug] : rest);
    this.keepView();
  }

  setLacking(notebook: string | null): void {
    if (notebook !== this.lacking) {
      this.lacking = notebook;
      this.tell();
    }
  }

  chapters(): readonly Chapter[] {
    const { track, hidden } = this;
    return this.index.chapters.filter(
      chapter =>
        (track === null || chapter.tracks.includes(track)) &&
        (chapter.written || !hidden.has('planned')) &&
        !hidden.has(`part:${chapter.part}`)
    );
  }

  /** Mark exercises as passed, which they stay; how many of the ids are those of an exercise. */
  async pass(ids: readonly string[]): Promise<number> {
    await this.ready;
    const known = new Set(this.index.chapters.flatMap(chapter => chapter.exercises));
    const mine = ids.filter(id => known.has(id));
    if (mine.some(id => !this.passed.has(id))) {
      const all = new Set([...this.passed, ...mine]);
      this.keepPassed(new Set([...known].filter(id => all.has(id))));
    }
    return mine.length;
  }

  forget(): void {
    this.keepPassed(new Set());
  }

  async open(slug: string): Promise<void> {
    await (await this.parts.desk()).open(await this.chapter(slug));
    await this.look();
  }

  async reset(slug: string): Promise<void> {
    await (await this.parts.desk()).reset(await this.chapter(slug));
    await this.look();
  }

  /** Look which copies are there; what cannot be listed stays as it was last seen. */
  async look(): Promise<void> {
    try {
      await this.ready;
      const desk = await this.parts.desk();
      this.begun = await desk.begun(this.index.chapters);
      this.tell();
    } catch (reason) {
      console.warn('rgwidgets: the copies of chapters were not listed.', reason);
    }
  }

  /** The id of a track that there is, or null. */
  private named(id: unknown): string | null {
    return this.index.tracks.find(track => track.id === id)?.id ?? null;
  }

  private async chapter(slug: string): Promise<Chapter> {
    await this.ready;
    const found = this.index.chapters.find(chapter => chapter.slug === slug);
    if (!found?.written) {
      throw new Error(`no chapter "${slug}" is written`);
    }
    return found;
  }

  private async restore(): Promise<void> {
    const fetch = async (id: string): Promise<unknown> =>
      this.parts.state?.fetch(id).catch(() => undefined);
    const [index, view, passed] = await Promise.all([
      this.parts.load(),
      fetch(VIEW),
      fetch(PASSED)
    ]);
    this.index = index;
    const { track, search, unfolded } = (view ?? {}) as { [key: string]: unknown };
    this.chosen = this.named(track);
    this.search = typeof search === 'string' ? search : '';
    this.unfolded = new Set(readIds(unfolded));
    this.passed = new Set(readIds(passed));
    this.tell();
  }

  private keepView(): void {
    const { chosen: track, search } = this;
    this.keep(VIEW, { track, search, unfolded: [...this.unfolded] });
  }

  private keepPassed(passed: ReadonlySet<string>): void {
    this.passed = passed;
    this.keep(PASSED, [...passed]);
  }

  private keep(id: string, value: Parameters<IWorkspace['save']>[1]): void {
    this.parts.state?.save(id, value).catch(reason => {
      if (!this.warned) {
        this.warned = true;
        this.parts.unkept(reason);
      }
    });
    this.tell();
  }

  /** One word a task, however much changed in it. */
  private tell(): void {
    if (!this.told) {
      this.told = true;
      queueMicrotask(() => {
        this.told = false;
        this.changed.emit();
      });
    }
  }
}
