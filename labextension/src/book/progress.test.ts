import { expect, test } from 'vitest';

import { fromFile, next, readIds, toFile } from './progress';
import type { Chapter } from './token';

test('progress goes into a file and comes back from it', () => {
  const passed = new Set(['1.1', '3.2']);
  expect(fromFile(toFile(passed))).toEqual(['1.1', '3.2']);
});

test.each(['', '{', 'null', '[]', '{"passed": ["1.1"]}', '{"format": "rgwidgets-progress"}'])(
  'a file with %j holds no progress',
  text => expect(fromFile(text)).toBeNull()
);

test('only ids are read from what was kept', () => {
  expect(readIds(['1.1', 2, null])).toEqual(['1.1']);
  expect(readIds({ passed: 1 })).toEqual([]);
  expect(readIds(undefined)).toEqual([]);
});

test('the next chapters are the first written ones that are not done; after all, the first', () => {
  const chapter = (slug: string, exercises: string[], written = true): Chapter =>
    ({ slug, exercises, written }) as Chapter;
  const all = [chapter('a', ['1.1']), chapter('b', ['2.1'], false), chapter('c', ['3.1'])];
  const of = (...ids: string[]): string[] => next(all, new Set(ids), 2).map(({ slug }) => slug);
  expect(of()).toEqual(['a', 'c']);
  expect(of('1.1')).toEqual(['c']);
  expect(of('1.1', '3.1')).toEqual(['a', 'c']);
});
