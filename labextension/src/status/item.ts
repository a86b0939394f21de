import type { TranslationBundle } from '@jupyterlab/translation';
import {
  checkIcon,
  errorIcon,
  historyIcon,
  notTrustedIcon,
  offlineBoltIcon,
  saveIcon,
  stopIcon,
  type LabIcon
} from '@jupyterlab/ui-components';
import { Widget } from '@lumino/widgets';

import { fault, type Summary, type Word } from './summary';

const ICONS: Record<Word, LabIcon> = {
  saved: saveIcon,
  ready: checkIcon,
  live: offlineBoltIcon,
  computing: historyIcon,
  waiting: historyIcon,
  failed: errorIcon,
  lost: notTrustedIcon
};

/** What each state is called. */
export function words(trans: TranslationBundle): Record<Word, string> {
  return {
    saved: trans.__('Saved'),
    ready: trans.__('Ready'),
    live: trans.__('Live'),
    computing: trans.__('Computing'),
    waiting: trans.__('Waiting'),
    failed: trans.__('Failed'),
    lost: trans.__('No kernel')
  };
}

export interface Actions {
  stop(): void;
  /** Asked for by a click on what is said. */
  explain(): void;
}

/** The line in the status bar: a word, what is known, and a button while something runs. */
export class StatusItem extends Widget {
  private readonly icon = document.createElement('span');
  private readonly word = document.createElement('span');
  private readonly details = document.createElement('span');
  private readonly main = document.createElement('button');
  private readonly stop = document.createElement('button');
  private readonly words: Record<Word, string>;
  private shown: Word | null = null;

  constructor(
    private readonly trans: TranslationBundle,
    actions: Actions
  ) {
    super();
    this.words = words(trans);
    this.addClass('rg-status-item');
    this.node.setAttribute('role', 'group');
    this.node.setAttribute('aria-label', trans.__('Lenses of this document'));
    this.word.setAttribute('role', 'status');
    this.details.className = 'rg-status-details';
    this.icon.className = 'rg-status-icon';
    this.main.className = 'rg-status-main';
    this.stop.className = 'rg-status-stop';
    this.main.type = this.stop.type = 'button';
    this.main.addEventListener('click', () => actions.explain());
    this.stop.addEventListener('click', () => actions.stop());
    this.stop.title = trans.__('Stop the computation; what there is so far is kept');
    stopIcon.element({ container: this.stop, height: '14px', width: '14px' });
    this.stop.append(trans.__('Stop'));
    this.main.append(this.icon, this.word, this.details);
    this.node.append(this.main, this.stop);
  }

  present(summary: Summary): void {
    const { word, tone, details, lead, running } = summary;
    if (word !== this.shown) {
      this.shown = word;
      this.icon.replaceChildren();
      ICONS[word].element({ container: this.icon, height: '14px', width: '14px' });
      this.word.textContent = this.words[word];
    }
    this.node.dataset['tone'] = tone;
    this.node.dataset['word'] = word;
    this.details.textContent = details.join(' · ');
    this.main.title = this.tooltip(summary, lead.title());
    this.stop.hidden = running.length === 0;
  }

  private tooltip({ word, lead }: Summary, title: string): string {
    const status = lead.status();
    const failed = word === 'failed' ? fault(status) : [];
    const lost = word === 'lost' ? [this.trans.__('Run the cell again to bring it back.')] : [];
    return [title, status.label, ...failed, ...lost, status.device].filter(Boolean).join('\n');
  }
}
