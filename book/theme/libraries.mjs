// What the theme takes from others: found where the JavaScript workspace has installed it.
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const beside = fileURLToPath(new URL("../../labextension/node_modules", import.meta.url));
export const LIBRARIES = process.env.BOOK_LIBRARIES ?? beside;

const require = createRequire(join(LIBRARIES, "index.js"));

export const { highlightCode, classHighlighter } = require("@lezer/highlight");
export const { parser: python } = require("@lezer/python");
const found = require("minisearch");
export const MiniSearch = found.default ?? found;
