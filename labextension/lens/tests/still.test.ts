import { describe, expect, it } from "vitest";
import { over, palette } from "../src/palette";
import { chosen, indexed, plot, still, toldApart, type Indexed } from "../src/still";
import type { Level } from "../src/codec";
import { bits, header, record } from "./records";

const level = (index: number, side: number): Level =>
  ({
    index,
    width: side,
    height: side,
    dtype: "u1",
    low: 0,
    high: 255,
    data: new Uint8Array(side * side),
  }) as never;

const CHART = {
  mark: "line",
  encoding: {
    x: { field: "cutoff", type: "quantitative" },
    y: { field: "average", type: "quantitative" },
  },
  params: [{ name: "observable", value: "" }],
  title: { text: { expr: "observable" } },
};

/** A record as the book stages it, its bytes beside their headers. */
function staged(): Record<string, any> {
  const pyramid = [0, 1].map((index) => ({ ...header(index), data: bits(index).bytes }));
  return { ...record(), pyramid, charts: { bounds: CHART }, cutoff: 1, preview: 1 };
}

const drawn: Indexed[] = [];
const png = (picture: Indexed): string => {
  drawn.push(picture);
  return "data:,";
};
const words = (svg: string): string[] =>
  [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map((m) => m[1]!);

describe("a still frame", () => {
  it("labels its pictures and stresses the one under the dial", async () => {
    const svg = await still(staged() as never, png);
    expect(words(svg)).toEqual(expect.arrayContaining(["b = 1", "b = 2"]));
    expect(svg).toMatch(/font-weight="600"[^>]*>b = 2</);
    expect(svg).not.toContain("The dial stands");
  });

  it("leaves no room above and below pictures that are wider than high", async () => {
    const wide = {
      index: 0,
      shape: [4, 8],
      dtype: "u1",
      low: 0,
      high: 1,
      data: new Uint8Array(32),
    };
    const svg = await still({ ...staged(), pyramid: [wide], cutoff: 0 } as never, png);
    const [, y, w, h] = /<image x="[\d.]+" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"/.exec(
      svg,
    )!;
    expect([Number(y), Number(w) / Number(h)]).toEqual([0, 2]);
  });

  it("says where the dial stands when it has charts alone", async () => {
    const svg = await still({ ...staged(), pyramid: [] } as never, png);
    expect(words(svg)).toContain("The dial stands at block 2");
  });

  it("shows the first observable that a cut can change", async () => {
    const given = staged();
    given.table.attack.energy = [0, 1e-17, 2e-17, 1e-17];
    given.table.average.energy = [0, 1e-17, 2e-17, 1e-17];
    expect(words(await still(given as never, png))).toContain("magnetisation");
    expect(words(await still(staged() as never, png))).toContain("energy");
  });

  it("shows what its reader has chosen and nothing else", async () => {
    const charts = { bounds: CHART, flow: { ...CHART, title: "flow plane" } };
    const given = { ...staged(), charts, cutoff: 1 } as never;
    const svg = await still(given, png, { view: "flow", observable: "magnetisation" });
    expect(words(svg)).toEqual(expect.arrayContaining(["b = 2", "flow plane"]));
    expect(words(svg)).not.toContain("b = 1");
    const chosen = await still(given, png, { view: "bounds", observable: "magnetisation" });
    expect(words(chosen)).toContain("magnetisation");
    expect(words(chosen)).not.toContain("flow plane");
  });

  it("is in the colours of the page, light or dark", async () => {
    const svg = await still(staged() as never, png);
    expect(svg).toContain("prefers-color-scheme:dark");
    expect(svg).not.toContain("undefined");
  });

  it("shows at most four scales, the finest and that of the dial among them", () => {
    const levels = [0, 1, 2, 3, 4, 5, 6].map((index) => level(index, 64));
    for (let cutoff = 0; cutoff < 7; cutoff++) {
      const indices = chosen(levels, cutoff).map(({ index }) => index);
      expect(indices).toHaveLength(4);
      expect(indices).toEqual(expect.arrayContaining([0, cutoff]));
    }
  });

  it("averages a picture that is finer than paper", () => {
    const fine = level(0, 800);
    fine.data.fill(100);
    const made = indexed(fine, palette("sequential", "light"));
    expect([made.width, made.height, made.sites[0]]).toEqual([400, 400, 100]);
  });
});

describe("a diverging map", () => {
  it.each([
    [-1, 0, 255],
    [0, 1, 0],
    [-1, 3, 64],
  ])("from %d to %d has its middle at zero", (low, high, zero) => {
    const [whole, table] = [palette("diverging", "light"), over("diverging", "light", low, high)];
    const middle = [whole[127], whole[128]];
    expect(middle).toContain(table[zero]);
  });

  it("of equal ends is the whole map, and other maps span what there is", () => {
    expect(over("diverging", "dark", -2, 2)).toBe(palette("diverging", "dark"));
    expect(over("sequential", "dark", -1, 0)).toBe(palette("sequential", "dark"));
  });
});

describe("a chart on paper", () => {
  const colour = { field: "law", type: "nominal" };
  const line = { mark: { type: "line" }, encoding: { color: colour } };

  it("dashes lines that only their colour tells apart, in their layers too", () => {
    const made = toldApart({ layer: [line, { mark: "rule", encoding: { color: colour } }] }) as any;
    expect(made.layer[0].encoding.strokeDash).toMatchObject(colour);
    expect(made.layer[0].encoding.strokeDash.scale.range).toHaveLength(6);
    expect(made.layer[1].encoding.strokeDash).toBeUndefined();
  });

  it.each([
    ["a shape tells apart", { color: colour, shape: colour }],
    ["dashes tell apart", { color: colour, strokeDash: { value: [1, 1] } }],
    ["a shade tells apart", { color: { field: "n", type: "ordinal" } }],
  ])("lets be what %s", (_, encoding) => {
    const spec = { mark: "line", encoding };
    expect(toldApart(spec)).toEqual(spec);
  });

  it("keeps the height that its author gave to the plot, whatever its legend takes", async () => {
    const values = ["a", "b", "c", "d", "e"].map((law, x) => ({ x, y: x, law }));
    const encoding = {
      x: { field: "x", type: "quantitative" },
      y: { field: "y", type: "quantitative" },
      color: { ...colour, legend: { orient: "bottom", columns: 1 } },
    };
    const svg = await plot({ mark: "line", data: { values }, encoding, height: 200 });
    expect(Number(/viewBox="0 0 800 ([\d.]+)"/.exec(svg)![1])).toBeGreaterThan(270);
    expect(words(svg)).toEqual(expect.arrayContaining(["a", "e"]));
  });
});
