type Attributes = { [name: string]: string | boolean | ((event: Event) => void) };

/** An element; a function is a listener, `true` an attribute without a value, `false` none. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') {
      element.addEventListener(name, value);
    } else if (value !== false) {
      element.setAttribute(name, value === true ? '' : value);
    }
  }
  element.append(...children);
  return element;
}

/** Put `children` into `place`; what had the focus, by `data-key`, has it afterwards. */
export function refill(place: HTMLElement, ...children: Node[]): void {
  const active = document.activeElement;
  const key = active && place.contains(active) ? active.getAttribute('data-key') : null;
  const { scrollTop } = place;
  place.replaceChildren(...children);
  place.scrollTop = scrollTop;
  if (key !== null) {
    place.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`)?.focus();
  }
}
