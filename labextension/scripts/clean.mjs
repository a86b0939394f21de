import { readdirSync, rmSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const built = [
  '../lib',
  ...readdirSync(resolve(here, '../src'), { recursive: true })
    .filter(path => path.endsWith('.generated.json'))
    .map(path => `../src/${path}`),
  '../../rgwidgets/labextension',
  '../../rgwidgets/widgets/static'
];
for (const path of built) {
  rmSync(resolve(here, path), { recursive: true, force: true });
}
