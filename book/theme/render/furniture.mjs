// Styles, scripts and typefaces, copied beside the pages.
import { cpSync, copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LIBRARIES } from "../libraries.mjs";

const here = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const SERIF = join(LIBRARIES, "@fontsource-variable/source-serif-4");
/** Scripts that the book is written in. */
const SCRIPTS = ["latin", "latin-ext", "greek"];
export const STYLES = ["type", "page", "blocks", "teaching", "lens", "print"];

function fonts(out) {
  const folder = join(out, "theme", "fonts");
  mkdirSync(folder, { recursive: true });
  const faces = [];
  for (const sheet of ["wght.css", "wght-italic.css"]) {
    const css = readFileSync(join(SERIF, sheet), "utf8");
    for (const face of css.match(/@font-face\s*{[^}]*}/g)) {
      const name = /files\/(source-serif-4-(.+)-wght-(?:normal|italic)\.woff2)/.exec(face);
      if (!name || !SCRIPTS.includes(name[2])) continue;
      copyFileSync(join(SERIF, "files", name[1]), join(folder, name[1]));
      faces.push(face.replace("./files/", "fonts/"));
    }
  }
  copyFileSync(join(SERIF, "LICENSE"), join(folder, "SOURCE-SERIF-LICENSE"));
  return faces.join("\n");
}

/** KaTeX's own style, with the one kind of font file that every browser takes. */
function mathematics(out) {
  const from = join(LIBRARIES, "katex", "dist");
  const folder = join(out, "theme", "katex");
  mkdirSync(join(folder, "fonts"), { recursive: true });
  for (const name of readdirSync(join(from, "fonts"))) {
    if (name.endsWith(".woff2")) copyFileSync(join(from, "fonts", name), join(folder, "fonts", name));
  }
  const css = readFileSync(join(from, "katex.min.css"), "utf8");
  const plain = css.replace(/,url\([^)]*\.(?:woff|ttf)\) format\("(?:woff|truetype)"\)/g, "");
  writeFileSync(join(folder, "katex.css"), plain);
  copyFileSync(join(LIBRARIES, "katex", "LICENSE"), join(folder, "LICENSE"));
}

export function furnish(out) {
  mkdirSync(join(out, "theme"), { recursive: true });
  const sheets = STYLES.map((name) => readFileSync(here(`style/${name}.css`), "utf8"));
  writeFileSync(join(out, "theme", "book.css"), [fonts(out), ...sheets].join("\n"));
  mathematics(out);
  cpSync(here("client"), join(out, "theme", "client"), { recursive: true });
  copyFileSync(join(LIBRARIES, "minisearch/dist/es/index.js"), join(out, "theme/client/minisearch.js"));
  const code = readFileSync(join(out, "theme/client/minisearch.js"), "utf8");
  const plain = code.replace(/\/\/# sourceMappingURL=.*/, "");
  writeFileSync(join(out, "theme/client/minisearch.js"), plain);
  copyFileSync(here("icon.svg"), join(out, "theme/icon.svg"));
}
