// What is wider than its place scrolls; a keyboard must reach it then, and only then.
function tell(place) {
  const over = place.scrollWidth > place.clientWidth + 1;
  if (over === place.hasAttribute("tabindex")) return;
  const given = { tabindex: "0", role: "group", "aria-label": `${place.dataset.wide}, scrolls` };
  for (const [name, value] of Object.entries(given)) {
    if (over) place.setAttribute(name, value);
    else place.removeAttribute(name);
  }
}

export function widths(page) {
  const places = [...page.querySelectorAll("[data-wide]")];
  const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => tell(target)));
  for (const place of places) sizes.observe(place);
  // Another typeface changes what is in a place, and not the place.
  page.fonts.addEventListener("loadingdone", () => places.forEach(tell));
}
