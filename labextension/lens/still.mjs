// Still frames of what a book shows: `node still.mjs FOLDER…` writes still.svg beside each
// index.json that it finds, and name.svg beside each name.vl.json.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { plot, still } from "./src/still";

// node:zlib has crc32 only since 20.15.
const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});
const crc32 = (bytes) =>
  bytes.reduce((crc, byte) => CRC[(crc ^ byte) & 255] ^ (crc >>> 8), 0xffffffff) ^ 0xffffffff;

function chunk(kind, content) {
  const body = Buffer.concat([Buffer.from(kind, "latin1"), content]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(content.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body) >>> 0, body.length + 4);
  return out;
}

function png({ width, height, sites, colours }) {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8); // eight bits a site, each an entry of the palette
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) {
    rows.set(sites.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  }
  const palette = Buffer.alloc(3 * 256);
  for (let i = 0; i < 256; i++) palette.set(colours.subarray(4 * i, 4 * i + 3), 3 * i);
  const file = Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", head),
    chunk("PLTE", palette),
    chunk("IDAT", deflateSync(rows, { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
  return `data:image/png;base64,${file.toString("base64")}`;
}

const read = (path) => JSON.parse(readFileSync(path, "utf8"));

async function record(folder) {
  const index = read(join(folder, "index.json"));
  const pyramid = index.pyramid.map(({ url, ...header }) => ({
    ...header,
    data: new Uint8Array(readFileSync(join(folder, url))),
  }));
  writeFileSync(join(folder, "still.svg"), await still({ ...index, pyramid }, png));
}

async function visit(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await visit(path);
    else if (entry.name === "index.json") await record(folder);
    else if (entry.name.endsWith(".vl.json")) {
      writeFileSync(path.replace(/\.vl\.json$/, ".svg"), await plot(read(path)));
    }
  }
}

for (const folder of process.argv.slice(2)) await visit(folder);
