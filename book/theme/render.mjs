// Renders every page of the book. The site engine calls this with the addresses of what it has
// parsed and of the folder to fill; a page that cannot be rendered fails the build.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { furnish } from "./render/furniture.mjs";
import { layout } from "./render/layout.mjs";
import { Page } from "./render/page.mjs";
import { index } from "./render/search.mjs";

const { CONTENT_CDN: cdn, BUILD_DIRECTORY: out, BOOK_STAGE: stage } = process.env;

async function fetched(path) {
  const answer = await fetch(`${cdn}/${path}`);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

const read = (name) => JSON.parse(readFileSync(join(stage, name), "utf8"));

const config = await fetched("config.json");
const [project] = config.projects;
const outline = read("outline.json");
const slugs = [project.index, ...project.pages.map(({ slug }) => slug).filter(Boolean)];
const contents = new Map();
for (const slug of slugs) contents.set(slug, await fetched(`content/${slug}.json`));

const site = { title: config.title, options: config.options, outline, contents, home: project.index };
const problems = [];
const pages = slugs.map((slug) => {
  const page = new Page(slug, contents.get(slug), site);
  page.render();
  problems.push(...page.problems);
  return page;
});
if (problems.length > 0) {
  for (const words of problems) console.error(`⛔️ ${words}`);
  process.exit(1);
}

mkdirSync(out, { recursive: true });
for (const page of pages) writeFileSync(join(out, page.file), layout(page, pages));
writeFileSync(join(out, "search.json"), JSON.stringify(index(pages)));
furnish(out);
