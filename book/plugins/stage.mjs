// What the engine has laid out for the plugin: the outline, the results, the rules of exercises.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const STAGE = process.env.BOOK_STAGE ?? process.cwd();

export function read(name, otherwise) {
  const path = join(STAGE, name);
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : otherwise;
}
