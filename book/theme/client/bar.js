// The bar on top: light and dark, and the menu of a narrow page.
import { keep, recall } from "./store.js";

const system = matchMedia("(prefers-color-scheme: dark)");

export function shade(page) {
  const root = page.documentElement;
  const button = page.querySelector("button.shade");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const tell = () => (button.textContent = dark() ? "Light" : "Dark");
  button.addEventListener("click", () => {
    const wanted = dark() ? "light" : "dark";
    const same = (wanted === "dark") === system.matches;
    if (same) delete root.dataset.theme;
    else root.dataset.theme = wanted;
    keep("theme", same ? null : wanted);
    tell();
  });
  system.addEventListener("change", tell);
  if (!recall("theme")) delete root.dataset.theme;
  tell();
}

export function menu(page) {
  const button = page.querySelector("button.menu");
  const nav = page.getElementById("nav");
  const set = (open) => {
    button.setAttribute("aria-expanded", String(open));
    nav.classList.toggle("open", open);
  };
  button.addEventListener("click", () => set(!nav.classList.contains("open")));
  nav.addEventListener("click", (event) => {
    if (event.target.closest("a")) set(false);
  });
  page.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && nav.classList.contains("open")) {
      set(false);
      button.focus();
    }
  });
  const here = nav.querySelector('[aria-current="page"]');
  if (here) nav.scrollTop = here.offsetTop - nav.clientHeight / 3;
}
