// Directives for teaching. They become nodes of their own, which the theme draws.

const text = (node) => node.value ?? (node.children ?? []).map(text).join("");

/** The last list of the body holds the choices; without one a number is asked for. */
const predict = {
  name: "predict",
  doc: "A question before any dial is shown. The last list of the body holds the choices.",
  arg: { type: String, required: true, doc: "A name that no other question of the page has" },
  options: {
    unit: { type: String, doc: "Of the number that is asked for" },
    lens: { type: String, doc: "Label of the lens on which the guess stays; by default the first" },
  },
  body: { type: "myst", required: true },
  run({ arg, options = {}, body }) {
    const last = body.at(-1);
    const choices = last?.type === "list" ? last.children : [];
    const children = choices.length > 0 ? body.slice(0, -1) : body;
    const shown = choices.map((item, i) => ({
      type: "choice",
      value: String(i),
      words: text(item).trim(),
      children: item.children,
    }));
    const { unit = "", lens = "" } = options;
    return [{ type: "predict", name: arg, unit, lens, children: [...children, ...shown] }];
  },
};

const moment = {
  name: "moment",
  doc: "A place worth turning the dial to, with what is to be seen there.",
  arg: { type: String, required: true, doc: "The cutoff, as the dial labels it" },
  options: { lens: { type: String, doc: "Label of the lens; by default the nearest above" } },
  body: { type: "myst", required: true },
  run({ arg, options = {}, body }) {
    return [{ type: "moment", cutoff: arg.trim(), lens: options.lens ?? "", children: body }];
  },
};

const tutor = {
  name: "tutor",
  doc: "Notes for whoever teaches, folded: timings, common confusions, a ten-minute version.",
  body: { type: "myst", required: true },
  run: ({ body }) => [{ type: "tutor", children: body }],
};

const quiet = (name) => ({
  name,
  doc: "A word of the generated pages.",
  body: { type: String, required: true },
  run: ({ body }) => [{ type: "word", kind: name, value: body }],
});

export const directives = [predict, moment, tutor];
export const roles = [quiet("planned"), quiet("dial")];
