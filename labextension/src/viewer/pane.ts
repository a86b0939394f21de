import { Widget } from '@lumino/widgets';
import { Signal, type ISignal } from '@lumino/signaling';
import type { Message } from '@lumino/messaging';
import type { LensRecord, Mounted } from '@rgwidgets/lens';

import { RecordFault, type Words } from './fault';
import type { Contents } from './store';

/** A record with the lens that shows it. */
export interface Drawn {
  record: LensRecord;
  mounted: Mounted;
  /** The lens itself. */
  lens: HTMLElement;
}

// Reader and drawing code come with the first record: JupyterLab's start pays nothing.
async function read(contents: Contents, path: string, words: Words): Promise<LensRecord> {
  const [{ storeAt }, { readRecord }] = await Promise.all([import('./store'), import('./record')]);
  return readRecord(await storeAt(contents, path, words), words);
}

/** One record as a lens, or why it cannot be shown. */
export class RecordPane extends Widget {
  private readonly place = document.createElement('div');
  private turn = 0;
  private shown: Drawn | null = null;
  private readonly moved = new Signal<this, void>(this);

  constructor(
    private readonly contents: Contents,
    public path: string,
    private readonly words: Words
  ) {
    super();
    this.addClass('rg-record');
    this.node.tabIndex = -1;
    this.node.append(this.place);
  }

  /** What is shown; null while it is read, and where it cannot be. */
  get drawn(): Drawn | null {
    return this.shown;
  }

  /** Another record, or a fault, is shown now. */
  get changed(): ISignal<this, void> {
    return this.moved;
  }

  /** Read the record, anew if it is shown already; the dial stays where it stands. */
  async load(): Promise<void> {
    const turn = ++this.turn;
    const stood = this.shown?.mounted.handle.cutoff();
    if (this.shown === null) {
      this.say(this.words.__('Reading the record …'), 'status');
    }
    try {
      const record = await read(this.contents, this.path, this.words);
      const { mount } = await import(/* webpackChunkName: "lens" */ '@rgwidgets/lens');
      if (turn !== this.turn || this.isDisposed) {
        return;
      }
      this.clear();
      const mounted = mount(this.place, record, { charts: () => import(/* webpackChunkName: "charts" */ '@rgwidgets/lens/charts') });
      const last = (mounted.handle.scale()?.cutoffs.length ?? 1) - 1;
      if (stood !== undefined) {
        mounted.handle.turn(Math.min(stood, last), true);
      }
      this.shown = { record, mounted, lens: this.place.querySelector<HTMLElement>('.rg-lens')! };
      this.moved.emit();
    } catch (reason) {
      if (turn === this.turn && !this.isDisposed) {
        this.clear();
        this.explain(reason);
        this.moved.emit();
      }
    }
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this.turn += 1;
      this.clear();
      Signal.clearData(this);
      super.dispose();
    }
  }

  protected override onActivateRequest(message: Message): void {
    super.onActivateRequest(message);
    if (!this.node.contains(document.activeElement)) {
      this.node.focus({ preventScroll: true });
    }
  }

  private clear(): void {
    this.shown?.mounted.dispose();
    this.shown = null;
    this.place.replaceChildren();
    this.place.className = '';
    this.place.removeAttribute('role');
  }

  private say(text: string, role: 'status' | 'alert', ...more: Node[]): void {
    const words = document.createElement('p');
    words.textContent = text;
    this.place.className = `rg-record-${role}`;
    this.place.setAttribute('role', role);
    this.place.replaceChildren(words, ...more);
  }

  private explain(reason: unknown): void {
    const known = reason instanceof RecordFault;
    const message = reason instanceof Error ? reason.message : String(reason);
    const mend = document.createElement('p');
    mend.textContent = known
      ? reason.mend
      : this.words.__('Check that the server is running and that it may read the file.');
    const again = document.createElement('button');
    again.type = 'button';
    again.className = 'jp-mod-styled jp-mod-accept';
    again.textContent = this.words.__('Try again');
    again.addEventListener('click', () => void this.load());
    this.say(
      known ? message : this.words.__('The record was not read: %1', message),
      'alert',
      mend,
      again
    );
  }
}
