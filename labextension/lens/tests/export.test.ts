import { afterEach, describe, expect, it, vi } from "vitest";
import { csv, shown, svg } from "../src/export";
import { mount, type Mounted } from "../src/page";
import { record } from "./records";

let drawn: Mounted | null = null;

function lens(given = record()): HTMLElement {
  const place = document.createElement("div");
  document.body.append(place);
  drawn = mount(place, given);
  return place.querySelector<HTMLElement>(".rg-lens")!;
}

afterEach(() => {
  drawn?.dispose();
  drawn = null;
  document.body.replaceChildren();
});

const rows = (text: string): Record<string, string>[] => {
  const [head, ...lines] = text.trimEnd().split("\n");
  const names = head!.split(",");
  return lines.map((line) =>
    Object.fromEntries(line.split(",").map((cell, i) => [names[i]!, cell])),
  );
};

describe("The table as CSV", () => {
  it("has the columns of the package's own export, one row a cutoff and observable", () => {
    const text = csv(record());
    expect(text.split("\n")[0]).toBe(
      "cutoff,observable,value,value_error,value_tau,average,resample,attack,certificate," +
        "average_error,resample_error,attack_error,certificate_error," +
        "average_how,resample_how,attack_how,certificate_how," +
        "average_statistic,resample_statistic,attack_statistic,certificate_statistic," +
        "tolerance,unit",
    );
    const told = rows(text);
    expect(told.map(({ cutoff, observable }) => `${cutoff} ${observable}`).slice(0, 3)).toEqual([
      "1 energy",
      "1 magnetisation",
      "2 energy",
    ]);
    expect(told).toHaveLength(8);
    expect(told[2]).toMatchObject({ value: "-1.41", attack: "0.03", tolerance: "0.1", unit: "J" });
    expect(told[1]!.tolerance).toBe("");
  });

  it("says none where there is no bound and inf where one is proved without a number", () => {
    const given = record() as any;
    given.table.certificate_kind = { energy: ["proved", "proved", "proved", "proved"] };
    const told = rows(csv(given));
    expect(told[6]).toMatchObject({ cutoff: "8", observable: "energy", certificate: "inf" });
    expect(told[7]).toMatchObject({ certificate: "", certificate_how: "none: " });
  });

  it("quotes what would break a row, and no spreadsheet takes a name for a formula", () => {
    const given = record() as any;
    given.spec.observables = [{ name: '=cmd|"a",1', unit: "a\nb" }];
    expect(csv(given)).toContain(`"'=cmd|""a"",1"`);
    expect(csv(given)).toContain('"a\nb"');
  });
});

describe("What is shown", () => {
  it("is the chart that is open and the observable that is chosen", () => {
    const given = record() as any;
    given.spec.views = ["field", "bounds", "observables"];
    given.charts = { bounds: {}, observables: {} };
    const root = lens(given);
    expect(shown(root)).toEqual({ view: "bounds", observable: "energy" });
    root.querySelector<HTMLElement>('[data-view="observables"]')!.click();
    root.querySelectorAll<HTMLElement>(".rg-pick")[1]!.click();
    expect(shown(root)).toEqual({ view: "observables", observable: "magnetisation" });
  });

  it("goes to the drawing for print as it stands, at the dial's place", async () => {
    const given = record() as any;
    given.charts = { bounds: { mark: "line" } };
    const still = vi.fn(async () => "<svg/>");
    const root = lens(given);
    expect(await svg({ still }, given, root, 2)).toBe("<svg/>");
    expect(still).toHaveBeenCalledWith(
      expect.objectContaining({ cutoff: 2, spec: given.spec }),
      expect.any(Function),
      { view: "bounds", observable: "energy" },
    );
  });
});
