// Everything that a page does by itself; each part leaves alone what is not there.
import { lenses } from "./lens.js";
import { moments } from "./moment.js";
import { predictions } from "./predict.js";
import { exercises } from "./exercise.js";
import { tips } from "./tip.js";
import { search } from "./search.js";
import { menu, shade } from "./bar.js";
import { copying } from "./copy.js";
import { widths } from "./wide.js";

const PARTS = [shade, menu, lenses, predictions, moments, exercises, tips, search, copying, widths];
for (const part of PARTS) {
  try {
    part(document);
  } catch (fault) {
    console.error(`[rgwidgets] ${part.name}:`, fault);
  }
}
