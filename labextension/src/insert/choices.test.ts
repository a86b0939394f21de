import { expect, test } from 'vitest';

import kept from './catalogue.json';
import { Choice, sentence, type Catalogue } from './choices';

const card = (name: string) => ({ name, summary: name, citation: '' });
const CATALOGUE: Catalogue = {
  labs: [{ ...card('Lab'), code: 'rg.Lab()' }],
  systems: [
    { ...card('Lattice'), cells: { Block: 'lattice block', Tree: 'lattice tree' } },
    { ...card('Network'), cells: { Spectrum: 'network spectrum', Tree: 'network tree' } }
  ],
  toys: [{ ...card('Toy'), cells: { Spectrum: 'toy spectrum' } }],
  schemes: ['Block', 'Spectrum', 'Tree', 'Unused'].map(card)
};

test('a lab is one line and offers no scheme', () => {
  const choice = new Choice(CATALOGUE);
  expect([choice.what.name, choice.code, choice.scheme]).toEqual(['Lab', 'rg.Lab()', null]);
  expect(choice.schemes).toEqual([]);
});

test('only the schemes that fit are offered, and one of them is always chosen', () => {
  const choice = new Choice(CATALOGUE);
  choice.choose('systems', 'Lattice');
  expect(choice.schemes.map(({ name }) => name)).toEqual(['Block', 'Tree']);
  expect(choice.code).toBe('lattice block');
  choice.chooseScheme('Tree');
  expect(choice.code).toBe('lattice tree');
});

test('a scheme stays chosen where it fits, and gives way where it does not', () => {
  const choice = new Choice(CATALOGUE);
  choice.choose('systems', 'Lattice');
  choice.chooseScheme('Tree');
  choice.choose('systems', 'Network');
  expect(choice.code).toBe('network tree');
  choice.choose('toys', 'Toy');
  expect(choice.code).toBe('toy spectrum');
  choice.choose('systems', 'Nothing');
  expect(choice.what.name).toBe('Toy');
});

test('every system of the catalogue has a scheme, and each cell is code', () => {
  const catalogue: Catalogue = kept;
  for (const kind of ['systems', 'toys'] as const) {
    for (const { name } of catalogue[kind]) {
      const choice = new Choice(catalogue);
      choice.choose(kind, name);
      expect(choice.schemes.length, name).toBeGreaterThan(0);
      expect(choice.code).toMatch(/^import rgwidgets as rg\n[^]*\nrg\.Lens\(flow\)$/);
    }
  }
});

test.each([
  ['a small transformer', 'A small transformer.'],
  ['b × b spins become one', 'b × b spins become one.'],
  ['T2: clusters', 'T2: clusters.'],
  ['uniform, a coin …', 'Uniform, a coin …']
])('%s reads as a sentence', (words, read) => expect(sentence(words)).toBe(read));
