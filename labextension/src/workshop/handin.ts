import { InputDialog, Notification, showErrorMessage } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import type { Contents } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';

import { fileName, toFile, type Guesses } from './guesses';

export interface Desk {
  readonly contents: Contents.IManager;
  readonly trans: TranslationBundle;
  /** Where sheets are collected on the server; "" where each student takes a file. */
  readonly folder: string;
}

/** Give the guesses away under a name; the name, or null if the student changed their mind. */
export async function handIn(
  guesses: Guesses,
  before: string,
  { contents, trans, folder }: Desk
): Promise<string | null> {
  const { button, value } = await InputDialog.getText({
    title: trans.__('Hand in your predictions'),
    label: trans.__('Your name, or any name that is yours alone'),
    text: before,
    okLabel: trans.__('Hand in')
  });
  const name = value?.trim() ?? '';
  if (!button.accept || name === '') {
    return null;
  }
  const [file, text] = [fileName(name), toFile({ name, guesses })];
  if (folder === '') {
    download(file, text);
    return name;
  }
  try {
    const path = PathExt.join(folder, file);
    await contents.save(path, { type: 'file', format: 'text', content: text });
    Notification.success(trans.__('Your predictions lie in %1.', path), {
      autoClose: 5000
    });
    return name;
  } catch (reason) {
    await showErrorMessage(
      trans.__('Your predictions were not handed in'),
      trans.__('%1. Ask for a folder that you can write to; nothing is lost.', String(reason))
    );
    return null;
  }
}

function download(name: string, text: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href));
}
