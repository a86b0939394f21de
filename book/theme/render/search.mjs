// The index of the search: built here, loaded when the reader first searches.
import { MiniSearch } from "../libraries.mjs";

const LONGEST = 400;

export function index(pages) {
  const search = new MiniSearch({
    fields: ["title", "section", "text"],
    storeFields: ["title", "section", "start"],
  });
  const found = pages.flatMap((page) => page.sections);
  search.addAll(found.map((entry) => ({ ...entry, start: entry.text.slice(0, LONGEST) })));
  return search;
}
