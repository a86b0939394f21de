/** The hand on a dial, where a host draws an output anew and takes the dial from under it. */

const DIAL = ".rg-range";
/** How long a hand that is off the dial may still be on its way to the next view of it. */
const SOON_MS = 1000;

/** Is a hand on the dial of one of a model's views, or was it a moment ago? */
export class Hand {
  #on = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  get on(): boolean {
    return this.#on;
  }

  put(on: boolean): void {
    clearTimeout(this.#timer);
    this.#on = on;
  }

  leave(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.#on = false), SOON_MS);
  }
}

/** Gives `el`, once it is on the page, the focus that the view before it had; returns how to stop. */
export function keepHand(el: HTMLElement, hand: Hand): () => void {
  const arrive = ({ target }: FocusEvent): void =>
    hand.put(target instanceof Element && target.matches(DIAL));
  const leave = (): void => hand.leave();
  el.addEventListener("focusin", arrive);
  el.addEventListener("focusout", leave);
  const stop = hand.on ? whenShown(el, () => take(el)) : () => undefined;
  return () => {
    stop();
    leave();
    el.removeEventListener("focusin", arrive);
    el.removeEventListener("focusout", leave);
  };
}

/** Not from somebody who has gone on elsewhere meanwhile. */
function take(el: HTMLElement): void {
  if (document.activeElement === null || document.activeElement.contains(el)) {
    el.querySelector<HTMLElement>(DIAL)?.focus({ preventScroll: true });
  }
}

/** A view is made before it is put on the page. */
function whenShown(el: HTMLElement, act: () => void): () => void {
  const observer = new ResizeObserver(() => {
    if (!el.isConnected) return;
    observer.disconnect();
    act();
  });
  observer.observe(el);
  return () => observer.disconnect();
}
