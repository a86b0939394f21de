import { Token, type ReadonlyPartialJSONValue } from '@lumino/coreutils';

/** What a reader has done, kept in the workspace from one visit to the next. */
export interface IWorkspace {
  fetch(id: string): Promise<unknown>;
  /** Rejects, some seconds later, where the server does not take the workspace. */
  save(id: string, value: ReadonlyPartialJSONValue): Promise<void>;
}

export const IWorkspace = new Token<IWorkspace>(
  '@rgwidgets/lab:IWorkspace',
  'Keeps what a reader has done in the workspace, and says if it cannot.'
);
