import { expect, test, vi } from 'vitest';

import { createNotebook, type Contents } from './notebook';

function server(save: Contents['save']): Contents & { files: Set<string> } {
  const files = new Set<string>();
  return {
    files,
    newUntitled: async ({ path }) => {
      const name = `${path}/Untitled.ipynb`;
      files.add(name);
      return { path: name };
    },
    save,
    delete: async path => void files.delete(path)
  };
}

test('a new notebook holds the starter and lies in the folder asked for', async () => {
  const save = vi.fn(async () => undefined);
  const starter = { cells: [] };
  const path = await createNotebook(server(save), 'work', starter);
  expect(path).toBe('work/Untitled.ipynb');
  expect(save).toHaveBeenCalledWith(path, { type: 'notebook', format: 'json', content: starter });
});

test('a save that fails leaves no empty file behind and says why', async () => {
  const contents = server(async () => {
    throw new Error('no space left on device');
  });
  await expect(createNotebook(contents, 'work', {})).rejects.toThrow('no space left');
  expect(contents.files.size).toBe(0);
});
