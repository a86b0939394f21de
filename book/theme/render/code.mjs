// Code, coloured while the page is made: the reader's browser has nothing to do.
import { classHighlighter, highlightCode, python } from "../libraries.mjs";
import { escape, tag } from "./html.mjs";

const PYTHON = new Set(["python", "ipython", "ipython3", "py"]);

function coloured(code) {
  let html = "";
  const put = (words, classes) => {
    html += classes ? `<span class="${classes}">${escape(words)}</span>` : escape(words);
  };
  highlightCode(code, python.parse(code), classHighlighter, put, () => (html += "\n"));
  return html;
}

export function highlighted(code, language) {
  const body = PYTHON.has(language) ? coloured(code) : escape(code);
  return tag("div", { class: "code" }, tag("pre", { "data-wide": "Code" }, tag("code", { class: language && `language-${language}` }, body)));
}
