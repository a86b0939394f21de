// Text and attributes as HTML.
const SIGNS = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

export const escape = (words) => String(words ?? "").replace(/[&<>"]/g, (sign) => SIGNS[sign]);

export function attributes(given) {
  return Object.entries(given)
    .filter(([, value]) => value !== undefined && value !== null && value !== false && value !== "")
    .map(([name, value]) => (value === true ? ` ${name}` : ` ${name}="${escape(value)}"`))
    .join("");
}

/** An element around HTML that is made already. */
export const tag = (name, given, inner) => `<${name}${attributes(given)}>${inner}</${name}>`;

/** The words of a node, without marks. */
export const text = (node) => node.value ?? (node.children ?? []).map(text).join("");
