// What stays in the reader's own browser, and goes nowhere else.
const PREFIX = "rgwidgets-book:";

export function recall(name) {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null; // a browser that keeps nothing
  }
}

export function keep(name, value) {
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
  } catch {
    // A browser that keeps nothing still shows the page.
  }
}

export const slug = () => document.querySelector("main")?.dataset.slug ?? "";
