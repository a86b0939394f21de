import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import { sentence, type Card, type Catalogue, type Choice, type Kind } from './choices';

/** Two choices, what they are, and the cell that they make. */
export class Form extends Widget {
  private readonly what = document.createElement('select');
  private readonly scheme = document.createElement('select');
  private readonly schemeRow: HTMLElement;
  private readonly about = document.createElement('div');
  private readonly aboutScheme = document.createElement('div');
  private readonly code = document.createElement('pre');

  constructor(
    catalogue: Catalogue,
    private readonly choice: Choice,
    private readonly trans: TranslationBundle
  ) {
    super();
    this.addClass('rg-insert');
    const groups: Record<Kind, string> = {
      labs: trans.__('Ready-made labs'),
      systems: trans.__('Systems'),
      toys: trans.__('Toy models with known levels')
    };
    for (const [kind, label] of Object.entries(groups)) {
      const group = document.createElement('optgroup');
      group.label = label;
      group.append(...catalogue[kind as Kind].map(({ name }) => option(name, `${kind}:${name}`)));
      this.what.append(group);
    }
    this.schemeRow = row(trans.__('Scheme'), this.scheme, this.aboutScheme);
    this.code.className = 'rg-insert-code';
    this.code.tabIndex = 0;
    this.code.setAttribute('aria-label', trans.__('The code of the new cell'));
    this.about.className = this.aboutScheme.className = 'rg-insert-about';
    this.about.setAttribute('aria-live', 'polite');
    this.aboutScheme.setAttribute('aria-live', 'polite');
    this.node.append(row(trans.__('System'), this.what, this.about), this.schemeRow, this.code);
    this.what.addEventListener('change', () => this.chosen());
    this.scheme.addEventListener('change', () => {
      choice.chooseScheme(this.scheme.value);
      this.present();
    });
    this.offer();
  }

  private chosen(): void {
    const [kind, name] = this.what.value.split(':') as [Kind, string];
    this.choice.choose(kind, name);
    this.offer();
  }

  private offer(): void {
    const { schemes } = this.choice;
    this.scheme.replaceChildren(...schemes.map(({ name }) => option(name, name)));
    this.schemeRow.hidden = schemes.length === 0;
    this.present();
  }

  private present(): void {
    const { what, scheme, code } = this.choice;
    describe(this.about, what, this.trans);
    if (scheme) {
      this.scheme.value = scheme.name;
      describe(this.aboutScheme, scheme, this.trans);
    }
    this.code.textContent = code;
  }
}

function describe(place: HTMLElement, card: Card, trans: TranslationBundle): void {
  const summary = document.createElement('p');
  summary.textContent = sentence(card.summary);
  place.replaceChildren(summary);
  if (card.citation) {
    const source = document.createElement('p');
    source.className = 'rg-insert-source';
    source.textContent = trans.__('Source: %1', card.citation);
    place.append(source);
  }
}

function option(text: string, value: string): HTMLOptionElement {
  const made = document.createElement('option');
  made.textContent = text;
  made.value = value;
  return made;
}

function row(label: string, select: HTMLSelectElement, about: HTMLElement): HTMLElement {
  const made = document.createElement('div');
  const name = document.createElement('label');
  const words = document.createElement('span');
  words.textContent = label;
  // JupyterLab styles a select by the box around it.
  const box = document.createElement('div');
  box.className = 'jp-select-wrapper';
  select.className = 'jp-mod-styled';
  box.append(select);
  name.append(words, box);
  made.className = 'rg-insert-row';
  made.append(name, about);
  return made;
}
