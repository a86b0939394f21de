// Code cells and what they gave.
import { highlighted } from "./code.mjs";
import { attributes, escape, tag } from "./html.mjs";

function block(node, page) {
  if (node.kind !== "notebook-code") return tag("div", {}, page.all(node.children));
  const code = node.children.find(({ type }) => type === "code");
  const outputs = node.children.find(({ type }) => type === "outputs");
  const shown = code && code.visibility !== "remove" ? input(code) : "";
  const given = outputs && outputs.visibility !== "remove" && !page.embedded.has(outputs.id);
  return tag("div", { class: "cell", id: node.html_id }, shown + (given ? page.draw(outputs) : ""));
}

function input(code) {
  const made = highlighted(code.value, "python");
  if (code.visibility !== "hide") return made;
  return tag("details", { class: "hidden-code" }, tag("summary", {}, "Code") + made);
}

/** With these a picture's place is kept until it has come, and the text below does not jump. */
const size = ({ size: [width, height] = [] }) => (width ? { width, height } : {});

function lens(node, page) {
  page.lenses += 1;
  const record = `${node.folder}/${node.record}/`;
  const alt = page.alt ?? node.describe;
  const still = attributes({ class: "still", src: `${record}still.svg`, alt, ...size(node) });
  const away = tag("p", { class: "away", hidden: true, role: "status" }, "");
  const place = `<div class="live"></div><img${still}>${away}`;
  const named = { class: "lens", "data-record": record, "data-label": node.lens, "data-title": node.title };
  return tag("div", named, place);
}

function image(node, page) {
  const alt = page.alt ?? node.alt ?? "What the code above draws";
  const src = `${node.folder}/${node.file}`;
  const shown = attributes({ class: "plot", src, alt, loading: "lazy", ...size(node) });
  return tag("div", { class: "drawing", "data-wide": "Chart" }, `<img${shown}>`);
}

/** A data frame as a table of the page: without a style, an alignment and a frame of its own. */
const unstyled = (html) =>
  html
    .replace(/<style scoped>[^]*?<\/style>\s*/g, "")
    .replace(/(<table[^>]*?) border="1"/g, "$1")
    .replace(/<tr style="text-align: right;">/g, "<tr>")
    .replace(/<th><\/th>/g, "<td></td>");

const RESULTS = {
  lens,
  image,
  stream: (node) => tag("pre", { class: `stream ${node.name}`, "data-wide": "Result" }, escape(node.text.trimEnd())),
  text: (node) => tag("pre", { class: "value", "data-wide": "Result" }, escape(node.text)),
  html: (node) => tag("div", { class: "table rich", "data-wide": "Result" }, unstyled(node.html)),
};

export const cells = {
  block,
  outputs: (node, page) => {
    const made = page.all(node.children);
    return made && tag("div", { class: "outputs" }, made);
  },
  result: (node, page) =>
    RESULTS[node.kind]?.(node, page) ?? page.problem(`an output of the kind ${node.kind}`, node),
};
