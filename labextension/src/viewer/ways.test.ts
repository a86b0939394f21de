import { expect, test } from 'vitest';

import { fileName } from './ways';

test.each([
  ['work/ising.flow.zip', 'ising.png'],
  ['ising.zarr.zip', 'ising.png'],
  ['ising.zip', 'ising.png'],
  ['work/ising.zarr', 'ising.png'],
  ['work/ising.zarr/zarr.json', 'ising.png'],
  ['flow.zip', 'flow.png'],
  ['results/0.5', '0.5.png'],
  ['zarr.json', 'record.png']
])('what is saved from %s is called %s', (path, name) => {
  expect(fileName(path, 'png')).toBe(name);
});
