// Puts what a chapter's cells gave where the cells stand, and its numbers into its prose.
import { basename } from "node:path";
import { read } from "./stage.mjs";

const slugOf = (path) => basename(path, ".md").replace(/^\d+-/, "");

function fail(file, node, words) {
  file.message(words, node.position).fatal = true;
}

function fill(cells, shown, slug, file) {
  if (cells.length !== shown.length) {
    const words = `${cells.length} code cells stand here, but ${shown.length} were executed: a cell inside a directive is none`;
    return fail(file, cells.at(-1) ?? {}, words);
  }
  cells.forEach((cell, number) => {
    const outputs = cell.children.find(({ type }) => type === "outputs");
    outputs.children = shown[number].outputs.map((output) => ({
      type: "result",
      ...output,
      folder: `records/${slug}`,
      lens: cell.label ?? "",
    }));
  });
}

/** The alternative text of a figure outlives the picture that its output takes the place of. */
function keepWords(figures) {
  for (const figure of figures) {
    const image = figure.children.find(({ type }) => type === "image");
    if (image?.url?.startsWith("#")) figure.alt = image.alt;
  }
}

export const results = {
  name: "results",
  stage: "document",
  plugin: (_, utils) => (tree, file) => {
    // Only what can be referred to has a number.
    for (const node of utils.selectAll("math", tree)) if (!node.label) node.enumerated = false;
    keepWords(utils.selectAll("container[kind=figure]", tree));
    const slug = slugOf(file.path ?? "");
    const cells = utils.selectAll("block[kind=notebook-code]", tree);
    const found = read(`results/${slug}.json`, null);
    if (!found) {
      if (cells.length > 0) fail(file, cells[0], "this page has code cells but is no chapter");
      return;
    }
    fill(cells, found.cells, slug, file);
    const expressions = utils.selectAll("inlineExpression", tree);
    expressions.forEach((node, number) => {
      const value = found.expressions[number];
      if (value === undefined) return fail(file, node, `{eval} ${node.value} was not evaluated`);
      delete node.children;
      Object.assign(node, { type: "text", value });
    });
  },
};
