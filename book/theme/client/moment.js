// A button beside the text turns the dial to the place that the text speaks of.
import { find, withDial } from "./lens.js";

const still = matchMedia("(prefers-reduced-motion: reduce)");

async function indexOf(place, label) {
  const answer = await fetch(new URL(`${place.dataset.record}index.json`, document.baseURI));
  const { labels } = (await answer.json()).spec.scale;
  return labels.indexOf(label);
}

async function turn(button) {
  const place = find(button.dataset.lens, button);
  if (!place) return;
  const index = await indexOf(place, button.dataset.turn);
  if (index < 0) return;
  const { top, bottom } = place.getBoundingClientRect();
  if (top < 0 || bottom > innerHeight) {
    place.scrollIntoView({ block: "nearest", behavior: still.matches ? "auto" : "smooth" });
  }
  withDial(place, (dial) => {
    dial.value = String(index);
    for (const kind of ["input", "change"]) dial.dispatchEvent(new Event(kind, { bubbles: true }));
  });
}

export function moments(page) {
  for (const button of page.querySelectorAll("button.turn")) {
    button.setAttribute("aria-label", `Turn the dial to ${button.dataset.turn}`);
    button.addEventListener("click", () => void turn(button));
  }
}
