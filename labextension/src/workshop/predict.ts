import { Dialog, showDialog } from '@jupyterlab/apputils';
import { MimeModel, type IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import { h } from '../book/dom';
import type { Chapter, Question } from '../book/token';
import { number } from './guesses';

/** Markdown with formulas, as the page's own notebooks show it. */
export type Render = (text: string) => HTMLElement;

export function renderer(registry: IRenderMimeRegistry | null): Render {
  return text => {
    if (registry === null) {
      return h('p', {}, text);
    }
    const made = registry.createRenderer('text/markdown');
    void made.renderModel(new MimeModel({ data: { 'text/markdown': text }, trusted: false }));
    return made.node;
  };
}

/** Ask before the dial is turned; the guess, or null if nobody guessed. */
export async function predict(
  { title, question }: Chapter,
  before: string | undefined,
  render: Render,
  trans: TranslationBundle
): Promise<string | null> {
  const body = new Form(question!, before, render, trans);
  const { button, value } = await showDialog({
    title: trans.__('Your prediction: %1', title),
    body,
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: trans.__('Keep it') })
    ]
  });
  return button.accept ? (value ?? null) : null;
}

class Form extends Widget implements Dialog.IBodyWidget<string | null> {
  constructor(
    private readonly question: Question,
    before: string | undefined,
    render: Render,
    trans: TranslationBundle
  ) {
    super();
    this.addClass('rg-predict');
    const { choices, text, unit } = question;
    const asked = choices.map((choice, index) => {
      const value = String(index);
      const input = h('input', { type: 'radio', name: 'rg-predict', value });
      input.checked = before === value;
      return h('label', {}, input, render(choice));
    });
    if (choices.length === 0) {
      const label = trans.__('Your number');
      const input = h('input', {
        type: 'text',
        inputmode: 'decimal',
        'aria-label': label
      });
      input.value = before ?? '';
      asked.push(h('label', {}, input, unit));
    }
    const legend = h('legend', {}, render(text));
    this.node.append(h('fieldset', {}, legend, ...asked));
  }

  /** Null where nothing was chosen, or no number typed. */
  getValue(): string | null {
    const { node, question } = this;
    if (question.choices.length > 0) {
      return node.querySelector<HTMLInputElement>('input:checked')?.value ?? null;
    }
    const typed = node.querySelector('input')!.value;
    return number(typed) === null ? null : typed.trim();
  }
}
