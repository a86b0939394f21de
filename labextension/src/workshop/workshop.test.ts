import { expect, test } from 'vitest';

import type { Chapter } from '../book/token';
import { fileName, fromFile, number, readGuesses, toFile } from './guesses';
import { edges, MOST_BARS } from './edges';
import { newest, tally } from './tally';

const chapter = (slug: string, choices: string[] | null, unit = ''): Chapter =>
  ({
    slug,
    title: slug,
    question: choices && { text: '?', choices, unit }
  }) as unknown as Chapter;

test('a sheet comes back from its file as it went in', () => {
  const sheet = {
    name: 'Emmy Noether',
    guesses: { flows: '2', 'toy-model': '0.5' }
  };
  expect(fromFile(toFile(sheet))).toEqual(sheet);
});

test.each([
  ['nothing', ''],
  ['another file', '{"format": "rgwidgets-progress", "passed": []}'],
  ['no name', '{"format": "rgwidgets-predictions", "guesses": {}}'],
  ['half a file', toFile({ name: 'A', guesses: { a: '1' } }).slice(0, 40)]
])('%s is no sheet', (_, text) => {
  expect(fromFile(text)).toBe(null);
});

test('a hostile sheet loses what no student has', () => {
  const long = 'x'.repeat(10_000);
  const guesses = { a: '1', b: 2, c: long, [long]: '1', d: { toString: 'x' } };
  const found = fromFile(JSON.stringify({ format: 'rgwidgets-predictions', name: long, guesses }));
  expect(found!.guesses).toEqual({ a: '1' });
  expect(found!.name).toHaveLength(80);
  expect(readGuesses(['a'])).toEqual({});
  expect(readGuesses(null)).toEqual({});
});

test.each([
  ['Ada Lovelace', 'predictions-Ada-Lovelace.json'],
  ['../../etc/passwd', 'predictions-etc-passwd.json'],
  ['  ', 'predictions-nobody.json'],
  ['Štúr', 'predictions-Štúr.json']
])('the file of %j is %s', (name, file) => {
  expect(fileName(name)).toBe(file);
});

test('numbers are read as people type them', () => {
  expect(['0.5', '0,5', '−3', ' 2 ', 'two', '', '1e400'].map(number)).toEqual([
    0.5,
    0.5,
    -3,
    2,
    null,
    null,
    null
  ]);
});

test('the room is counted by chapter, each name once, its newest sheet', () => {
  const sheets = [
    { name: 'a', guesses: { flows: '0', size: '2' } },
    { name: 'b', guesses: { flows: '1', size: '1,5' } },
    { name: 'A', guesses: { flows: '1', size: '1.5', nothing: '1' } },
    { name: 'c', guesses: { flows: '7', size: 'many' } }
  ];
  const chapters = [
    chapter('size', [], 'sites'),
    chapter('flows', ['up', 'down']),
    chapter('nothing', null),
    chapter('unasked', ['x'])
  ];
  const [size, flows, ...more] = tally(newest(sheets), chapters);
  expect(more).toEqual([]);
  expect(size!.bars).toEqual([{ label: '1.5 sites', count: 2 }]);
  expect(size!.answers).toBe(2);
  expect(flows!.bars).toEqual([
    { label: 'up', count: 0 },
    { label: 'down', count: 2 }
  ]);
});

test.each([
  [1.5, 12000, [1, 10, 100, 1000, 10000, 100000]],
  [2, 90, [2, 5, 10, 20, 50, 100]],
  [0, 9, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
  [-0.31, 0.42, [-0.4, -0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.3, 0.4, 0.5]]
])('%d to %d lie between round numbers', (low, high, expected) => {
  expect(edges(low, high)).toEqual(expected);
});

test('many numbers are counted in ranges, and every one once', () => {
  const few = ['3', '3', '20'].map((guess, at) => ({
    name: `f${at}`,
    guesses: { q: guess }
  }));
  expect(tally(few, [chapter('q', [], 'times')])[0]!.bars).toEqual([
    { label: '3 times', count: 2 },
    { label: '20 times', count: 1 }
  ]);
  const many = Array.from({ length: 40 }, (_, at) => ({
    name: `m${at}`,
    guesses: { q: String(1 + at * at) }
  }));
  const { bars, answers } = tally(many, [chapter('q', [], 'times')])[0]!;
  expect(answers).toBe(40);
  expect(bars.length).toBeLessThanOrEqual(MOST_BARS);
  expect(bars[0]!.label).toBe('1 – 2 times');
});
