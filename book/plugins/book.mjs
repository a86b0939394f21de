// What the book adds to MyST: its teaching directives, and the results of its code cells.
import { directives, roles } from "./teaching.mjs";
import { exercises } from "./exercises.mjs";
import { results } from "./results.mjs";

export default { name: "The rgwidgets book", directives, roles, transforms: [results, exercises] };
