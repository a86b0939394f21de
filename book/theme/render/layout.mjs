// The page around the text: head, navigation, header of the chapter, neighbours.
import { readdirSync } from "node:fs";
import { escape, tag } from "./html.mjs";
import { chapterHead, pageHead } from "./header.mjs";

/** Before anything is drawn: the theme that the reader chose, and that scripts run at all. */
const EARLY =
  'document.documentElement.classList.add("js");' +
  'try{const t=localStorage.getItem("rgwidgets-book:theme");if(t)document.documentElement.dataset.theme=t}catch{}';

/** Every script at once: found one by one, each would wait for the one that asks for it. */
const SCRIPTS = readdirSync(new URL("../client/", import.meta.url))
  .map((name) => `<link rel="modulepreload" href="theme/client/${name}">`)
  .join("");

function head(page, site) {
  const title = page.title === site.title ? page.title : `${page.title} · ${site.title}`;
  const about = page.chapter?.objectives?.[0] ?? site.options.tagline ?? site.title;
  return [
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    tag("title", {}, escape(title)),
    `<meta name="description" content="${escape(about)}">`,
    `<script>${EARLY}</script>`,
    '<link rel="icon" href="theme/icon.svg" type="image/svg+xml">',
    '<link rel="preload" href="theme/fonts/source-serif-4-latin-wght-normal.woff2" as="font" type="font/woff2" crossorigin>',
    '<link rel="stylesheet" href="theme/katex/katex.css">',
    '<link rel="stylesheet" href="theme/book.css">',
    page.lenses > 0 ? '<link rel="modulepreload" href="rgwidgets/lens.js">' : "",
    SCRIPTS,
    '<script type="module" src="theme/client/main.js"></script>',
  ].join("\n");
}

function bar(site) {
  return tag(
    "header",
    { class: "bar" },
    '<button type="button" class="menu" aria-expanded="false" aria-controls="nav">Menu</button>' +
      tag("a", { class: "book", href: "index.html" }, escape(site.title)) +
      '<button type="button" class="find" aria-keyshortcuts="Control+K">Search</button>' +
      '<button type="button" class="shade">Dark</button>',
  );
}

function within(page) {
  const items = page.headings.map(({ id, title }) =>
    tag("li", {}, tag("a", { href: `#${id}` }, escape(title))),
  );
  return items.length > 0 ? tag("ol", { class: "within" }, items.join("")) : "";
}

function entry(page, { href, title, number, written = true }) {
  const here = href === page.file;
  const mark = number ? tag("span", { class: "number" }, number) : "";
  if (!written) return tag("li", { class: "later" }, mark + escape(title) + ' <span class="unseen">(planned)</span>');
  const link = tag("a", { href, "aria-current": here && "page" }, mark + escape(title));
  return tag("li", { class: here ? "here" : "" }, link + (here ? within(page) : ""));
}

function navigation(page, pages, site) {
  const titled = (slug) => {
    const found = pages.find((other) => other.slug === slug || (slug === site.outline.front[0] && other.slug === site.home));
    return found ? entry(page, { href: found.file, title: found.title }) : "";
  };
  const group = (title, items) => tag("h2", {}, escape(title)) + tag("ul", {}, items.join(""));
  const parts = Map.groupBy
    ? Map.groupBy(site.outline.chapters, (chapter) => chapter.part)
    : grouped(site.outline.chapters);
  const chapters = [...parts].map(([part, items]) =>
    group(part, items.map((c) => entry(page, { ...c, href: `${c.slug}.html` }))),
  );
  const [first, ...front] = site.outline.front;
  const tracks = site.outline.tracks.map(({ slug }) => titled(slug));
  return tag(
    "nav",
    { id: "nav", "aria-label": "Chapters" },
    tag("ul", {}, [first, "contents", ...front].map(titled).join("")) +
      chapters.join("") +
      group("Ways through", [...tracks, titled("timetable"), titled("gallery")]) +
      group("To look up", site.outline.back.map(titled)),
  );
}

function grouped(chapters) {
  const parts = new Map();
  for (const chapter of chapters) parts.set(chapter.part, [...(parts.get(chapter.part) ?? []), chapter]);
  return parts;
}

function neighbours(page, pages) {
  const at = pages.indexOf(page);
  const link = (other, rel, words) =>
    other
      ? tag("a", { href: other.file, rel, class: rel }, tag("span", {}, words) + escape(other.title))
      : "<span></span>";
  const inner = link(pages[at - 1], "prev", "Previous") + link(pages[at + 1], "next", "Next");
  return tag("nav", { class: "neighbours", "aria-label": "Pages" }, inner);
}

/** Definitions of the glossary that this page uses, out of sight until they are wanted. */
function tips(page, pages) {
  const glossary = new Map();
  for (const other of pages) {
    for (const block of other.content.mdast.children) collect(block, glossary, other);
  }
  return [...page.tips.keys()]
    .filter((id) => glossary.has(id))
    .map((id) => tag("template", { id: `tip-${id}` }, glossary.get(id)))
    .join("");
}

function collect(node, glossary, page) {
  if (node.type === "definitionList") {
    let term = null;
    for (const child of node.children) {
      if (child.type === "definitionTerm") term = child;
      else if (term) glossary.set(term.html_id, page.all(child.children));
    }
  }
  for (const child of node.children ?? []) collect(child, glossary, page);
}

export function layout(page, pages) {
  const { site } = page;
  const heading = page.chapter ? chapterHead(page, site) : pageHead(page, site);
  const main = tag(
    "main",
    { id: "text", "data-slug": page.slug, tabindex: -1 },
    tag("article", {}, heading + page.html) + neighbours(page, pages) + tips(page, pages),
  );
  const body =
    '<a class="skip" href="#text">Skip to the text</a>' +
    bar(site) +
    tag("div", { class: "desk" }, navigation(page, pages, site) + main);
  return `<!doctype html>\n<html lang="en-GB">\n<head>\n${head(page, site)}\n</head>\n<body>\n${body}\n</body>\n</html>\n`;
}
