import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import type { Handle } from '../lenses/token';
import { words } from './item';
import { fault, type Summary } from './summary';

export interface Mend {
  label: string;
  act(): void;
}

/** Everything that is known of the lenses, and the way on where one failed. */
export async function explain(
  summary: Summary,
  handles: readonly Handle[],
  trans: TranslationBundle,
  mend: Mend | null
): Promise<void> {
  const buttons = [Dialog.cancelButton({ label: trans.__('Close') })];
  if (mend) {
    buttons.push(Dialog.okButton({ label: mend.label }));
  }
  const named = handles.length === 1 ? [summary.lead] : [...handles];
  const title = trans.__('Lenses: %1', words(trans)[summary.word].toLocaleLowerCase());
  const result = await showDialog({ title, body: new Told(named, trans), buttons });
  if (result.button.accept) {
    mend?.act();
  }
}

class Told extends Widget {
  constructor(handles: readonly Handle[], trans: TranslationBundle) {
    super();
    this.addClass('rg-status-told');
    this.node.append(...handles.map(handle => told(handle, trans)));
  }
}

function told(handle: Handle, trans: TranslationBundle): HTMLElement {
  const status = handle.status();
  const { state, device, memory, throughput, label } = status;
  const part = element('section', '');
  part.append(element('h3', handle.title() || trans.__('A lens without a title')));
  if (state === 'error') {
    const [message = '', ...mend] = fault(status);
    part.append(element('p', message, 'rg-status-fault'));
    part.append(...mend.map(words => element('p', words)));
  } else if (state === 'lost') {
    const gone = trans.__('The kernel of this lens is gone.');
    part.append(
      element('p', gone, 'rg-status-fault'),
      element('p', trans.__('Scales that are already here still work. Run the cell again.'))
    );
  } else if (label) {
    part.append(element('p', label));
  }
  const list = element('dl', '');
  for (const [name, value] of [
    [trans.__('Device'), device],
    [trans.__('Memory'), memory],
    [trans.__('Throughput'), throughput]
  ] as const) {
    if (value) {
      list.append(element('dt', name), element('dd', value));
    }
  }
  part.append(list);
  return part;
}

function element(tag: string, text: string, className = ''): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = className;
  return made;
}
