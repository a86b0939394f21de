// The book panel shows and opens the very chapters of the clone, with no server of its own.
import { spawnSync } from 'node:child_process';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const target = resolve(root, 'labextension/src/book');

const said = [];
for (const python of ['python', 'python3']) {
  const run = spawnSync(python, ['-m', 'rgwidgets.notebooks.shelf', target], {
    cwd: root,
    encoding: 'utf8'
  });
  if (run.status === 0) {
    process.exit(0);
  }
  said.push(`${python}: ${(run.error?.message ?? run.stderr).trim()}`);
}
console.error(
  'The chapters were not turned into notebooks: put a Python 3.11 or newer on the path that has ' +
    `jupytext and PyYAML (pip install jupytext pyyaml), and build again.\n${said.join('\n')}`
);
process.exit(1);
