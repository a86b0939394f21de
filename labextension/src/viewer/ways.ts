import type { Words } from './fault';
import type { Drawn, RecordPane } from './pane';

/** Ways out of a record that is shown. */
export const FORMATS = ['png', 'svg', 'csv'] as const;
export type Format = (typeof FORMATS)[number];

/** The name of a file that is made from the record at `path`. */
export function fileName(path: string, format: Format): string {
  const name =
    path
      .replace(/\/?zarr\.json$/, '')
      .split('/')
      .pop() ?? '';
  return `${name.replace(/(\.(flow|zarr))?(\.zip)?$/i, '') || 'record'}.${format}`;
}

async function made({ record, mounted, lens }: Drawn, format: Format): Promise<Blob> {
  const out = await import('@rgwidgets/lens/export');
  if (format === 'csv') {
    return new Blob([out.csv(record)], { type: 'text/csv;charset=utf-8' });
  }
  if (format === 'png') {
    return (await fetch(out.png(lens))).blob();
  }
  const charts = await import(/* webpackChunkName: "charts" */ '@rgwidgets/lens/charts');
  const text = await out.svg(charts, record, lens, mounted.handle.preview());
  return new Blob([text], { type: 'image/svg+xml' });
}

function download(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Save what a pane shows to the reader's own disk; throws where it shows nothing. */
export async function save(pane: RecordPane, format: Format, words: Words): Promise<void> {
  if (!pane.drawn) {
    throw new Error(words.__('No record is shown yet.'));
  }
  download(await made(pane.drawn, format), fileName(pane.path, format));
}
