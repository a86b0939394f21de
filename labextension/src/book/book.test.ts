import { expect, test, vi } from 'vitest';

import { Book, type Desk, type Parts } from './book';
import type { Chapter, Index } from './token';

const chapter = (number: number, slug: string, written: boolean, ...tracks: string[]): Chapter =>
  ({
    number,
    slug,
    written,
    tracks,
    part: number < 10 ? 'Scale' : 'Networks',
    exercises: written ? [`${number}.1`, `${number}.2`] : []
  }) as unknown as Chapter;
const INDEX: Index = {
  title: 'A book',
  tracks: [
    { id: 'short', title: 'Short', audience: '', pace: 'workshop' },
    { id: 'long', title: 'Long', audience: '', pace: 'read' }
  ],
  parts: ['Scale', 'Networks'],
  chapters: [
    chapter(1, 'one', true, 'short', 'long'),
    chapter(2, 'two', false, 'long'),
    chapter(16, 'sixteen', true, 'long')
  ]
};

function memory(kept: { [id: string]: unknown } = {}): NonNullable<Parts['state']> {
  return {
    fetch: async id => kept[id],
    save: async (id, value) => void (kept[id] = value)
  };
}

function make(parts: Partial<Parts> = {}): { book: Book; desk: Desk } {
  const desk: Desk = {
    open: vi.fn(async () => undefined),
    reset: vi.fn(async () => undefined),
    begun: async () => new Set(['one'])
  };
  const book = new Book({
    load: async () => INDEX,
    desk: async () => desk,
    state: memory(),
    unkept: () => undefined,
    ...parts
  });
  return { book, desk };
}

const shown = (book: Book): string[] => book.chapters().map(({ slug }) => slug);

test('what was passed stays passed and is kept; what is no exercise does not count', async () => {
  const kept = {};
  const { book } = make({ state: memory(kept) });
  expect(await book.pass(['16.1', '99.1'])).toBe(1);
  await book.pass(['1.2']);
  expect([...book.passed]).toEqual(['1.2', '16.1']);
  const { book: again } = make({ state: memory(kept) });
  await again.ready;
  expect([...again.passed]).toEqual(['1.2', '16.1']);
  again.forget();
  expect(again.passed.size).toBe(0);
  const { book: last } = make({ state: memory(kept) });
  await last.ready;
  expect(last.passed.size).toBe(0);
});

test('a check that comes before the index is there is not lost', async () => {
  let give = (_: Index): void => undefined;
  const { book } = make({ load: () => new Promise(resolve => (give = resolve)) });
  const passing = book.pass(['1.1']);
  give(INDEX);
  await passing;
  expect([...book.passed]).toEqual(['1.1']);
});

test('track, search and what is unfolded come back', async () => {
  const kept = {};
  const { book } = make({ state: memory(kept) });
  await book.ready;
  book.setTrack('long');
  book.setSearch('spin');
  book.setUnfolded('one', true);
  book.setUnfolded('sixteen', true);
  book.setUnfolded('one', false);
  const { book: again } = make({ state: memory(kept) });
  await again.ready;
  expect([again.track, again.search, [...again.unfolded]]).toEqual(['long', 'spin', ['sixteen']]);
});

test('nonsense that was kept is as nothing', async () => {
  const kept = {
    '@rgwidgets/lab:book': { track: 'gone', search: 3, unfolded: 'x' },
    '@rgwidgets/lab:book-passed': 7
  };
  const { book } = make({ state: memory(kept) });
  await book.ready;
  expect([book.track, book.search, book.unfolded.size, book.passed.size]).toEqual([null, '', 0, 0]);
});

test('a lesson locks a track and hides what it does not need', async () => {
  const { book } = make();
  await book.ready;
  book.setTrack('long');
  expect(shown(book)).toEqual(['one', 'two', 'sixteen']);
  book.setLock('short');
  expect([book.track, shown(book)]).toEqual(['short', ['one']]);
  book.setLock(null);
  book.hide(['planned', 'part:Networks']);
  expect(shown(book)).toEqual(['one']);
  book.setLock('no such track');
  expect(book.track).toBe('long');
});

test('only a written chapter is opened, and then the copies are looked for', async () => {
  const { book, desk } = make();
  await expect(book.open('two')).rejects.toThrow('"two"');
  await book.open('one');
  expect(desk.open).toHaveBeenCalledWith(INDEX.chapters[0]);
  expect([...book.begun]).toEqual(['one']);
});

test('many changes in one task are told once; a progress that cannot be kept, too', async () => {
  const unkept = vi.fn();
  const save = (): Promise<unknown> => Promise.reject(new Error('read-only'));
  const { book } = make({ unkept, state: { ...memory(), save } });
  await book.ready;
  await Promise.resolve();
  const told = vi.fn();
  book.changed.connect(told);
  book.setSearch('a');
  book.setTrack('long');
  await new Promise(resolve => setTimeout(resolve));
  expect(told).toHaveBeenCalledTimes(1);
  expect(unkept).toHaveBeenCalledTimes(1);
});
