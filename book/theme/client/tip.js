// Definitions, references and notes under the pointer or the focus; Escape sends them away.
let shown = null;
let leaving = 0;

const box = () => {
  const made = document.createElement("div");
  made.className = "tip";
  made.id = "tip";
  made.setAttribute("role", "tooltip");
  made.addEventListener("pointerenter", () => clearTimeout(leaving));
  made.addEventListener("pointerleave", hide);
  document.body.append(made);
  return made;
};

function words(id) {
  const source = document.getElementById(id);
  if (!source) return null;
  const copy = (source.content ?? source).cloneNode(true);
  copy.querySelectorAll?.(".back").forEach((back) => back.remove());
  return copy.childNodes.length > 0 ? [...copy.childNodes] : null;
}

function place(tip, anchor) {
  const gap = 8;
  const { left, top, bottom } = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = tip;
  const room = document.documentElement.clientWidth;
  const above = top - height - gap;
  tip.style.left = `${scrollX + Math.max(gap, Math.min(left, room - width - gap))}px`;
  tip.style.top = `${scrollY + (above > 56 ? above : bottom + gap)}px`;
}

function show(anchor) {
  clearTimeout(leaving);
  const found = words(anchor.dataset.tip);
  if (!found) return;
  const tip = document.getElementById("tip") ?? box();
  if (shown) shown.removeAttribute("aria-describedby");
  tip.replaceChildren(...found);
  tip.hidden = false;
  place(tip, anchor);
  anchor.setAttribute("aria-describedby", "tip");
  shown = anchor;
}

function hide() {
  if (!shown) return;
  document.getElementById("tip").hidden = true;
  shown.removeAttribute("aria-describedby");
  shown = null;
}

export function tips(page) {
  for (const anchor of page.querySelectorAll("[data-tip]")) {
    anchor.addEventListener("pointerenter", () => show(anchor));
    anchor.addEventListener("focus", () => show(anchor));
    anchor.addEventListener("blur", hide);
    anchor.addEventListener("pointerleave", () => (leaving = setTimeout(hide, 160)));
  }
  page.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
}
