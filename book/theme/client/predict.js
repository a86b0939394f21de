// A guess is made before the dial is turned, stays in sight of it, and leaves this browser never.
import { find } from "./lens.js";
import { keep, recall, slug } from "./store.js";

function guessed(form) {
  const [first] = form.elements;
  const chosen = form.querySelector("input[type=radio]:checked");
  if (chosen) return { value: chosen.value, words: chosen.dataset.words };
  const typed = form.querySelector("input[type=text]")?.value.trim() ?? "";
  return typed && first ? { value: typed, words: `${typed} ${form.dataset.unit ?? ""}`.trim() } : null;
}

function chip(form, words) {
  const place = find(form.dataset.lens, form.ownerDocument.body.lastElementChild);
  if (!place) return;
  const name = form.id;
  let note = place.parentElement.querySelector(`.prediction[data-of="${name}"]`);
  if (!words) return note?.remove();
  if (!note) {
    note = document.createElement("p");
    note.className = "prediction";
    note.dataset.of = name;
    place.before(note);
  }
  const link = document.createElement("a");
  link.href = `#${name}`;
  link.textContent = "Your guess";
  note.replaceChildren(link, `: ${words}`);
}

function show(form, guess) {
  const said = form.querySelector(".guess");
  said.hidden = !guess;
  form.classList.toggle("guessed", Boolean(guess));
  chip(form, guess?.words ?? "");
  if (!guess) return said.replaceChildren();
  const again = document.createElement("button");
  again.type = "button";
  again.className = "quiet";
  again.textContent = "Change it";
  again.addEventListener("click", () => {
    keep(key(form), null);
    show(form, null);
    form.querySelector("input")?.focus();
  });
  said.replaceChildren(`You guessed: ${guess.words}. Now turn the dial. `, again);
}

const key = (form) => `${slug()}:${form.id}`;

export function predictions(page) {
  for (const form of page.querySelectorAll("form.predict")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const guess = guessed(form);
      if (!guess) return form.querySelector("input")?.focus();
      keep(key(form), JSON.stringify(guess));
      show(form, guess);
    });
    const kept = recall(key(form));
    if (kept) restore(form, kept);
  }
}

function restore(form, kept) {
  try {
    const guess = JSON.parse(kept);
    const radio = [...form.querySelectorAll("input[type=radio]")].find((r) => r.value === guess.value);
    if (radio) radio.checked = true;
    else if (form.querySelector("input[type=text]")) form.querySelector("input[type=text]").value = guess.value;
    show(form, guess);
  } catch {
    keep(key(form), null); // what is kept there is not ours
  }
}
