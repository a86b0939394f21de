// Two ES modules leave this folder: the lens, which every page loads, and the charts, which a page
// loads when it first shows one. Both go into the Python package and, for the extension, to dist/,
// with the hub alone beside them, what looks for lenses need not draw any, and the ways out of a
// lens, which only a viewer of records offers.
import { build, transform } from "esbuild";
import { copyFileSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const dist = resolve(here, "dist");
const shipped = process.env.RGWIDGETS_STATIC ?? resolve(here, "../../rgwidgets/widgets/static");
const limits = { "lens.js": 72_000, together: 1_000_000 };

const inlineStyle = {
  name: "inline-style",
  setup(build) {
    build.onResolve({ filter: /\.css\?inline$/ }, ({ path, resolveDir }) => ({
      path: resolve(resolveDir, path.replace("?inline", "")),
      namespace: "inline-style",
    }));
    build.onLoad({ filter: /.*/, namespace: "inline-style" }, async ({ path }) => {
      const { code } = await transform(readFileSync(path, "utf8"), { loader: "css", minify: true });
      return { contents: code.trim(), loader: "text", watchFiles: [path] };
    });
  },
};

const common = {
  absWorkingDir: here,
  outdir: dist,
  bundle: true,
  minify: true,
  format: "esm",
  charset: "utf8",
  legalComments: "none",
  plugins: [inlineStyle],
  logLevel: "warning",
};
await build({
  ...common,
  entryPoints: { lens: "src/index.ts", charts: "src/charts.ts", hub: "src/hub.ts", export: "src/export.ts" },
  platform: "browser",
  target: "es2022",
});
// The book's engine runs this one in Node: the same drawing code, on paper.
await build({
  ...common,
  entryPoints: { still: "still.mjs" },
  outExtension: { ".js": ".mjs" },
  platform: "node",
  target: "node20",
});

mkdirSync(shipped, { recursive: true });
let together = 0;
for (const name of ["lens.js", "charts.js"]) {
  copyFileSync(resolve(dist, name), resolve(shipped, name));
  const { size } = statSync(resolve(dist, name));
  together += size;
  console.log(`${name} ${size} bytes`);
  if (size > (limits[name] ?? Infinity)) throw new Error(`${name} exceeds ${limits[name]} bytes`);
}
console.log(`together ${together} bytes`);
if (together > limits.together) throw new Error(`the bundle exceeds ${limits.together} bytes`);
