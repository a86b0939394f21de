// What the book teaches with: predictions, places of the dial, exercises.
import { escape, tag, text } from "./html.mjs";

function predict(node, page) {
  const choices = node.children.filter(({ type }) => type === "choice");
  const question = page.all(node.children.filter((child) => !choices.includes(child)));
  const name = `predict-${node.name}`;
  const field = choices.length > 0 ? options(choices, name, page) : number(node, name);
  const form =
    tag("div", { class: "field" }, field) +
    tag("p", { class: "act" }, tag("button", { type: "submit", class: "primary" }, "This is my guess")) +
    tag("p", { class: "guess", hidden: true, role: "status" }, "");
  const named = { class: "predict", id: name, "data-name": node.name, "data-lens": node.lens, "data-unit": node.unit };
  return tag("form", { ...named, "aria-label": "Predict" }, tag("div", { class: "question" }, question) + form);
}

function options(choices, name, page) {
  const items = choices.map((choice) => {
    const value = escape(choice.value);
    const words = escape(choice.words);
    const body = page.all(inner(choice.children));
    return `<label><input type="radio" name="${escape(name)}" value="${value}" data-words="${words}"><span>${body}</span></label>`;
  });
  return tag("fieldset", {}, tag("legend", { class: "unseen" }, "Your guess") + items.join(""));
}

const inner = (children) =>
  children.length === 1 && children[0].type === "paragraph" ? children[0].children : children;

function number(node, name) {
  const unit = node.unit ? ` ${tag("span", { class: "unit" }, escape(node.unit))}` : "";
  return `<label>Your guess <input type="text" inputmode="decimal" name="${escape(name)}" autocomplete="off" size="8"></label>${unit}`;
}

function moment(node, page) {
  const turn = { type: "button", class: "turn", "data-turn": node.cutoff, "data-lens": node.lens };
  const button = tag("button", turn, escape(node.cutoff));
  return tag("div", { class: "moment", "data-at": node.cutoff }, button + tag("div", {}, page.all(node.children)));
}

/** The title that MyST gives an exercise or a solution, and what follows it. */
function titled(node) {
  const [first, ...rest] = node.children;
  return first?.type === "admonitionTitle" ? [first.children, rest] : [[], node.children];
}

function exercise(node, page) {
  const [title, body] = titled(node);
  const { check } = node;
  const name = `Exercise ${escape(node.enumerator)}`;
  const open = check ? "" : tag("span", { class: "open" }, "open");
  const head = tag("p", { class: "task-title" }, `<strong>${name}</strong> ${page.all(title)} ${open}`);
  const field = check ? answerField(check) + layers(check.hints) : "";
  const named = { class: "task", id: node.html_id, "data-exercise": check?.id };
  return tag("div", named, head + page.all(body) + field);
}

function answerField({ id: number, expects, choices }) {
  const id = `answer-${number}`;
  const label = tag("label", { for: id }, "Your answer");
  const pick = [`<option value="">choose …</option>`, ...choices.map((word) => tag("option", {}, escape(word)))];
  const input =
    choices.length > 0
      ? tag("select", { id }, pick.join(""))
      : `<input id="${escape(id)}" type="text" inputmode="text" autocomplete="off" size="12" maxlength="80">`;
  const kind = choices.length > 0 ? "" : tag("span", { class: "unit" }, escape(expects));
  const button = tag("button", { type: "submit" }, "Check");
  const said = tag("p", { class: "said", role: "status", hidden: true }, "");
  return tag("form", { class: "check" }, `${label} ${input} ${kind} ${button}${said}`);
}

/** Each hint lies inside the one before: they are opened one by one. */
function layers(hints) {
  return hints.reduceRight((deeper, hint, i) => {
    const title = hints.length > 1 ? `Hint ${i + 1} of ${hints.length}` : "Hint";
    const words = tag("p", {}, escape(hint));
    return tag("details", { class: "hint" }, tag("summary", {}, title) + words + deeper);
  }, "");
}

function solution(node, page) {
  const [, body] = titled(node);
  const of = node.children.flatMap((c) => (c.type === "admonitionTitle" ? c.children : []));
  const title = of.length > 0 ? of.map(text).join("") : "Solution";
  return tag("details", { class: "solution" }, tag("summary", {}, escape(title)) + page.all(body));
}

const tutor = (node, page) =>
  tag("details", { class: "tutor" }, tag("summary", {}, "For the tutor") + page.all(node.children));

export const teaching = { predict, moment, exercise, solution, tutor };
