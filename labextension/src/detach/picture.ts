import { hub, type Handle } from '@rgwidgets/lens/hub';

import { meet } from '../record/handover';

/** The picture of a record that is drawn in `node`; a kernel's lens is one, wherever it is shown. */
function pictureIn(node: HTMLElement): Handle | undefined {
  return [...hub().handles].find(({ place }) => place !== null && node.contains(place));
}

/** The picture in `to` goes where the one in `from` stands. */
export function carry(from: HTMLElement, to: HTMLElement): void {
  const [there, here] = [pictureIn(from), pictureIn(to)];
  if (there && here) {
    meet(here, there);
  }
}

/** The same, as soon as `to` has a picture; returns how to wait no longer. */
export function carryOnArrival(from: HTMLElement, to: HTMLElement): () => void {
  const stop = hub().subscribe(() => {
    if (pictureIn(to)) {
      stop();
      carry(from, to);
    }
  });
  return stop;
}
