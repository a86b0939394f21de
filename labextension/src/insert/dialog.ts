import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import catalogue from './catalogue.json';
import { Choice } from './choices';
import { Form } from './form';

/** The code that was chosen; null if nothing was. */
export async function ask(trans: TranslationBundle): Promise<string | null> {
  const choice = new Choice(catalogue);
  const result = await showDialog({
    title: trans.__('New lens'),
    body: new Form(catalogue, choice, trans),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: trans.__('Insert cell') })
    ],
    focusNodeSelector: '.rg-insert select'
  });
  return result.button.accept ? choice.code : null;
}
