import { PathExt } from '@jupyterlab/coreutils';
import type { Contents } from '@jupyterlab/services';

import { fromFile, type Sheet } from './guesses';

/** Sheets that are read at once: a room of students, with room to spare. */
const MOST_FILES = 500;
const LARGEST = 100_000;

export interface Collected {
  /** The oldest first. */
  readonly sheets: readonly Sheet[];
  /** Files whose names say that they are sheets, and that are none. */
  readonly unread: readonly string[];
}

/** Every sheet in a folder. Raises what the server says of a folder that cannot be read. */
export async function collect(
  contents: Pick<Contents.IManager, 'get'>,
  folder: string
): Promise<Collected> {
  const { content, type } = await contents.get(folder, {
    type: 'directory',
    content: true
  });
  if (type !== 'directory') {
    throw new Error(`${folder} is no folder`);
  }
  const files = (content as Contents.IModel[])
    .filter(({ name, type: kind }) => kind !== 'directory' && PathExt.extname(name) === '.json')
    .sort((a, b) => a.last_modified.localeCompare(b.last_modified))
    .slice(-MOST_FILES);
  const read = await Promise.all(files.map(file => sheet(contents, file)));
  const unread = files.filter(
    ({ name }, at) => read[at] === null && name.startsWith('predictions')
  );
  return {
    sheets: read.filter(each => each !== null),
    unread: unread.map(({ name }) => name)
  };
}

async function sheet(
  contents: Pick<Contents.IManager, 'get'>,
  { path, size }: Contents.IModel
): Promise<Sheet | null> {
  if ((size ?? 0) > LARGEST) {
    return null;
  }
  try {
    const { content } = await contents.get(path, {
      type: 'file',
      format: 'text',
      content: true
    });
    return typeof content === 'string' ? fromFile(content) : null;
  } catch {
    return null; // named among those that were not read
  }
}
