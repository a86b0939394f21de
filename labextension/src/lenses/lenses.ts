import type { NotebookPanel } from '@jupyterlab/notebook';
import { Signal } from '@lumino/signaling';
import { hub, type Handle } from '@rgwidgets/lens/hub';

import { ELSEWHERE, type ILenses } from './token';

/** What of a notebook tells which lenses are its own. */
export type Owner = Pick<NotebookPanel, 'sessionContext'>;

export class Lenses implements ILenses {
  readonly changed: Signal<ILenses, void> = new Signal<ILenses, void>(this);
  private readonly owners = new WeakMap<HTMLElement, Owner>();
  private readonly watched = new Map<Handle, () => void>();
  private told = false;

  constructor() {
    hub().subscribe(() => this.watch());
    this.watch();
  }

  all(): readonly Handle[] {
    return [...hub().handles];
  }

  of(panel: Owner): readonly Handle[] {
    const kernel = panel.sessionContext.session?.kernel?.id ?? null;
    return this.all().filter(handle =>
      handle.place === null
        ? kernel !== null && handle.kernel === kernel
        : this.owners.get(handle.place) === panel && !handle.place.closest(`.${ELSEWHERE}`)
    );
  }

  adopt(place: HTMLElement, panel: Owner): void {
    this.owners.set(place, panel);
  }

  /** One word a task, however many lenses moved in it. */
  private tell(): void {
    if (this.told) {
      return;
    }
    this.told = true;
    queueMicrotask(() => {
      this.told = false;
      this.changed.emit();
    });
  }

  private watch(): void {
    const { handles } = hub();
    for (const [handle, stop] of this.watched) {
      if (!handles.has(handle)) {
        stop();
        this.watched.delete(handle);
      }
    }
    for (const handle of handles) {
      if (!this.watched.has(handle)) {
        this.watched.set(
          handle,
          handle.onChange(() => this.tell())
        );
      }
    }
    this.tell();
  }
}
