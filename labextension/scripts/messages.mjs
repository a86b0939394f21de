// Every message that the extension shows, as a gettext template for translators:
// `node scripts/messages.mjs` writes locale/rgwidgets.pot, `--check` says whether it is up to date.
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
export const TARGET = join(ROOT, 'locale', 'rgwidgets.pot');

/** Methods of JupyterLab's translation bundle → where context, message and plural stand. */
const METHODS = {
  __: { id: 0 },
  gettext: { id: 0 },
  _n: { id: 0, plural: 1 },
  ngettext: { id: 0, plural: 1 },
  _p: { context: 0, id: 1 },
  pgettext: { context: 0, id: 1 },
  _np: { context: 0, id: 1, plural: 2 },
  npgettext: { context: 0, id: 1, plural: 2 }
};

/** The words of a literal, or of literals joined by +; null for anything that is computed. */
function literal(node) {
  if (node && ts.isStringLiteralLike(node)) {
    return node.text;
  }
  if (node && ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken) {
    const [left, right] = [literal(node.left), literal(node.right)];
    return left === null || right === null ? null : left + right;
  }
  return null;
}

/** Whether a call is one of a bundle: `trans.__(…)`, `this.trans._n(…)`, `this._trans.__(…)`. */
function method(node) {
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) {
    return undefined;
  }
  const { name, expression: owner } = node.expression;
  const called = ts.isPropertyAccessExpression(owner) ? owner.name : owner;
  const isBundle = ts.isIdentifier(called) && /^_?trans$/.test(called.text);
  return isBundle && Object.hasOwn(METHODS, name.text) ? METHODS[name.text] : undefined;
}

/** The messages of one source file; a message that is no literal cannot be translated and throws. */
export function fromSource(text, path) {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const found = [];
  const visit = node => {
    const places = method(node);
    if (places) {
      const { line } = source.getLineAndCharacterOfPosition(node.getStart());
      const message = { path };
      for (const [part, place] of Object.entries(places)) {
        const words = literal(node.arguments[place]);
        if (words === null) {
          throw new Error(`${path}:${line + 1}: the ${part} of a message must be a literal`);
        }
        message[part] = words;
      }
      found.push(message);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** Which words of a settings schema JupyterLab's server translates → in which context. */
const SHOWN = [
  [/^\/(title|description)$/, 'schema'],
  [/^\/(definitions\/.*\/)?properties\/.*\/(title|description)$/, 'settings'],
  [/^\/jupyter\.lab\.setting-icon-label$/, 'settings'],
  [/^\/jupyter\.lab\.menus\/.*\/label$/, 'menu'],
  [/^\/jupyter\.lab\.toolbars\/.*\/label$/, 'toolbar']
];
const DOMAIN = 'rgwidgets';

/** The messages of a settings schema; one that does not say whose they are throws. */
export function fromSchema(schema, path) {
  if (schema['jupyter.lab.internationalization']?.domain !== DOMAIN) {
    const wanted = `"jupyter.lab.internationalization": { "domain": "${DOMAIN}" }`;
    throw new Error(`${path} lacks ${wanted}: without it nothing in it is translated`);
  }
  const found = [];
  const visit = (value, trail) => {
    if (typeof value === 'string') {
      const context = SHOWN.find(([place]) => place.test(trail))?.[1];
      if (context && value) {
        found.push({ path, context, id: value });
      }
    } else if (typeof value === 'object' && value !== null) {
      Object.entries(value).forEach(([key, part]) => visit(part, `${trail}/${key}`));
    }
  };
  visit(schema, '');
  return found;
}

function files(folder, wanted) {
  return existsSync(folder)
    ? readdirSync(folder, { recursive: true })
        .map(name => join(folder, name))
        .filter(wanted)
        .sort()
    : [];
}

/** Every message of the extension. */
export function collect(root = ROOT) {
  const name = path => relative(root, path).split('\\').join('/');
  const isSource = path => /\.tsx?$/.test(path) && !/\.test\.tsx?$|\.d\.ts$/.test(path);
  return [
    ...files(join(root, 'src'), isSource).flatMap(path =>
      fromSource(readFileSync(path, 'utf8'), name(path))
    ),
    ...files(join(root, 'schema'), path => path.endsWith('.json')).flatMap(path =>
      fromSchema(JSON.parse(readFileSync(path, 'utf8')), name(path))
    )
  ];
}

const quoted = words => JSON.stringify(words);

/** The template: one entry a message, in one order, without lines or dates that change alone. */
export function template(messages) {
  const entries = new Map();
  for (const { context, id, plural, path } of messages) {
    const key = JSON.stringify([context ?? '', id]);
    const entry = entries.get(key) ?? { context, id, plural: undefined, paths: new Set() };
    entry.plural ??= plural;
    entry.paths.add(path);
    entries.set(key, entry);
  }
  const head = [
    'msgid ""',
    'msgstr ""',
    '"Project-Id-Version: rgwidgets\\n"',
    '"MIME-Version: 1.0\\n"',
    '"Content-Type: text/plain; charset=UTF-8\\n"',
    '"Content-Transfer-Encoding: 8bit\\n"',
    '"Plural-Forms: nplurals=INTEGER; plural=EXPRESSION;\\n"'
  ].join('\n');
  const body = [...entries.keys()].sort().map(key => {
    const { context, id, plural, paths } = entries.get(key);
    return [
      ...[...paths].sort().map(path => `#: ${path}`),
      ...(context === undefined ? [] : [`msgctxt ${quoted(context)}`]),
      `msgid ${quoted(id)}`,
      ...(plural === undefined
        ? ['msgstr ""']
        : [`msgid_plural ${quoted(plural)}`, 'msgstr[0] ""', 'msgstr[1] ""'])
    ].join('\n');
  });
  return `${[head, ...body].join('\n\n')}\n`;
}

function main() {
  const made = template(collect());
  const kept = existsSync(TARGET) ? readFileSync(TARGET, 'utf8') : '';
  if (process.argv.includes('--check')) {
    if (made !== kept) {
      console.error('locale/rgwidgets.pot is not up to date. Run: jlpm messages');
      process.exitCode = 1;
    }
  } else if (made !== kept) {
    mkdirSync(dirname(TARGET), { recursive: true });
    writeFileSync(TARGET, made);
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  main();
}
