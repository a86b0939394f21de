import { expect, test } from 'vitest';

import { find, fold } from './search';
import type { Chapter } from './token';

const blank = {
  part: 'Scale',
  written: true,
  tracks: [],
  minutes: { read: 1, workshop: 1 },
  dial: 'steps',
  predict: 'What stays?',
  needs: [],
  question: null
};
const chapters: Chapter[] = [
  {
    ...blank,
    number: 3,
    slug: 'block-spins',
    title: 'Block spins',
    objectives: ['compute a critical coupling'],
    exercises: ['3.1'],
    concepts: ['Critical point', 'Fixed point'],
    headings: ['A vote']
  },
  {
    ...blank,
    number: 10,
    slug: 'kosterlitz-thouless',
    title: 'Kosterlitz–Thouless',
    objectives: [],
    exercises: [],
    concepts: [],
    headings: []
  }
];
const slugs = (search: string): string[] => find(chapters, search).map(f => f.chapter.slug);

test.each([
  ['', ['block-spins', 'kosterlitz-thouless']],
  ['  ', ['block-spins', 'kosterlitz-thouless']],
  ['fixed', ['block-spins']],
  ['COUPLING critical', ['block-spins']],
  ['3.1', ['block-spins']],
  ['vote', ['block-spins']],
  ['thouless', ['kosterlitz-thouless']],
  ['fixed thouless', []],
  ['(', []]
])('every word of %j must occur somewhere in a chapter', (search, found) => {
  expect(slugs(search)).toEqual(found);
});

test('what was found is said, unless the title says it', () => {
  expect(find(chapters, 'fixed point')[0]?.why).toBe('Fixed point');
  expect(find(chapters, 'block vote')[0]?.why).toBe('A vote');
  expect(find(chapters, 'spins')[0]?.why).toBe('');
});

test('spelling, accents and case make no difference', () => {
  expect(fold('Renormalization, Poincaré')).toBe(fold('renormalisation, poincare'));
  expect(fold('size')).toBe('sise');
});
