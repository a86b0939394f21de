import type { Handle } from '@rgwidgets/lens/hub';

/** How long a view may stand there without a lens before it is shown as it is. */
export const PATIENCE_MS = 2000;

/**
 * Report whether a live lens stands in `node`, now and whenever that changes.
 *
 * The widget renderer writes bare text while it waits and when it fails, then an element for the
 * view, and the view draws its lens a moment later. A view that draws none has something else to
 * say, such as why not, and counts after a while.
 */
export function watchView(node: HTMLElement, report: (live: boolean) => void): () => void {
  let last: boolean | null = null;
  let patience: ReturnType<typeof setTimeout> | undefined;
  const observer = new MutationObserver(() => look());
  const tell = (live: boolean): void => {
    if (live !== last) {
      last = live;
      observer.disconnect();
      // A lens that is there changes with each turn of its dial, and nobody need look.
      observer.observe(node, { childList: true, subtree: !live });
      report(live);
    }
  };
  const look = (): void => {
    clearTimeout(patience);
    if (node.firstElementChild === null) {
      tell(false);
    } else if (node.querySelector('.rg-lens')) {
      tell(true);
    } else {
      patience = setTimeout(() => tell(true), PATIENCE_MS);
      tell(last ?? false);
    }
  };
  look();
  return () => {
    clearTimeout(patience);
    observer.disconnect();
  };
}

/** What a reader has done to a picture goes on in the lens that takes its place. */
export function handOver({ handle, began }: Turned, live: Handle): void {
  if (handle.preview() !== began) {
    meet(live, handle);
  }
}

/** A lens goes where another one of the same scale stands. */
export function meet(lens: Handle, other: Handle): void {
  if (String(lens.scale()?.cutoffs) === String(other.scale()?.cutoffs)) {
    lens.turn(other.preview(), other.preview() === other.cutoff());
  }
}

/** A picture with a dial, and where that stood at first. */
export interface Turned {
  readonly handle: Handle;
  readonly began: number;
}
