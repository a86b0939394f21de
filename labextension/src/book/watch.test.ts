import { expect, test } from 'vitest';

import { CHECK_MIME, lacksPackage, passedIn, type Said } from './watch';

const output = (type: string, rest: { [key: string]: unknown }): Said => ({
  type,
  toJSON: () => ({ output_type: type, ...rest })
});
const verdict = (found: unknown, type = 'execute_result'): Said =>
  output(type, { data: { 'text/plain': '', [CHECK_MIME]: found } });

test('a right answer is read from an output, and nothing else is', () => {
  expect(passedIn(verdict({ id: '3.1', right: true }))).toBe('3.1');
  expect(passedIn(verdict({ id: '3.1', right: true }, 'display_data'))).toBe('3.1');
  expect(passedIn(verdict({ id: '3.1', right: false }))).toBeNull();
  expect(passedIn(verdict({ id: 3, right: true }))).toBeNull();
  expect(passedIn(verdict('nonsense'))).toBeNull();
  expect(passedIn(verdict(null))).toBeNull();
  expect(passedIn(output('execute_result', {}))).toBeNull();
  expect(passedIn(output('stream', { text: '✓ 3.1' }))).toBeNull();
});

test('a kernel without the package is told from one with another fault', () => {
  const error = (ename: string, evalue: string): Said => output('error', { ename, evalue });
  expect(lacksPackage(error('ModuleNotFoundError', "No module named 'rgwidgets'"))).toBe(true);
  expect(lacksPackage(error('ModuleNotFoundError', "No module named 'torch'"))).toBe(false);
  expect(lacksPackage(error('ImportError', "No module named 'rgwidgets'"))).toBe(false);
  expect(lacksPackage(output('stream', { text: 'x' }))).toBe(false);
});
