/**
 * Report whether a widget's view stands in `node`, now and whenever that changes.
 *
 * The widget renderer writes bare text while it waits and when it fails, and elements only once
 * it has a view; an element is therefore the sign of life that needs no private API.
 */
export function watchView(node: HTMLElement, report: (live: boolean) => void): () => void {
  let last: boolean | null = null;
  const look = (): void => {
    const live = node.firstElementChild !== null;
    if (live !== last) {
      last = live;
      report(live);
    }
  };
  const observer = new MutationObserver(look);
  observer.observe(node, { childList: true });
  look();
  return () => observer.disconnect();
}
