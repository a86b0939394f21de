// A button beside the text turns the dial to the place that the text speaks of.
import { find, withDial } from "./lens.js";

const still = matchMedia("(prefers-reduced-motion: reduce)");

/** Brings the lens into view: all of it, or its dial where it is higher than the window. */
function approach(place) {
  const { top, bottom, height } = place.getBoundingClientRect();
  if (top >= 0 && bottom <= innerHeight) return;
  const block = height < innerHeight ? "nearest" : "start";
  place.scrollIntoView({ block, behavior: still.matches ? "auto" : "smooth" });
}

function turn(button) {
  const place = find(button.dataset.lens, button);
  if (!place) return;
  withDial(place, (dial, labels) => {
    const index = labels.indexOf(button.dataset.turn);
    if (index < 0) return;
    approach(place);
    dial.value = String(index);
    for (const kind of ["input", "change"]) dial.dispatchEvent(new Event(kind, { bubbles: true }));
  });
}

export function moments(page) {
  for (const button of page.querySelectorAll("button.turn")) {
    button.setAttribute("aria-label", `Turn the dial to ${button.dataset.turn}`);
    button.addEventListener("click", () => turn(button));
  }
}
