import { JSONExt, type ReadonlyPartialJSONValue } from '@lumino/coreutils';

import type { IWorkspace } from './token';

const PAUSE_MS = 2000;
const LOOKS = 5;

/** The page's own store, and the server's copy of it. */
export interface Places {
  readonly page: Pick<IWorkspace, 'fetch'> & {
    save(id: string, value: ReadonlyPartialJSONValue): Promise<unknown>;
  };
  /** What the server has of this workspace; null where nobody can look. */
  readonly server: (() => Promise<Readonly<Record<string, unknown>>>) | null;
}

/**
 * JupyterLab writes the page's store to the server when it has a moment, and keeps to itself what
 * the server answers. The first thing that is kept is therefore looked for there.
 */
export class Store implements IWorkspace {
  private seen: Promise<void> | null = null;

  constructor(
    private readonly places: Places,
    private readonly refused: () => Error
  ) {}

  fetch(id: string): Promise<unknown> {
    return this.places.page.fetch(id);
  }

  async save(id: string, value: ReadonlyPartialJSONValue): Promise<void> {
    await this.places.page.save(id, value);
    this.seen ??= this.look(id);
    await this.seen;
  }

  private async look(id: string): Promise<void> {
    const { page, server } = this.places;
    for (let at = 0; server && at < LOOKS; at += 1) {
      await new Promise(resolve => setTimeout(resolve, PAUSE_MS));
      const [there, here] = await Promise.all([server(), page.fetch(id)]);
      if (JSONExt.deepEqual((there[id] ?? null) as never, (here ?? null) as never)) {
        return;
      }
    }
    if (server) {
      throw this.refused();
    }
  }
}
