// The search: its index is fetched when it is first asked.
let index = null;
const address = new URL("../../search.json", import.meta.url);
const FIELDS = { fields: ["title", "section", "text"], storeFields: ["title", "section", "start"] };
const WANT = { prefix: true, fuzzy: 0.2, boost: { title: 3, section: 2 } };
const MOST = 12;

async function load() {
  const [{ default: MiniSearch }, answer] = await Promise.all([
    import("./minisearch.js"),
    fetch(address),
  ]);
  return MiniSearch.loadJSON(await answer.text(), FIELDS);
}

function item({ id, title, section, start }) {
  const row = document.createElement("li");
  const link = document.createElement("a");
  link.href = id;
  const head = document.createElement("strong");
  head.textContent = section ? `${title} · ${section}` : title;
  const words = document.createElement("span");
  words.textContent = start.slice(0, 140);
  link.append(head, words);
  row.append(link);
  return row;
}

function dialog() {
  const made = document.createElement("dialog");
  made.className = "search";
  made.setAttribute("aria-label", "Search the book");
  made.innerHTML =
    '<form method="dialog"><input type="search" aria-label="Search for" placeholder="Search the book" autocomplete="off">' +
    '<button type="submit" aria-label="Close the search">Close</button></form>' +
    '<p role="status"></p><ol></ol>';
  document.body.append(made);
  const input = made.querySelector("input");
  input.addEventListener("input", () => void look(made, input.value));
  // The field would only empty itself.
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    made.close();
  });
  made.querySelector("form").addEventListener("submit", (event) => {
    const first = made.querySelector("ol a");
    if (event.submitter === null || document.activeElement === input) {
      if (first) location.href = first.href;
    }
  });
  made.addEventListener("click", (event) => {
    if (event.target === made || event.target.closest("ol a")) made.close();
  });
  return made;
}

async function look(made, words) {
  const said = made.querySelector("p");
  try {
    index ??= load();
    const found = words.trim() ? (await index).search(words, WANT).slice(0, MOST) : [];
    made.querySelector("ol").replaceChildren(...found.map(item));
    said.textContent = !words.trim() ? "" : found.length === 0 ? "Nothing found." : `${found.length} places`;
  } catch (fault) {
    index = null;
    said.textContent = `The search could not be loaded (${fault.message}).`;
  }
}

export function search(page) {
  let made = null;
  const open = () => {
    made ??= dialog();
    made.showModal();
    made.querySelector("input").select();
  };
  page.querySelector("button.find")?.addEventListener("click", open);
  page.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      open();
    }
  });
}
