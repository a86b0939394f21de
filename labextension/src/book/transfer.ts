import { Dialog, Notification, showDialog, showErrorMessage } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Book } from './book';
import { fromFile, toFile } from './progress';

const NAME = 'rgwidgets-progress.json';

/** Give the reader their progress as a file. */
export function exportProgress(book: Book): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([toFile(book.passed)], { type: 'application/json' }));
  link.download = NAME;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href));
}

/** Add the progress of a file that the reader chooses. */
export async function importProgress(book: Book, trans: TranslationBundle): Promise<void> {
  const file = await choose();
  if (file === null) {
    return;
  }
  const ids = fromFile(await file.text().catch(() => ''));
  if (ids === null) {
    await showErrorMessage(
      trans.__('No progress was read'),
      trans.__('"%1" is not a file of progress. Choose one that was exported here.', file.name)
    );
    return;
  }
  const many = await book.pass(ids);
  Notification.success(
    trans._n('%1 exercise was read as passed.', '%1 exercises were read as passed.', many),
    { autoClose: 5000 }
  );
}

/** Forget it, after asking. */
export async function forgetProgress(book: Book, trans: TranslationBundle): Promise<void> {
  const { button } = await showDialog({
    title: trans.__('Forget your progress?'),
    body: trans.__(
      'Notebooks stay as they are; what was answered rightly in one counts again when it is next opened. Export your progress first to keep it.'
    ),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label: trans.__('Forget') })
    ]
  });
  if (button.accept) {
    book.forget();
  }
}

function choose(): Promise<File | null> {
  return new Promise(resolve => {
    const input = document.createElement('input');
    input.type = 'file';
    input.accept = '.json,application/json';
    input.addEventListener('change', () => resolve(input.files?.[0] ?? null));
    input.addEventListener('cancel', () => resolve(null));
    input.click();
  });
}
