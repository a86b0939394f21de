import { beforeEach, expect, test } from 'vitest';

import {
  asFolder,
  exists,
  fileName,
  keptName,
  namesIn,
  replace,
  writeFresh,
  type Files
} from './copies';
import type { Chapter } from './token';

const NAME = '03-block-spins.ipynb';
const FRESH = { cells: ['fresh'] };

class Refusal extends Error {
  constructor(readonly response: { status: number }) {
    super(`status ${response.status}`);
  }
}

/** A server whose disk is a map from path to content; null is a folder. */
class Server implements Files {
  readonly disk = new Map<string, unknown>([['', null]]);
  /** Refuse what comes then. */
  full = false;
  stuck: string[] = [];

  async get(path: string): Promise<{ content: unknown }> {
    if (!this.disk.has(path)) {
      throw new Refusal({ status: 404 });
    }
    const inside = [...this.disk.keys()].filter(
      other => other !== '' && other.split('/').slice(0, -1).join('/') === path
    );
    return { content: inside.map(other => ({ name: other.split('/').at(-1) })) };
  }

  async newUntitled({ path }: { path: string }): Promise<{ path: string }> {
    const name = path ? `${path}/Untitled.ipynb` : 'Untitled.ipynb';
    this.disk.set(name, 'empty');
    return { path: name };
  }

  async save(path: string, { type, content }: { type: string; content?: unknown }): Promise<void> {
    if (this.full) {
      throw new Error('No space left on device');
    }
    this.disk.set(path, type === 'directory' ? null : content);
  }

  async rename(from: string, to: string): Promise<void> {
    if (this.stuck.includes(to)) {
      throw new Refusal({ status: 403 });
    }
    if (this.disk.has(to)) {
      throw new Refusal({ status: 409 });
    }
    this.disk.set(to, this.disk.get(from));
    this.disk.delete(from);
  }

  async delete(path: string): Promise<void> {
    this.disk.delete(path);
  }
}

let server: Server;
beforeEach(() => {
  server = new Server();
});

test('a copy has the name that the command line gives it', () => {
  expect(fileName({ number: 3, slug: 'block-spins' } as Chapter)).toBe(NAME);
  expect(fileName({ number: 24, slug: 'microscope' } as Chapter)).toBe('24-microscope.ipynb');
});

test('a kept copy takes the first number that is free', () => {
  expect(keptName(NAME, new Set())).toBe('03-block-spins (kept 1).ipynb');
  const taken = new Set([1, 2, 4].map(number => `03-block-spins (kept ${number}).ipynb`));
  expect(keptName(NAME, taken)).toBe('03-block-spins (kept 3).ipynb');
});

test.each([
  [undefined, ''],
  ['/', ''],
  ['/course//rg/', 'course/rg']
])('%j is a folder of the server', (given, folder) => expect(asFolder(given)).toBe(folder));

test('what is missing is told from what cannot be asked', async () => {
  expect(await exists(server, NAME)).toBe(false);
  expect(await namesIn(server, 'nowhere')).toEqual(new Set());
  server.get = async () => {
    throw new Refusal({ status: 403 });
  };
  await expect(exists(server, NAME)).rejects.toThrow('403');
  await expect(namesIn(server, '')).rejects.toThrow('403');
});

test('a folder that changes while it is listed is listed again, but not for ever', async () => {
  server.disk.set(NAME, FRESH);
  const get = server.get.bind(server);
  let unlucky = 2;
  server.get = async (path: string, options?: { content: boolean }) => {
    if (options?.content && unlucky > 0) {
      unlucky -= 1;
      throw new Refusal({ status: 404 });
    }
    return get(path);
  };
  expect(await namesIn(server, '')).toEqual(new Set([NAME]));
  unlucky = Infinity;
  await expect(namesIn(server, '')).rejects.toThrow('404');
});

test('a fresh copy is written, into a folder that is made where it is missing', async () => {
  await writeFresh(server, 'work/rg', NAME, FRESH);
  expect([...server.disk]).toEqual([
    ['', null],
    ['work', null],
    ['work/rg', null],
    [`work/rg/${NAME}`, FRESH]
  ]);
});

test('a copy that came meanwhile is not written over', async () => {
  server.disk.set(NAME, 'mine');
  await writeFresh(server, '', NAME, FRESH);
  expect(server.disk).toEqual(
    new Map<string, unknown>([
      ['', null],
      [NAME, 'mine']
    ])
  );
});

test('a disk that is full says so and nothing is half-written', async () => {
  server.full = true;
  await expect(writeFresh(server, '', NAME, FRESH)).rejects.toThrow('No space left');
  expect(server.disk.size).toBe(1);
  server.disk.set(NAME, 'mine');
  await expect(replace(server, '', NAME, FRESH)).rejects.toThrow('No space left');
  expect(server.disk).toEqual(
    new Map<string, unknown>([
      ['', null],
      [NAME, 'mine']
    ])
  );
});

test('a reset keeps the old copy beside the fresh one, every time', async () => {
  server.disk.set(NAME, 'first');
  expect(await replace(server, '', NAME, FRESH)).toBe('03-block-spins (kept 1).ipynb');
  server.disk.set(NAME, 'second');
  expect(await replace(server, '', NAME, FRESH)).toBe('03-block-spins (kept 2).ipynb');
  expect(server.disk.get('03-block-spins (kept 1).ipynb')).toBe('first');
  expect(server.disk.get('03-block-spins (kept 2).ipynb')).toBe('second');
  expect(server.disk.get(NAME)).toBe(FRESH);
  expect(server.disk.size).toBe(4);
});

test.each([['03-block-spins (kept 1).ipynb'], [NAME]])(
  'a reset that fails at %j leaves everything as it was',
  async stuck => {
    server.disk.set(NAME, 'mine');
    server.stuck = [stuck];
    const rename = server.rename.bind(server);
    // Only the way there is barred, not the way back.
    server.rename = async (from, to) => {
      try {
        await rename(from, to);
      } catch (reason) {
        server.stuck = [];
        throw reason;
      }
    };
    await expect(replace(server, '', NAME, FRESH)).rejects.toThrow('403');
    expect(server.disk).toEqual(
      new Map<string, unknown>([
        ['', null],
        [NAME, 'mine']
      ])
    );
  }
);
