// Words: what stands inside a line.
import { escape, tag, text } from "./html.mjs";

const around = (name) => (node, page) => tag(name, {}, page.all(node.children));

function crossReference(node, page) {
  const id = node.html_id ?? node.identifier;
  if (!node.resolved && !id) return page.problem(`nothing is called ${node.label}`, node);
  const href = node.remote && node.url ? page.href(`${node.url}#${id}`) : `#${id}`;
  if (node.kind === "definitionTerm") {
    page.tips.set(id, { kind: "term" });
    return tag("a", { class: "term", href, "data-tip": `tip-${id}` }, page.all(node.children));
  }
  return tag("a", { class: "ref", href }, page.all(node.children));
}

function link(node, page) {
  const { url } = node;
  if (node.internal || (url.startsWith("/") && !url.startsWith("//"))) {
    return tag("a", { href: page.href(url) }, page.all(node.children));
  }
  const away = /^https?:/.test(url);
  return tag("a", { href: url, rel: away && "noopener" }, page.all(node.children));
}

function cite(node, page) {
  const id = `cite-${node.identifier ?? node.label}`;
  if (!page.content.references?.cite?.data?.[node.label]) {
    return page.problem(`${node.label} is not in references.bib`, node);
  }
  return tag("a", { class: "cite", href: `#${id}`, "data-tip": id }, page.all(node.children));
}

function citeGroup(node, page) {
  const cited = node.children.map((child) => page.draw(child)).join("; ");
  return node.kind === "parenthetical" ? `(${cited})` : cited;
}

function footnoteReference(node, page) {
  const id = node.identifier;
  if (!page.notes.has(id)) return page.problem(`there is no footnote ${id}`, node);
  const first = !page.footnotes.includes(id);
  if (first) page.footnotes.push(id);
  const number = page.footnotes.indexOf(id) + 1;
  const named = { href: `#note-${id}`, id: first && `ref-${id}`, "data-tip": `note-${id}` };
  return tag("sup", { class: "note" }, tag("a", { ...named, "aria-label": `Note ${number}` }, number));
}

/** A role whose last backtick is missing reaches the page as it was typed. */
const OPEN = /\{[a-z][\w:-]*\}`/;

function words(node, page) {
  const [open] = OPEN.exec(node.value) ?? [];
  return open ? page.problem(`${open} has no closing backtick`, node) : escape(node.value);
}

const WORDS = {
  planned: (value) => tag("span", { class: "planned" }, escape(value)),
  dial: (value) => tag("span", { class: "dial-of" }, `dial: ${escape(value)}. `),
};

export const inline = {
  text: words,
  emphasis: around("em"),
  strong: around("strong"),
  delete: around("del"),
  underline: around("u"),
  subscript: around("sub"),
  superscript: around("sup"),
  smallcaps: (node, page) => tag("span", { class: "small-caps" }, page.all(node.children)),
  span: (node, page) => tag("span", { class: node.class }, page.all(node.children)),
  break: () => "<br>",
  inlineCode: (node) => tag("code", {}, escape(node.value)),
  inlineMath: (node) => node.html ?? tag("code", { class: "tex" }, escape(node.value)),
  abbreviation: (node, page) => tag("abbr", { title: node.title }, page.all(node.children)),
  captionNumber: (node, page) =>
    tag("span", { class: "caption-number" }, text(node).replace(/:$/, ".")) + " ",
  word: (node) => WORDS[node.kind](node.value),
  comment: () => "",
  target: () => "",
  mystTarget: () => "",
  crossReference,
  link,
  cite,
  citeGroup,
  footnoteReference,
};
