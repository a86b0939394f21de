// What stands on lines of its own.
import { highlighted } from "./code.mjs";
import { attributes, escape, tag, text } from "./html.mjs";

const around = (name, extra = {}) => (node, page) => tag(name, extra, page.all(node.children));

function heading(node, page) {
  const id = node.html_id ?? node.identifier;
  const mark = `<a class="anchor" href="#${escape(id)}" aria-label="Link to ${escape(text(node))}">#</a>`;
  return tag(`h${node.depth}`, { id }, page.all(node.children) + mark);
}

function math(node) {
  const number = node.enumerator && node.html_id
    ? tag("a", { class: "number", href: `#${node.html_id}`, "aria-label": `Equation ${node.enumerator}` }, `(${node.enumerator})`)
    : "";
  const made = node.html ?? tag("code", { class: "tex" }, escape(node.value));
  return tag("div", { class: "math", id: node.html_id }, tag("div", { class: "formula", "data-wide": "Equation" }, made) + number);
}

function list(node, page) {
  const name = node.ordered ? "ol" : "ul";
  const start = node.ordered && node.start > 1 ? node.start : undefined;
  return tag(name, { start }, page.all(node.children));
}

/** A short item needs no paragraph around its words. */
function listItem(node, page) {
  const [only, ...more] = node.children;
  const bare = more.length === 0 && only?.type === "paragraph";
  const words = page.all(bare ? only.children : node.children);
  const value = node.value === undefined ? undefined : node.value;
  return tag("li", { value }, words);
}

function container(node, page) {
  const captions = node.children.filter(({ type }) => type === "caption" || type === "legend");
  const shown = node.children.filter((child) => !captions.includes(child));
  const lens = shown.some((child) => (child.children ?? []).some((c) => c.kind === "lens"));
  page.alt = node.alt;
  const body = page.all(shown);
  page.alt = undefined;
  const kind = `figure ${node.kind ?? ""}${lens ? " wide" : ""}`;
  return tag("figure", { class: kind, id: node.html_id }, body + page.all(captions));
}

function image(node, page) {
  if (!node.alt) page.problem(`the picture ${node.urlSource ?? node.url} has no alternative text`, node);
  const src = node.url.replace(/^\//, "");
  return `<img${attributes({ src, alt: node.alt, width: node.width, loading: "lazy" })}>`;
}

function table(node, page) {
  const rows = node.children;
  const isHead = (row) => row.children.every((cell) => cell.header);
  const cut = rows.findIndex((row) => !isHead(row));
  const head = rows.slice(0, cut < 0 ? rows.length : cut);
  const body = cut < 0 ? [] : rows.slice(cut);
  const made = tag("thead", {}, page.all(head)) + tag("tbody", {}, page.all(body));
  return tag("div", { class: "table", "data-wide": "Table" }, tag("table", {}, made));
}

/** A heading without words heads nothing. */
function tableCell(node, page) {
  const heads = node.header && text(node).trim() !== "";
  const name = heads ? "th" : "td";
  const style = node.align ? `text-align:${node.align}` : undefined;
  const scope = heads ? "col" : undefined;
  return tag(name, { style, scope, colspan: node.colspan, rowspan: node.rowspan }, page.all(node.children));
}

function admonition(node, page) {
  const named = node.children[0]?.type === "admonitionTitle";
  const title = named ? page.all(node.children[0].children) : escape(node.kind ?? "Note");
  const body = page.all(named ? node.children.slice(1) : node.children);
  const kind = `admonition ${node.kind ?? "note"}`;
  if (node.class?.includes("dropdown")) {
    return tag("details", { class: kind }, tag("summary", {}, title) + body);
  }
  return tag("aside", { class: kind }, tag("p", { class: "admonition-title" }, title) + body);
}

function definitionTerm(node, page) {
  return tag("dt", { id: node.html_id ?? node.identifier }, page.all(node.children));
}

export const blocks = {
  block: around("div"),
  div: (node, page) => tag("div", { class: node.class }, page.all(node.children)),
  paragraph: around("p"),
  blockquote: around("blockquote"),
  thematicBreak: () => "<hr>",
  caption: (node, page) => tag("figcaption", {}, page.all(node.children)),
  legend: (node, page) => tag("div", { class: "legend" }, page.all(node.children)),
  code: (node) => highlighted(node.value, node.lang),
  tableRow: around("tr"),
  details: around("details"),
  summary: around("summary"),
  glossary: around("div", { class: "glossary" }),
  definitionList: around("dl"),
  definitionDescription: around("dd"),
  footnoteDefinition: () => "",
  mathGroup: around("div", { class: "math-group" }),
  heading,
  math,
  list,
  listItem,
  container,
  image,
  table,
  tableCell,
  admonition,
  definitionTerm,
};
