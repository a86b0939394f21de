import type { TranslationBundle } from '@jupyterlab/translation';

import type { Book } from './book';
import { chapterRow, type Act } from './chapter';
import { h, refill } from './dom';
import { passedOf } from './progress';
import { find, type Found } from './search';

/** The contents of the panel. */
export class View {
  private readonly track: HTMLSelectElement;
  private readonly audience = h('p', { class: 'rg-book-audience', id: 'rg-book-audience' });
  private readonly search: HTMLInputElement;
  private readonly notice = h('div', { class: 'rg-book-notice', role: 'status' });
  private readonly total = h('p', { class: 'rg-book-total' });
  private readonly list = h('div', { class: 'rg-book-list' });
  private readonly foot: HTMLElement;

  constructor(
    place: HTMLElement,
    private readonly book: Book,
    private readonly trans: TranslationBundle,
    private readonly act: Act
  ) {
    this.track = h('select', {
      class: 'rg-book-track',
      'aria-label': trans.__('Track'),
      'aria-describedby': 'rg-book-audience',
      change: () => book.setTrack(this.track.value || null)
    });
    this.search = h('input', {
      type: 'search',
      class: 'rg-book-search',
      placeholder: trans.__('Search by concept or title'),
      'aria-label': trans.__('Search the book'),
      input: () => book.setSearch(this.search.value)
    });
    this.search.value = book.search;
    this.foot = this.footer();
    const title = h('h2', { class: 'rg-book-heading' }, book.index.title);
    const head = h('div', { class: 'rg-book-head' }, title, this.track, this.audience, this.search);
    place.replaceChildren(head, this.notice, this.list, this.foot);
    book.changed.connect(() => this.update());
    this.update();
  }

  private update(): void {
    const { book, trans } = this;
    this.updateTrack();
    this.search.hidden = book.hidden.has('search');
    this.foot.hidden = book.hidden.has('progress');
    const lacking = book.lacking === null ? [] : this.howToInstall(book.lacking);
    this.notice.hidden = lacking.length === 0;
    if (this.notice.dataset['of'] !== (book.lacking ?? '')) {
      this.notice.dataset['of'] = book.lacking ?? '';
      this.notice.replaceChildren(...lacking);
    }
    const chapters = book.chapters();
    const done = chapters.reduce((sum, chapter) => sum + passedOf(chapter, book.passed), 0);
    const all = chapters.reduce((sum, chapter) => sum + chapter.exercises.length, 0);
    this.total.textContent = trans.__('%1 of %2 exercises passed', done, all);
    const search = this.search.hidden ? '' : book.search;
    const found = find(chapters, search);
    refill(this.list, ...(found.length > 0 ? this.parts(found) : [this.nothing(search)]));
  }

  private updateTrack(): void {
    const { book, trans, track } = this;
    const tracks = [{ id: '', title: trans.__('All chapters') }, ...book.index.tracks];
    if (track.options.length !== tracks.length) {
      const options = tracks.map(({ id, title }) => h('option', { value: id }, title));
      track.replaceChildren(...options);
    }
    track.value = book.track ?? '';
    track.disabled = book.lock !== null;
    track.title = track.disabled ? trans.__('Set for this lesson') : '';
    const shown = book.index.tracks.find(({ id }) => id === book.track);
    this.audience.textContent = shown?.audience ?? '';
    this.audience.hidden = shown === undefined;
  }

  private parts(found: readonly Found[]): Node[] {
    const { book, trans, act } = this;
    const searched = book.search.trim() !== '' && !this.search.hidden;
    return book.index.parts.flatMap(part => {
      const mine = found.filter(({ chapter }) => chapter.part === part);
      if (mine.length === 0) {
        return [];
      }
      const rows = mine.map(({ chapter, why }) =>
        chapterRow(book, trans, act, chapter, searched ? why : '')
      );
      const list = h('ol', { class: 'rg-book-chapters', role: 'list' }, ...rows);
      return [h('section', { 'aria-label': part }, h('h3', {}, part), list)];
    });
  }

  private nothing(search: string): Node {
    const { book, trans } = this;
    const said = h('p', {}, trans.__('No chapter here is about "%1".', search));
    const place = h('div', { class: 'rg-book-nothing' }, said);
    const more = find(book.index.chapters, search).length;
    if (more > 0 && book.track !== null && book.lock === null) {
      const label = trans._n('Show %1 in all chapters', 'Show %1 in all chapters', more);
      const click = (): void => {
        book.setTrack(null);
        this.search.focus();
      };
      place.append(h('button', { class: 'rg-book-button', type: 'button', click }, label));
    }
    return place;
  }

  private howToInstall(notebook: string): Node[] {
    const { trans } = this;
    return [
      h('strong', {}, trans.__('The kernel of "%1" has no rgwidgets.', notebook)),
      h('p', {}, trans.__('Run this in one of its cells, then restart the kernel:')),
      h('code', {}, '%pip install rgwidgets'),
      h('p', {}, trans.__('In a terminal of the same environment:')),
      h('code', {}, 'pip install rgwidgets')
    ];
  }

  private footer(): HTMLElement {
    const { trans, act } = this;
    const button = (label: string, caption: string, click: () => void): HTMLElement =>
      h('button', { class: 'rg-book-button', type: 'button', title: caption, click }, label);
    return h(
      'div',
      { class: 'rg-book-foot', role: 'group', 'aria-label': trans.__('Your progress') },
      this.total,
      button(trans.__('Export'), trans.__('Save your progress as a file'), act.export),
      button(trans.__('Import'), trans.__('Add the progress of a file'), act.import),
      button(trans.__('Forget'), trans.__('Forget your progress'), act.forget)
    );
  }
}
