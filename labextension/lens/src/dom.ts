/** Elements from text only: nothing that a record says is ever parsed as HTML. */

type Attributes = Record<string, string | number | boolean | null | undefined>;
type Child = Node | string | null | undefined;

function assign(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
}

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  assign(element, attributes);
  for (const child of children) if (child !== null && child !== undefined) element.append(child);
  return element;
}

export function svg(tag: string, attributes: Attributes, ...children: Node[]): SVGElement {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  assign(element, attributes);
  element.append(...children);
  return element;
}

/** Writing an unchanged text still costs a layout, and a dial writes many per move. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element: Element, name: string, value: string | null): void {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

export function whenIdle(act: () => void): void {
  if ("requestIdleCallback" in globalThis) requestIdleCallback(act);
  else setTimeout(act, 1);
}

/** Marks that differ in shape as well as colour, one for each bound. */
const SHAPES: Record<string, string> = {
  average: "M6 1.5a4.5 4.5 0 1 1 0 9a4.5 4.5 0 1 1 0-9z",
  resample: "M1.6 1.6H10.4V10.4H1.6z",
  attack: "M6 1L11.2 10.4H.8z",
  certificate: "M6 .4L10.8 6L6 11.6L1.2 6z",
  rare: "M1 2H7V8H11V10H5V4H1z",
};

export function mark(name: string): SVGElement {
  const path = svg("path", { d: SHAPES[name] ?? "M2 6H10" });
  return svg(
    "svg",
    { class: `rg-mark rg-${name}`, viewBox: "0 0 12 12", "aria-hidden": "true" },
    path,
  );
}

const GLYPHS: Record<string, string> = {
  play: "M3 1.8L10.4 6L3 10.2z",
  pause: "M2.6 1.8H5V10.2H2.6zM7 1.8H9.4V10.2H7z",
  step: "M2 1.8L7.4 6L2 10.2zM8.2 1.8H10V10.2H8.2z",
  stop: "M2.2 2.2H9.8V9.8H2.2z",
  train: "M6 1L11 4L6 7L1 4zM1.6 6.4L6 9L10.4 6.4L11 7.6L6 10.8L1 7.6z",
};

export function glyph(name: string): SVGElement {
  const path = svg("path", { d: GLYPHS[name] ?? GLYPHS.play! });
  return svg("svg", { class: "rg-glyph", viewBox: "0 0 12 12", "aria-hidden": "true" }, path);
}
