// Checks an answer by the rules of rgwidgets.exercises, in the same whole-number arithmetic.
import { within } from "./window.js";
import { Unreadable, parse } from "./number.js";

let rules = null;
const address = new URL("../../exercises.json", import.meta.url);
const load = () => (rules ??= fetch(address).then((answer) => answer.json()));

const plain = (words) => words.toLowerCase().replace(/[\s_-]+/g, " ").trim();

function inside(rule, answer) {
  if (rule.choices) {
    const word = plain(answer);
    if (!rule.choices.includes(word)) throw new Unreadable("choice");
    return (window) => within(window, rule.salt, word);
  }
  const number = parse(answer);
  return (window) => within(window, rule.salt, number);
}

/** {state, say}: the right answer first, then the known wrong routes, then what is near. */
export function judge(rule, say, answer) {
  let lies;
  try {
    lies = inside(rule, answer);
  } catch (fault) {
    if (fault instanceof Unreadable) return { state: "unread", say: say[fault.why] };
    throw fault;
  }
  if (lies(rule.right)) return { state: "right", say: rule.right.say };
  const route = rule.routes.find(lies);
  if (route) return { state: "route", say: route.say };
  if (rule.near && lies(rule.near)) return { state: "near", say: rule.near.say };
  return { state: "wrong", say: say.wrong };
}

async function verdict(exercise, answer) {
  try {
    const { exercises, say } = await load();
    return judge(exercises[exercise], say, answer);
  } catch (fault) {
    rules = null;
    return { state: "unread", say: `The rules of this exercise did not load (${fault.message}).` };
  }
}

export function exercises(page) {
  for (const form of page.querySelectorAll("form.check")) {
    const { exercise } = form.closest(".task").dataset;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const said = form.querySelector(".said");
      const { state, say } = await verdict(exercise, form.querySelector("input, select").value);
      said.hidden = false;
      said.textContent = say;
      said.dataset.right = String(state === "right");
    });
  }
}
