// One page: its tree becomes HTML, and what else the page needs is gathered on the way.
import { blocks } from "./blocks.mjs";
import { cells } from "./cells.mjs";
import { escape, tag, text } from "./html.mjs";
import { inline } from "./inline.mjs";
import { teaching } from "./teaching.mjs";

/** Node type → how it is drawn. A type that is not here fails the build. */
const DRAW = { ...inline, ...blocks, ...cells, ...teaching };

const PARTS = {
  Predict: "predict",
  "Turn the dial": "turn-the-dial",
  "The idea": "the-idea",
  "Do it yourself": "do-it-yourself",
  Exercises: "exercises",
  "Where this fails": "where-this-fails",
  "For interpretability": "bridge",
  "For physics": "bridge",
  "For interpretability, for physics": "bridge",
  "Further reading": "further-reading",
};

function* walk(node) {
  yield node;
  for (const child of node.children ?? []) yield* walk(child);
}

export class Page {
  problems = [];
  /** Headings of the second level, for the contents beside the text. */
  headings = [];
  /** What can be found: one entry a section. */
  sections = [];
  /** Definitions and references that appear under the pointer. */
  tips = new Map();
  footnotes = [];
  lenses = 0;
  html = "";

  constructor(slug, content, site) {
    this.slug = slug;
    this.content = content;
    this.site = site;
    this.source = content.location.replace(/^\//, "");
    this.title = content.frontmatter.title ?? site.title;
    this.chapter = site.outline.chapters.find((c) => c.written && c.slug === slug) ?? null;
    this.file = slug === site.home ? "index.html" : `${slug}.html`;
    const nodes = [...walk(content.mdast)];
    this.notes = new Map(
      nodes.filter((n) => n.type === "footnoteDefinition").map((n) => [n.identifier, n]),
    );
    // Outputs that a figure shows are not shown a second time where their cell stands.
    this.embedded = new Set(
      nodes
        .filter((n) => n.type === "container")
        .flatMap((n) => n.children.filter((c) => c.type === "outputs").map((c) => c.id)),
    );
  }

  /** The address of another page, from this one. */
  href(url) {
    const [path, anchor] = url.split("#");
    const slug = path.replace(/^\//, "").replace(/\/$/, "");
    const file = slug === "" || slug === this.site.home ? "index.html" : `${slug}.html`;
    return anchor ? `${file}#${anchor}` : file;
  }

  problem(words, node) {
    const line = node?.position?.start?.line;
    this.problems.push(`${this.source}${line ? `:${line}` : ""}: ${words}`);
    return "";
  }

  draw(node) {
    const how = DRAW[node.type];
    if (how) return how(node, this);
    return this.problem(`the theme cannot draw a ${node.type}`, node);
  }

  all(nodes) {
    return (nodes ?? []).map((node, i) => this.draw(node) + joined(node, nodes[i + 1])).join("");
  }

  render() {
    const nodes = this.content.mdast.children.flatMap((block) =>
      block.type === "block" && block.kind !== "notebook-code" ? block.children : [block],
    );
    const groups = [{ heading: null, nodes: [] }];
    for (const node of nodes) {
      if (node.type === "heading" && node.depth === 2) groups.push({ heading: node, nodes: [] });
      else groups.at(-1).nodes.push(node);
    }
    this.html = groups.map((group) => this.section(group)).join("\n") + this.foot();
  }

  section({ heading, nodes }) {
    const body = this.all(nodes);
    const words = nodes.map(text).join(" ").replace(/\s+/g, " ").trim();
    if (!heading) {
      if (words) this.sections.push({ id: this.file, title: this.title, section: "", text: words });
      return body && tag("section", { class: "lead" }, body);
    }
    const title = text(heading);
    const part = this.chapter ? PARTS[title] : undefined;
    const id = heading.html_id ?? heading.identifier;
    this.headings.push({ id, title, part });
    this.sections.push({ id: `${this.file}#${id}`, title: this.title, section: title, text: words });
    const named = { class: part ? "part" : "", "data-part": part, "aria-labelledby": id };
    return tag("section", named, `${this.draw(heading)}${body}`);
  }

  /** Footnotes, then the literature that the page has cited. */
  foot() {
    const notes = this.footnotes.map((id) => {
      const back = `<a class="back" href="#ref-${escape(id)}" aria-label="Back to the text">↩</a>`;
      return tag("li", { id: `note-${id}` }, this.all(this.notes.get(id)?.children) + back);
    });
    const { order = [], data = {} } = this.content.references?.cite ?? {};
    const works = order.map((key) => tag("li", { id: `cite-${key}` }, clean(data[key].html)));
    const lists = [];
    if (notes.length > 0) lists.push(list("Notes", "notes", "ol", notes));
    if (works.length > 0) lists.push(list("References", "references", "ul", works));
    return lists.join("");
  }
}

const list = (title, id, kind, items) =>
  tag(
    "section",
    { class: "foot", "aria-labelledby": id },
    tag("h2", { id }, title) + tag(kind, { class: id }, items.join("")),
  );

/** A word joiner between a formula and its full stop, or the stop might begin the next line. */
const joined = (node, next) =>
  node.type === "inlineMath" && /^[.,;:!?)]/.test(next?.value ?? "") ? "\u2060" : "";

/** A reference names its DOI once, quietly. */
const clean = (html) => html.replace(/ target="_blank"/g, "").replace(/ rel="noreferrer"/g, "");
