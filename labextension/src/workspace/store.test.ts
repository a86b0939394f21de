import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { Store } from './store';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function make(taken: boolean): { kept: Store; looks: () => number } {
  const page = new Map<string, unknown>();
  const server = vi.fn(async () => (taken ? Object.fromEntries(page) : {}));
  const save = async (id: string, value: unknown): Promise<void> => void page.set(id, value);
  const fetch = async (id: string): Promise<unknown> => page.get(id);
  const kept = new Store({ page: { fetch, save }, server }, () => new Error('refused'));
  return { kept, looks: () => server.mock.calls.length };
}

test('what the server took is looked for once', async () => {
  const { kept, looks } = make(true);
  const both = Promise.all([kept.save('a', ['1']), kept.save('a', ['1', '2'])]);
  await vi.runAllTimersAsync();
  await both;
  await kept.save('b', null);
  expect(looks()).toBe(1);
  expect(await kept.fetch('a')).toEqual(['1', '2']);
});

test('a server that takes nothing is told, and the page has it all the same', async () => {
  const { kept, looks } = make(false);
  const told = expect(kept.save('a', ['1'])).rejects.toThrow('refused');
  await vi.runAllTimersAsync();
  await told;
  expect(looks()).toBe(5);
  expect(await kept.fetch('a')).toEqual(['1']);
});

test('where nobody can look, nobody complains', async () => {
  const page = { fetch: async () => null, save: async () => undefined };
  const saved = new Store({ page, server: null }, () => new Error('refused')).save('a', 1);
  await vi.runAllTimersAsync();
  await expect(saved).resolves.toBeUndefined();
});
