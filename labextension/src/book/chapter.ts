import type { TranslationBundle } from '@jupyterlab/translation';
import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';

import type { Book } from './book';
import { h } from './dom';
import { passedOf } from './progress';
import type { Chapter } from './token';

/** What the panel can have done. */
export interface Act {
  open(slug: string): void;
  reset(slug: string): void;
  /** Where somebody asks for predictions. */
  predict: ((slug: string) => void) | null;
  export(): void;
  import(): void;
  forget(): void;
}

/** A chapter in the list: one line, and below it, unfolded, what it is about. */
export function chapterRow(
  book: Book,
  trans: TranslationBundle,
  act: Act,
  chapter: Chapter,
  why: string
): HTMLElement {
  const found = why ? [h('p', { class: 'rg-book-why' }, why)] : [];
  if (!chapter.written) {
    const planned = h('span', { class: 'rg-book-fact' }, trans.__('planned'));
    const name = h('span', { class: 'rg-book-title' }, ...numbered(chapter));
    const row = h('div', { class: 'rg-book-row' }, name, planned);
    return h('li', { class: 'rg-book-chapter rg-mod-planned' }, row, ...found);
  }
  const unfolded = book.unfolded.has(chapter.slug);
  const row = h(
    'div',
    { class: 'rg-book-row' },
    fold(book, trans, chapter, unfolded),
    title(trans, act, book, chapter)
  );
  const small = h('p', { class: 'rg-book-facts' }, ...facts(book, trans, chapter));
  const below = unfolded ? [about(book, trans, act, chapter)] : [];
  return h('li', { class: 'rg-book-chapter' }, row, small, ...found, ...below);
}

function numbered(chapter: Chapter): HTMLElement[] {
  const number = h('span', { class: 'rg-book-number' }, String(chapter.number));
  return [number, h('span', {}, chapter.title)];
}

function fold(
  book: Book,
  trans: TranslationBundle,
  chapter: Chapter,
  unfolded: boolean
): HTMLElement {
  const icon = (unfolded ? caretDownIcon : caretRightIcon).element({ tag: 'span' });
  return h(
    'button',
    {
      type: 'button',
      class: 'rg-book-fold',
      'data-key': `fold-${chapter.slug}`,
      'aria-expanded': String(unfolded),
      'aria-controls': `rg-book-about-${chapter.slug}`,
      'aria-label': trans.__('About chapter %1', chapter.number),
      click: () => book.setUnfolded(chapter.slug, !unfolded)
    },
    icon
  );
}

function title(trans: TranslationBundle, act: Act, book: Book, chapter: Chapter): HTMLElement {
  const caption = book.begun.has(chapter.slug)
    ? trans.__('Open your copy')
    : trans.__('Open a fresh copy');
  const click = (): void => act.open(chapter.slug);
  const key = `title-${chapter.slug}`;
  return h(
    'button',
    { type: 'button', class: 'rg-book-title', 'data-key': key, title: caption, click },
    ...numbered(chapter)
  );
}

/** Minutes, and exercises passed. */
function facts(book: Book, trans: TranslationBundle, chapter: Chapter): HTMLElement[] {
  const pace = book.index.tracks.find(({ id }) => id === book.track)?.pace ?? 'read';
  const minutes = chapter.minutes[pace];
  const shown =
    minutes === null ? [] : [h('span', { class: 'rg-book-fact' }, trans.__('%1 min', minutes))];
  const all = chapter.exercises.length;
  if (all > 0 && !book.hidden.has('progress')) {
    const done = passedOf(chapter, book.passed);
    const state = done === all ? ' rg-mod-done' : '';
    const text = trans.__('%1 of %2', done, all);
    const title = trans.__('%1 of %2 exercises passed', done, all);
    shown.push(h('span', { class: `rg-book-fact rg-book-passed${state}`, title }, text));
  }
  return shown;
}

function about(book: Book, trans: TranslationBundle, act: Act, chapter: Chapter): HTMLElement {
  const place = h('div', { class: 'rg-book-about', id: `rg-book-about-${chapter.slug}` });
  place.append(h('p', { class: 'rg-book-asks' }, chapter.predict));
  const lists: [string, string[]][] = [
    [trans.__('Afterwards you can'), chapter.objectives],
    [trans.__('You need'), chapter.needs]
  ];
  for (const [heading, items] of lists.filter(([, texts]) => texts.length > 0)) {
    const list = h('ul', {}, ...items.map(text => h('li', {}, text)));
    place.append(h('h4', {}, heading), list);
  }
  if (chapter.exercises.length > 0 && !book.hidden.has('progress')) {
    place.append(h('h4', {}, trans.__('Exercises')), exercises(book, trans, chapter));
  }
  place.append(buttons(book, trans, act, chapter));
  return place;
}

function exercises(book: Book, trans: TranslationBundle, chapter: Chapter): HTMLElement {
  const items = chapter.exercises.map(id => {
    const done = book.passed.has(id);
    const text = done ? `✓ ${id}` : id;
    const label = done ? trans.__('%1, passed', id) : trans.__('%1, open', id);
    return h('li', { class: done ? 'rg-mod-done' : '', 'aria-label': label }, text);
  });
  return h('ul', { class: 'rg-book-exercises', role: 'list' }, ...items);
}

function buttons(book: Book, trans: TranslationBundle, act: Act, chapter: Chapter): HTMLElement {
  const { slug } = chapter;
  const begun = book.begun.has(slug);
  const open = h(
    'button',
    {
      type: 'button',
      class: 'rg-book-button rg-mod-main',
      'data-key': `open-${slug}`,
      click: () => act.open(slug)
    },
    begun ? trans.__('Continue') : trans.__('Open')
  );
  const place = h('div', { class: 'rg-book-buttons' }, open);
  if (chapter.question && act.predict) {
    const { predict } = act;
    const caption = trans.__('Guess what it will show, before you turn its dial');
    place.append(button(`predict-${slug}`, trans.__('Predict'), caption, () => predict(slug)));
  }
  if (begun && !book.hidden.has('reset')) {
    const caption = trans.__('Begin anew; your copy is kept beside the fresh one');
    place.append(button(`reset-${slug}`, trans.__('Reset'), caption, () => act.reset(slug)));
  }
  return place;
}

function button(key: string, words: string, title: string, click: () => void): HTMLElement {
  const attributes = { type: 'button', class: 'rg-book-button', 'data-key': key, title, click };
  return h('button', attributes, words);
}
