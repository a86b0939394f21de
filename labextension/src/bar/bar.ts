import type { TranslationBundle } from '@jupyterlab/translation';
import { caretDownIcon, linkIcon, runIcon, stopIcon, type LabIcon } from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import type { Message } from '@lumino/messaging';
import { Menu, Widget } from '@lumino/widgets';

import type { Link } from './link';

const PACE_MS = 700;
const TOGGLE = 'toggle';

/** One dial in a toolbar, for the lenses that are linked. */
export class ScaleBar extends Widget {
  private readonly dial = document.createElement('input');
  private readonly reading = document.createElement('output');
  private readonly scales = document.createElement('select');
  private readonly playing: HTMLButtonElement;
  private readonly links: HTMLButtonElement;
  private readonly menu: Menu;
  private timer = 0;

  /** `changed` is called when a lens has been linked or unlinked. */
  constructor(
    private readonly link: Link,
    private readonly trans: TranslationBundle,
    private readonly changed: () => void
  ) {
    super();
    this.addClass('rg-bar');
    this.playing = button(() => this.play());
    this.links = button(() => this.list());
    this.dial.type = 'range';
    this.dial.min = '0';
    this.dial.setAttribute('aria-label', trans.__('Scale of the linked lenses'));
    // JupyterLab takes the arrow keys unless the focused element itself says so.
    this.dial.dataset.lmSuppressShortcuts = 'true';
    this.scales.setAttribute('aria-label', trans.__('Which scale the dial turns'));
    this.node.append(this.playing, this.scales, this.dial, this.reading, this.links);
    this.menu = this.makeMenu();
    linkIcon.element({ container: this.links, title: '' });
    this.links.append(caretDownIcon.element({ tag: 'span' }));
    this.links.title = trans.__('Which lenses the dial turns');
    this.links.setAttribute('aria-label', this.links.title);
    this.links.setAttribute('aria-haspopup', 'menu');
    this.listen();
    this.pause();
    this.update();
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this.pause();
      this.menu.dispose();
      super.dispose();
    }
  }

  /** One step towards the coarse (1) or the fine (−1). */
  step(by: number): void {
    const { group } = this.link;
    const at = this.link.index();
    if (group !== null && at !== null) {
      this.turn(Math.min(group.cutoffs.length - 1, Math.max(0, at + by)), true);
    }
  }

  /** Runs from here to the coarsest scale, from the finest if it stands at the end; or stops. */
  play(): void {
    if (this.timer) {
      this.pause();
      return;
    }
    if (this.link.index() === Number(this.dial.max)) {
      this.turn(0, true);
    }
    this.face(stopIcon, this.trans.__('Stop running through the scales'), true);
    this.timer = window.setInterval(() => {
      this.step(1);
      if (this.link.index() === null || this.link.index() === Number(this.dial.max)) {
        this.pause();
      }
    }, PACE_MS);
  }

  /** Shows what the link says now, at once: a dial that lags is no dial. */
  refresh(): void {
    const { group, scales } = this.link;
    this.setHidden(group === null);
    if (group === null) {
      this.pause();
      return;
    }
    this.choices(scales.map(({ key }) => key), group.key);
    const at = this.link.index();
    this.dial.max = String(group.cutoffs.length - 1);
    this.dial.disabled = at === null;
    this.playing.disabled = at === null || group.cutoffs.length < 2;
    if (at !== null) {
      this.dial.value = String(at);
    }
    const sign = group.symbol || group.name;
    const words = at === null ? this.trans.__('none linked') : group.labels[at]!;
    this.reading.textContent = at === null ? words : `${sign} = ${words} ${group.unit}`.trim();
    this.dial.setAttribute('aria-valuetext', `${group.name} ${words} ${group.unit}`.trim());
    this.dial.title = this.trans.__('%1, from finest to coarsest, of every linked lens', group.name);
    const members = this.link.members();
    const linked = members.filter(member => member.linked).length;
    this.links.dataset.linked = `${linked}/${members.length}`;
  }

  protected override onUpdateRequest(_: Message): void {
    this.refresh();
  }

  private listen(): void {
    this.dial.addEventListener('input', () => {
      this.pause();
      this.turn(Number(this.dial.value), false);
    });
    // The toolbar goes from item to item by the keys that turn a dial.
    this.dial.addEventListener('keydown', event => {
      if (event.key !== 'Tab' && event.key !== 'Escape') {
        event.stopPropagation();
      }
    });
    this.dial.addEventListener('change', () => this.turn(Number(this.dial.value), true));
    this.scales.addEventListener('change', () => {
      this.pause();
      this.link.choose(this.scales.value);
      this.refresh();
    });
  }

  private turn(index: number, settled: boolean): void {
    this.link.turn(index, settled);
    this.refresh();
  }

  private pause(): void {
    window.clearInterval(this.timer);
    this.timer = 0;
    this.face(runIcon, this.trans.__('Run through the scales'), false);
  }

  private face(icon: LabIcon, words: string, pressed: boolean): void {
    this.playing.replaceChildren();
    icon.element({ container: this.playing, title: '' });
    this.playing.title = words;
    this.playing.setAttribute('aria-label', words);
    this.playing.setAttribute('aria-pressed', String(pressed));
  }

  private choices(keys: string[], chosen: string): void {
    this.scales.hidden = keys.length < 2;
    const now = [...this.scales.options].map(option => option.value);
    if (now.join('\n') !== keys.join('\n')) {
      this.scales.replaceChildren(...keys.map(key => new Option(key.replace(/ \/ $/, ''), key)));
    }
    this.scales.value = chosen;
  }

  private makeMenu(): Menu {
    const commands = new CommandRegistry();
    const name = (args: Record<string, unknown>): string => String(args['name']);
    const member = (args: Record<string, unknown>): boolean =>
      this.link.members().some(each => each.name === name(args) && each.linked);
    commands.addCommand(TOGGLE, {
      label: name,
      isToggled: member,
      execute: args => {
        this.link.toggle(name(args));
        this.refresh();
        this.changed();
      }
    });
    return new Menu({ commands });
  }

  private list(): void {
    this.menu.clearItems();
    for (const { name } of this.link.members()) {
      this.menu.addItem({ command: TOGGLE, args: { name } });
    }
    const { left, bottom } = this.links.getBoundingClientRect();
    this.menu.open(left, bottom);
  }
}

function button(act: () => void): HTMLButtonElement {
  const made = document.createElement('button');
  made.type = 'button';
  made.addEventListener('click', act);
  return made;
}
