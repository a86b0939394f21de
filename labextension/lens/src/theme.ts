/** Light or dark, as the page says it; the colours themselves come from its CSS variables. */
import type { Theme } from "./types";

const query = "(prefers-color-scheme: dark)";
const WATCHED = [
  "data-jp-theme-light",
  "data-jp-theme-name",
  "data-theme",
  "data-mode",
  "data-bs-theme",
  "theme",
  "class",
];

export function themeOf(doc: Document = document): Theme {
  const { body, documentElement: html } = doc;
  const jupyter = body?.dataset.jpThemeLight ?? html.dataset.jpThemeLight;
  if (jupyter !== undefined) return jupyter === "false" ? "dark" : "light";
  for (const element of [html, body]) {
    if (!element) continue;
    for (const name of ["data-theme", "data-mode", "data-bs-theme", "theme"]) {
      const value = element.getAttribute(name);
      if (value === "dark" || value === "light") return value;
    }
    if (element.classList.contains("dark") || element.classList.contains("vscode-dark"))
      return "dark";
    if (element.classList.contains("light") || element.classList.contains("vscode-light"))
      return "light";
  }
  return globalThis.matchMedia?.(query).matches ? "dark" : "light";
}

/** Calls back when the theme may have changed; returns how to stop. */
export function watchTheme(changed: () => void): () => void {
  const observer = new MutationObserver(changed);
  for (const element of [document.documentElement, document.body]) {
    if (element) observer.observe(element, { attributes: true, attributeFilter: WATCHED });
  }
  const media = globalThis.matchMedia?.(query);
  media?.addEventListener?.("change", changed);
  return () => {
    observer.disconnect();
    media?.removeEventListener?.("change", changed);
  };
}
