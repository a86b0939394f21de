// Brings each lens to life when it comes near: one copy of the drawing code for the whole page.
const root = new URL("../../rgwidgets/", import.meta.url);
const NEAR = "600px";
let code = null;
/** What the dial of each lens is labelled with, once it lives. */
const labels = new WeakMap();

/** A browser remembers of an address that it failed, so each further try has another. */
let tries = 0;
const library = () =>
  (code ??= import(new URL(tries ? `lens.js?${tries}` : "lens.js", root)).catch((fault) => {
    code = null;
    tries += 1;
    throw fault;
  }));
const charts = () => Promise.resolve(new URL("charts.js", root).href);

async function fetched(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`.trim());
  return answer;
}

/** The record, with the one picture that is shown first. */
async function record(base) {
  const index = await (await fetched(new URL("index.json", base))).json();
  const first = (index.pyramid ?? []).find((level) => level.index === index.preview);
  if (first?.url) {
    const bytes = await (await fetched(new URL(first.url, base))).arrayBuffer();
    first.data = new Uint8Array(bytes);
    delete first.url;
  }
  return index;
}

async function enliven(place) {
  const base = new URL(place.dataset.record, document.baseURI);
  const away = place.querySelector(".away");
  away.hidden = true;
  try {
    const [{ mount }, index] = await Promise.all([library(), record(base)]);
    mount(place.querySelector(".live"), index, { charts, base: base.href });
    labels.set(place, index.spec.scale.labels);
    place.dataset.alive = "true";
    place.dispatchEvent(new CustomEvent("book:alive", { bubbles: true }));
  } catch (fault) {
    dead(place, away, fault);
  }
}

/** The still frame stays; the reader learns why it stands still. */
function dead(place, away, fault) {
  const again = document.createElement("button");
  again.type = "button";
  again.textContent = "Try again";
  again.addEventListener("click", () => void enliven(place));
  away.replaceChildren(`This dial could not be loaded (${fault.message}). It stands still. `, again);
  away.hidden = false;
  place.dataset.alive = "false";
}

export function lenses(page) {
  const places = page.querySelectorAll(".lens[data-record]");
  const sight = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        sight.unobserve(target);
        void enliven(target);
      }
    },
    { rootMargin: NEAR },
  );
  for (const place of places) sight.observe(place);
}

/** The lens of this label; the nearest above `from` if there is none, else the first. */
export function find(label, from) {
  const all = [...document.querySelectorAll(".lens[data-record]")];
  const named = all.find((place) => label && place.dataset.label === label);
  if (named || label) return named ?? null;
  const above = all.filter(
    (place) => place.compareDocumentPosition(from) & Node.DOCUMENT_POSITION_FOLLOWING,
  );
  return above.at(-1) ?? all[0] ?? null;
}

/** Runs `act` with the lens's dial and its labels, now or once it is alive. */
export function withDial(place, act) {
  const dial = place.querySelector(".rg-dial input[type=range]");
  if (dial && labels.has(place)) return act(dial, labels.get(place));
  place.addEventListener("book:alive", () => withDial(place, act), { once: true });
  place.scrollIntoView({ block: "center" });
}
