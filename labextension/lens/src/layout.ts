/** The skeleton of a lens: what stands where, before anything is known. */
import { h, setText } from "./dom";
import type { ChartsPanel } from "./panel";
import type { Controls } from "./controls";
import type { Dial } from "./dial";
import type { FieldView } from "./field";
import type { Readout } from "./readout";
import type { Spec } from "./types";
import dial from "./dial.css?inline";
import frame from "./frame.css?inline";
import readout from "./readout.css?inline";
import theme from "./theme.css?inline";
import views from "./views.css?inline";

export interface Parts {
  dial: Dial;
  field: FieldView | null;
  readout: Readout | null;
  charts: ChartsPanel | null;
  controls: Controls;
}

/** The root carries its own style, so that it also works inside a shadow tree. */
export function rootOf(el: HTMLElement): HTMLElement {
  const sheet = h("style");
  sheet.textContent = [theme, frame, dial, views, readout].join("\n");
  const root = h("div", { class: "rg-lens" }, sheet);
  el.replaceChildren(root);
  return root;
}

export function entitle(root: Element, { title, subtitle }: Spec): void {
  for (const [selector, words] of Object.entries({ title, subtitle })) {
    const element = root.querySelector(`.rg-${selector}`);
    if (element) setText(element, words);
  }
}

export function arrange(
  spec: Spec,
  parts: Parts,
  status: HTMLElement,
  panel: HTMLElement,
): HTMLElement {
  const title = h("h3", { class: "rg-title" });
  const titles = h("div", { class: "rg-titles" }, title, h("p", { class: "rg-subtitle" }));
  entitle(titles, spec);
  const head = h("header", { class: "rg-head" }, titles, status);
  const views = h("div", { class: "rg-views" });
  if (parts.field) views.append(parts.field.el);
  if (parts.charts) views.append(parts.charts.el);
  views.classList.toggle("rg-single", !parts.field || !parts.charts);
  const body = h("div", { class: "rg-body" }, head, panel, parts.dial.el, parts.controls.el);
  if (views.childElementCount > 0) body.append(views);
  if (parts.readout) body.append(parts.readout.el);
  return body;
}
