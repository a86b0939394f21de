/** The part of a server's contents API that a new notebook needs. */
export interface Contents {
  newUntitled(options: { path: string; type: 'notebook' }): Promise<{ path: string }>;
  save(
    path: string,
    model: { type: 'notebook'; format: 'json'; content: unknown }
  ): Promise<unknown>;
  delete(path: string): Promise<void>;
}

/**
 * Write `starter` as a new notebook in `folder` and return its path.
 *
 * A save that fails takes the empty file with it, so nothing half-written stays behind.
 */
export async function createNotebook(
  contents: Contents,
  folder: string,
  starter: unknown
): Promise<string> {
  const { path } = await contents.newUntitled({ path: folder, type: 'notebook' });
  try {
    await contents.save(path, { type: 'notebook', format: 'json', content: starter });
  } catch (reason) {
    await contents.delete(path).catch(() => undefined);
    throw reason;
  }
  return path;
}
