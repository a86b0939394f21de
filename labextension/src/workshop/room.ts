import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import { h } from '../book/dom';
import type { Chapter } from '../book/token';
import type { Collected } from './collect';
import type { Render } from './predict';
import { newest, tally, type Tally } from './tally';

/** What the room predicted: a histogram a chapter. */
export class Room extends Widget {
  private readonly place = h('div', { class: 'rg-room-tallies' });
  private readonly told = h('p', { class: 'rg-room-told', role: 'status' });

  constructor(
    readonly folder: string,
    private readonly read: () => Promise<Collected>,
    private readonly chapters: () => readonly Chapter[],
    private readonly render: Render,
    private readonly trans: TranslationBundle
  ) {
    super();
    this.addClass('rg-room');
    const again = h(
      'button',
      {
        type: 'button',
        class: 'jp-mod-styled',
        click: () => void this.refresh()
      },
      trans.__('Read again')
    );
    const title = h('h2', {}, trans.__('What the room predicted'));
    this.node.append(h('header', {}, title, again), this.told, this.place);
    void this.refresh();
  }

  async refresh(): Promise<void> {
    const { trans } = this;
    try {
      const { sheets, unread } = await this.read();
      const students = newest(sheets);
      const tallies = tally(students, this.chapters());
      this.place.replaceChildren(...tallies.map(each => this.histogram(each)));
      const count = trans._n('%1 student', '%1 students', students.length);
      const from = trans.__('%1, from the files in %2.', count, this.folder || '/');
      const not = unread.length > 0 ? trans.__('Not read: %1.', unread.join(', ')) : '';
      this.told.textContent =
        students.length > 0
          ? `${from} ${not}`.trim()
          : `${trans.__('No predictions lie in %1. Students hand them in by the command of that name.', this.folder || '/')} ${not}`.trim();
    } catch (reason) {
      this.told.textContent = trans.__(
        'The folder %1 was not read: %2. Choose one that is there.',
        this.folder || '/',
        String(reason)
      );
    }
  }

  private histogram({ title, question, bars, answers }: Tally): HTMLElement {
    const rows = bars.map(({ label, count }) => {
      const share = Math.round((100 * count) / answers);
      const bar = h('span', { class: 'rg-room-bar', 'aria-hidden': 'true' });
      bar.style.width = `${(100 * count) / answers}%`;
      const number = this.trans.__('%1 (%2 %)', count, share);
      return h(
        'tr',
        {},
        h('th', { scope: 'row' }, this.render(label)),
        h('td', {}, h('span', { class: 'rg-room-track' }, bar)),
        h('td', { class: 'rg-room-count' }, number)
      );
    });
    const table = h('table', {}, h('tbody', {}, ...rows));
    return h('section', {}, h('h3', {}, title), this.render(question.text), table);
  }
}
