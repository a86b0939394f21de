import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

import { collect, fromSchema, fromSource, TARGET, template } from './messages.mjs';

const OURS = { 'jupyter.lab.internationalization': { domain: 'rgwidgets' } };

test('the template that is kept has every message of the extension', () => {
  expect(readFileSync(TARGET, 'utf8'), 'run: jlpm messages').toBe(template(collect()));
});

test('messages are found by their bundle, with plural, context and joined literals', () => {
  const source = `
    trans.__('One');
    this.trans._n('%1 lens', '%1 lenses', count);
    this._trans._p('verb', \`Stop\`);
    trans.__('a ' + 'b');
    other.__('not ours');
    trans.other('nor this');`;
  expect(fromSource(source, 'a.ts')).toEqual([
    { path: 'a.ts', id: 'One' },
    { path: 'a.ts', id: '%1 lens', plural: '%1 lenses' },
    { path: 'a.ts', context: 'verb', id: 'Stop' },
    { path: 'a.ts', id: 'a b' }
  ]);
});

test.each(['trans.__(word)', 'trans.__(`${word} lens`)', "trans._n('lens', many)", 'trans.__()'])(
  '%s cannot be translated and is refused by line',
  code => expect(() => fromSource(`\n${code}`, 'a.ts')).toThrow('a.ts:2')
);

test('of a schema, what the server translates is taken, and its defaults are not', () => {
  const schema = {
    ...OURS,
    title: 'Lens',
    'jupyter.lab.setting-icon': 'icon',
    'jupyter.lab.toolbars': { Notebook: [{ name: 'x', command: 'y', label: 'New' }] },
    properties: { size: { title: 'Size', description: 'Of type', default: 'title' } }
  };
  expect(fromSchema(schema, 's').map(({ context, id }) => `${context}: ${id}`)).toEqual([
    'schema: Lens',
    'toolbar: New',
    'settings: Size',
    'settings: Of type'
  ]);
  expect(() => fromSchema({ title: 'Lens' }, 's.json')).toThrow('s.json lacks');
});

test('the template does not depend on the order in which messages are found', () => {
  const messages = [
    { path: 'b.ts', id: 'Zero' },
    { path: 'a.ts', id: 'Zero' },
    { path: 'a.ts', id: 'Say "no"\n', plural: 'many' }
  ];
  const made = template(messages);
  expect(template([...messages].reverse())).toBe(made);
  expect(made).toContain('#: a.ts\n#: b.ts\nmsgid "Zero"\nmsgstr ""');
  expect(made).toContain('msgid "Say \\"no\\"\\n"\nmsgid_plural "many"\nmsgstr[0] ""');
});
