import { rmSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const built = [
  '../lib',
  '../src/launcher/starter.generated.json',
  '../../rgwidgets/labextension',
  '../../rgwidgets/widgets/static'
];
for (const path of built) {
  rmSync(resolve(here, path), { recursive: true, force: true });
}
