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
  const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => tell(target)));
  for (const place of page.querySelectorAll("[data-wide]")) {
    sizes.observe(place);
    tell(place);
  }
}
