// The launcher opens the very notebook that the wheel ships: one text, two doors.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const source = resolve(here, '../../rgwidgets/notebooks/start.ipynb');
const target = resolve(here, '../src/launcher/starter.generated.json');

const notebook = JSON.parse(readFileSync(source, 'utf8'));
for (const cell of notebook.cells) {
  if (cell.cell_type === 'code' && (cell.outputs.length > 0 || cell.execution_count !== null)) {
    throw new Error(`${source} holds outputs; clear them before the build`);
  }
}
mkdirSync(dirname(target), { recursive: true });
writeFileSync(target, `${JSON.stringify(notebook, null, 1)}\n`);
