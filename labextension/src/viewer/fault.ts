import type { TranslationBundle } from '@jupyterlab/translation';

/** Words in the reader's language. */
export type Words = Pick<TranslationBundle, '__'>;

/** Why a record is not shown, and how to mend it. */
export class RecordFault extends Error {
  constructor(
    message: string,
    readonly mend: string
  ) {
    super(message);
    this.name = 'RecordFault';
  }
}
