// What a chapter says of itself before it begins: all of it from chapters.yml.
import { escape, tag } from "./html.mjs";

const items = (words) => tag("ul", {}, words.map((word) => tag("li", {}, escape(word))).join(""));

function runs(chapter) {
  const seconds = (value) => (value < 1 ? "under a second" : `${Math.round(value)} s`);
  const cpu = chapter.cpu === null ? "" : `${seconds(chapter.cpu)} on one CPU core`;
  const gpu = chapter.gpu === null ? "" : `${seconds(chapter.gpu)} on a GPU`;
  return [cpu, gpu].filter(Boolean).join(", ");
}

function facts(chapter) {
  const tracks = chapter.tracks
    .map(({ id, title }) => tag("a", { href: `track-${id}.html` }, escape(title)))
    .join(", ");
  const pairs = [
    ["To read", `${chapter.minutes} min`],
    ["To run", runs(chapter)],
    ["Part of", tracks],
  ];
  const rows = pairs.filter(([, value]) => value);
  return tag("dl", { class: "facts" }, rows.map(([k, v]) => `<div><dt>${k}</dt><dd>${v}</dd></div>`).join(""));
}

/** Where a page can be opened otherwise; a button without an address is not there. */
function ways(links) {
  const made = links
    .filter(([href]) => href)
    .map(([href, words, more]) => tag("a", { href, ...more }, words));
  return made.length > 0 ? tag("p", { class: "ways" }, made.join(" ")) : "";
}

/** JupyterHub: nbgitpuller clones the branch into a folder called as the repository. */
function pulled(name, { hub, repository, notebooks }) {
  if (!hub || !repository || !notebooks) return "";
  const urlpath = `lab/tree/${repository.split("/").at(-1)}/${name}.ipynb`;
  const asked = new URLSearchParams({ repo: repository, branch: notebooks, urlpath });
  return `${hub.replace(/\/$/, "")}/hub/user-redirect/git-pull?${asked}`;
}

const edit = (page, { repository, branch = "main" }) =>
  repository && `${repository}/edit/${branch}/book/${page.source}`;

function opened(page, { options }) {
  const name = page.source.replace(/^chapters\//, "").replace(/\.md$/, "");
  // The copies that postBuild makes in the image, as `rgwidgets lab` does.
  const lab = encodeURIComponent(`lab/tree/rgwidgets-notebooks/${name}.ipynb`);
  return ways([
    [`notebooks/${name}.ipynb`, "Notebook", { download: `${name}.ipynb` }],
    [options.binder_image && `${options.binder_image}?urlpath=${lab}`, "Binder", {}],
    [options.colab && `${options.colab}/${name}.ipynb`, "Colab", {}],
    [pulled(name, options), "JupyterHub", {}],
    [edit(page, options), "Edit", {}],
  ]);
}

/** A page that is no chapter; one that is made from chapters.yml cannot be edited. */
export function pageHead(page, site) {
  const slug = page.source.replace(/\.md$/, "");
  const written = [...site.outline.front, ...site.outline.back].includes(slug);
  const words = tag("h1", {}, escape(page.title));
  return tag(
    "header",
    { class: "page-head" },
    words + (written ? ways([[edit(page, site.options), "Edit", {}]]) : ""),
  );
}

export function chapterHead(page, site) {
  const { chapter } = page;
  const lists =
    tag("div", {}, tag("h2", {}, "You will be able to") + items(chapter.objectives)) +
    tag("div", {}, tag("h2", {}, "You need") + items(chapter.needs));
  return tag(
    "header",
    { class: "page-head chapter-head" },
    tag("p", { class: "eyebrow" }, `${escape(chapter.part)} · Chapter ${chapter.number}`) +
      tag("h1", {}, escape(chapter.title)) +
      tag("div", { class: "promise" }, lists) +
      facts(chapter) +
      opened(page, site),
  );
}
