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

function ways(page, { options }) {
  const name = page.source.replace(/^chapters\//, "").replace(/\.md$/, "");
  const notebook = `notebooks/${name}.ipynb`;
  const [repository, branch] = [options.repository, options.branch ?? "main"];
  const lab = encodeURIComponent(`lab/tree/rgwidgets-notebooks/${name}.ipynb`);
  const pull = `repo=${encodeURIComponent(repository)}&branch=${branch}&urlpath=${encodeURIComponent(`lab/tree/rgwidgets/book/chapters/${name}.md`)}`;
  const links = [
    [notebook, "Notebook", { download: `${name}.ipynb` }],
    [options.binder_image && `${options.binder_image}?urlpath=${lab}`, "Binder", {}],
    [options.colab && `${options.colab}/notebooks/${name}.ipynb`, "Colab", {}],
    [options.hub && `${options.hub}/hub/user-redirect/git-pull?${pull}`, "JupyterHub", {}],
    [repository && `${repository}/edit/${branch}/book/${page.source}`, "Edit", {}],
  ];
  const made = links
    .filter(([href]) => href)
    .map(([href, words, more]) => tag("a", { href, ...more }, words));
  return tag("p", { class: "ways" }, made.join(" "));
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
      ways(page, site),
  );
}
