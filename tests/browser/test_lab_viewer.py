"""Records as documents: the whole lens with no kernel, two on one dial, and ways out."""

from __future__ import annotations

import gzip
import json
import shutil
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Locator, Page, expect

from rgwidgets.core import Bound, Estimate, Flow, Influence, Level, RecordedFlow, Relevance, Scale
from rgwidgets.core.dataset import from_levels

from .lab import Lab, open_lab, set_theme, shoot

FILE = "Renormalisation record"
FOLDER = "Renormalisation record (folder)"


def flow(cutoffs: tuple[float, ...], title: str, name: str = "block size") -> RecordedFlow:
    """Spins at several scales, every number made up."""
    random = np.random.default_rng(len(cutoffs))
    levels = []
    for cutoff in cutoffs:
        side = max(4, int(64 / cutoff))
        spins = np.where(random.random((side, side)) < 0.5, -1, 1).astype(np.int8)
        size = cutoff / 100
        change = Influence(
            Bound(size, "measured", "own samples", size / 10),
            Bound(1.5 * size, "measured", "resampled", size / 10),
            Bound(2 * size, "measured", "search, 4 starts", size / 10),
            Bound(3 * size if cutoff < 8 else np.inf, "proved", "triangle inequality"),
        )
        known = {"energy": Estimate(-1.4 + size, 0.01, 1.5, 100)}
        order = Relevance(("thermal", "magnetic"), (1.0, 1.875), quantity="exponent")
        levels.append(
            Level(cutoff, known, {"energy": change}, order, {"K": 0.4 / cutoff}, field=spins)
        )
    return RecordedFlow(
        from_levels(
            levels,
            Scale(name, "b", "sites", cutoffs),
            {"energy": 0.1},
            {"energy": "J"},
            title=title,
            scheme="s",
            citation="a test",
            palette="spins",
        )
    )


@pytest.fixture(scope="module")
def records(lab: Lab) -> Path:
    """A folder of records, whole and spoilt."""
    folder = lab.root / "records"
    ising = flow((1, 2, 4, 8), "Spins of one kind")
    ising.save(folder / "one.flow.zip")
    ising.save(folder / "one.zarr")
    flow((1, 4, 16), "Spins of another kind").save(folder / "other.flow.zip")
    flow((1, 2), "Ranks", "rank").save(folder / "rank.flow.zip")
    whole = (folder / "one.flow.zip").read_bytes()
    (folder / "cut.flow.zip").write_bytes(whole[: len(whole) // 2])
    (folder / "notes.zip").write_bytes(b"")
    with zipfile.ZipFile(folder / "notes.zip", "w") as archive:
        archive.writestr("notes.txt", "no record")
    older = shutil.copytree(folder / "one.zarr", folder / "older.zarr")
    edit(older, lambda root: root["consolidated_metadata"]["metadata"].pop("page"))
    hostile(ising, folder / "hostile.zarr")
    return folder


def edit(folder: Path, change) -> None:
    root = json.loads((folder / "zarr.json").read_text())
    change(root)
    (folder / "zarr.json").write_text(json.dumps(root))


def hostile(ising: RecordedFlow, folder: Path) -> None:
    """A record whose words are code, and whose chart asks for an address."""
    ising.save(folder)
    chunk = folder / "page/c/0"
    page = json.loads(gzip.decompress(chunk.read_bytes()))
    code = '<img src=x onerror="window.ran = true"><script>window.ran = true</script>'
    page["spec"]["title"] = page["spec"]["describe"] = code
    for chart in page["charts"].values():
        chart["data"] = {"url": "/api/status?asked"}
        chart["params"] = [{"name": "evil", "expr": "(window.ran = true)"}]
    text = json.dumps(page).encode()
    chunk.write_bytes(gzip.compress(text))

    def resize(root: dict) -> None:
        node = root["consolidated_metadata"]["metadata"]["page"]
        node["shape"] = node["chunk_grid"]["configuration"]["chunk_shape"] = [len(text)]

    edit(folder, resize)


def execute(page: Page, command: str, **args: object) -> None:
    page.evaluate(
        "([id, args]) => { void window.jupyterapp.commands.execute(id, args); }", [command, args]
    )


def document(page: Page) -> Locator:
    """The record that is in sight."""
    return page.locator(".rg-record-document:not(.lm-mod-hidden)")


def dials(page: Page) -> Locator:
    return page.locator(".rg-record:visible .rg-dial input[type=range]")


def turn(page: Page, dial: Locator, key: str) -> None:
    dial.press(key)


@pytest.mark.parametrize("name", ["one.flow.zip", "one.zarr", "one.zarr/zarr.json"])
def test_a_record_opens_with_no_kernel_and_its_dial_turns(
    page: Page, lab: Lab, records: Path, name: str
) -> None:
    lab.kernels.stop()
    open_lab(page, lab)
    execute(page, "rgwidgets:open-record", path=f"records/{name}")
    shown = document(page)
    expect(shown).to_contain_text("Spins of one kind")
    expect(shown.locator(".rg-canvas")).to_have_attribute("data-level", "0")
    turn(page, dials(page), "End")
    expect(dials(page)).to_have_value("3")
    expect(shown.locator(".rg-canvas")).to_have_attribute("data-width", "8")
    expect(shown.locator(".rg-vega canvas").first).to_be_visible()
    assert lab.kernels.running() == []
    # No checkpoint was written into the record, nor beside it.
    assert not list(records.rglob(".ipynb_checkpoints/*"))
    Flow.load(records / "one.zarr")


def test_a_double_click_opens_what_is_named_as_a_record_and_a_menu_opens_a_folder(
    page: Page, lab: Lab, records: Path
) -> None:
    open_lab(page, lab)
    execute(page, "filebrowser:go-to-path", path="records")
    item = page.locator(".jp-DirListing-item", has_text="one.flow.zip")
    item.dblclick()
    expect(document(page)).to_contain_text("Spins of one kind")
    folder = page.locator(".jp-DirListing-item", has_text="one.zarr")
    folder.click(button="right")
    page.locator(".lm-Menu-item", has_text="Open record").click()
    expect(page.locator(".lm-TabBar-tab", has_text="one.zarr")).to_have_count(1)
    expect(document(page)).to_contain_text("Spins of one kind")


#: Waits until the workspace knows of the comparison.
LAID_OUT = """async () => {
  const { workspaces } = window.jupyterapp.serviceManager;
  for (;;) {
    const { values } = await workspaces.list();
    const main = values.map(({ data }) => data['layout-restorer:data']?.main);
    if (JSON.stringify(main).includes('rgwidgets-comparison')) return;
    await new Promise(resolve => setTimeout(resolve, 100));
  }
}"""


def test_open_records_are_restored_after_a_reload(page: Page, lab: Lab, records: Path) -> None:
    open_lab(page, lab)
    execute(page, "rgwidgets:open-record", path="records/one.zarr")
    expect(document(page)).to_contain_text("Spins of one kind")
    execute(
        page,
        "rgwidgets:compare-records",
        path="records/one.flow.zip",
        other="records/other.flow.zip",
    )
    expect(dials(page)).to_have_count(2)
    page.evaluate(LAID_OUT)
    open_lab(page, lab, "")
    page.locator(".lm-TabBar-tab", has_text="one.flow.zip | other.flow.zip").click()
    expect(dials(page)).to_have_count(2)
    turn(page, dials(page).first, "End")
    expect(dials(page).last).to_have_value("1")
    page.locator(".lm-TabBar-tab", has_text="one.zarr").click()
    expect(document(page)).to_contain_text("Spins of one kind")


def test_two_records_turn_on_one_dial(page: Page, lab: Lab, records: Path) -> None:
    open_lab(page, lab)
    execute(page, "rgwidgets:open-record", path="records/one.flow.zip")
    document(page).locator(".rg-compare").click()
    dialog = page.locator(".jp-Dialog")
    dialog.locator(".jp-DirListing-item", has_text="records").first.wait_for()
    dialog.locator(".jp-DirListing-item", has_text="records").first.dblclick()
    dialog.locator(".jp-DirListing-item", has_text="other.flow.zip").click()
    dialog.locator(".jp-mod-accept").click()
    expect(dials(page)).to_have_count(2)
    expect(page.locator(".rg-comparison-note")).to_contain_text("block size")
    one, other = dials(page).first, dials(page).last
    turn(page, one, "End")  # 8 is nearest to 4 or 16 by ratio: the nearer by difference
    expect(other).to_have_value("1")
    turn(page, other, "End")
    expect(one).to_have_value("3")
    turn(page, other, "Home")
    expect(one).to_have_value("0")


def test_records_without_a_common_scale_say_so_and_turn_alone(
    page: Page, lab: Lab, records: Path
) -> None:
    open_lab(page, lab)
    args = {"path": "records/one.flow.zip", "other": "records/rank.flow.zip"}
    execute(page, "rgwidgets:compare-records", **args)
    expect(page.locator(".rg-comparison-note")).to_contain_text("no scale in common")
    turn(page, dials(page).first, "End")
    expect(dials(page).first).to_have_value("3")
    expect(dials(page).last).to_have_value("0")


def test_what_is_shown_is_saved_as_png_svg_and_csv(
    page: Page, lab: Lab, records: Path, tmp_path: Path
) -> None:
    open_lab(page, lab)
    execute(page, "rgwidgets:open-record", path="records/one.flow.zip")
    shown = document(page)
    expect(shown.locator(".rg-vega canvas").first).to_be_visible()
    turn(page, dials(page), "ArrowRight")
    shown.locator(".rg-tab", has_text="Bounds").click()
    made = {}
    for kind in ("png", "svg", "csv"):
        with page.expect_download() as download:
            shown.locator(f".rg-export-{kind}").get_by_role("button").or_(
                shown.locator(f"jp-button.rg-export-{kind}, button.rg-export-{kind}")
            ).first.click()
        assert download.value.suggested_filename == f"one.{kind}"
        made[kind] = tmp_path / f"one.{kind}"
        download.value.save_as(made[kind])
    assert made["png"].read_bytes().startswith(b"\x89PNG")
    assert made["png"].stat().st_size > 5000
    drawing = ElementTree.fromstring(made["svg"].read_text())
    words = ["".join(e.itertext()) for e in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert "b = 2" in words
    assert "energy" in " ".join(words)
    pictures = list(drawing.iter("{http://www.w3.org/2000/svg}image"))
    assert [p.get("href", "")[:22] for p in pictures] == ["data:image/png;base64,"]
    seen, kept = pd.read_csv(made["csv"]), Flow.load(records / "one.flow.zip").to_pandas()
    assert "attack_statistic" in seen
    pd.testing.assert_frame_equal(seen, kept[list(seen.columns)], check_dtype=False)


@pytest.mark.parametrize(
    "name, what, mend",
    [
        ("cut.flow.zip", "damaged or was cut short", "Copy it again"),
        ("notes.zip", "no record of a flow", "flow.save(path)"),
        ("older.zarr", "older version", "rg.Lens(rg.Flow.load(path))"),
    ],
)
def test_what_cannot_be_shown_says_why_and_how_to_mend_it(
    page: Page, lab: Lab, records: Path, name: str, what: str, mend: str
) -> None:
    open_lab(page, lab)
    execute(page, "rgwidgets:open-record", path=f"records/{name}")
    alert = document(page).get_by_role("alert")
    expect(alert).to_contain_text(what)
    expect(alert).to_contain_text(mend)
    expect(document(page).locator(".rg-lens")).to_have_count(0)


def test_nothing_in_a_hostile_record_runs_or_asks_an_address(
    page: Page, lab: Lab, records: Path
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    open_lab(page, lab)
    execute(page, "rgwidgets:open-record", path="records/hostile.zarr")
    expect(document(page)).to_contain_text("<script>")
    expect(document(page).locator(".rg-chart-note").first).to_contain_text("cannot be drawn")
    assert page.evaluate("() => window.ran") is None
    assert document(page).locator(".rg-title img, .rg-title script").count() == 0
    assert not [url for url in asked if url.endswith("asked")]


def test_a_record_that_was_mended_or_replaced_is_read_again(
    page: Page, lab: Lab, records: Path
) -> None:
    open_lab(page, lab)
    place = records / "again.flow.zip"
    shutil.copy(records / "cut.flow.zip", place)
    execute(page, "rgwidgets:open-record", path="records/again.flow.zip")
    expect(document(page).get_by_role("alert")).to_contain_text("cut short")
    shutil.copy(records / "one.flow.zip", place)
    document(page).get_by_role("button", name="Try again").click()
    expect(document(page)).to_contain_text("Spins of one kind")
    turn(page, dials(page), "ArrowRight")
    flow((1, 4, 16), "Spins of another kind").save(place)
    execute(page, "docmanager:reload")
    expect(document(page)).to_contain_text("Spins of another kind")
    expect(dials(page)).to_have_value("1")


#: Whether the words of the chart are light, as they must be on dark paper.
LIGHT_WORDS = """() => {
  const canvas = document.querySelector('.rg-record-document .rg-vega canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let light = 0, dark = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] < 200) continue;
    const [least, most] = [Math.min(...data.slice(i, i + 3)), Math.max(...data.slice(i, i + 3))];
    light += least > 200;
    dark += most < 60;
  }
  return light > dark;
}"""


def test_the_whole_lens_follows_every_theme(page: Page, lab: Lab, records: Path) -> None:
    open_lab(page, lab)
    execute(page, "rgwidgets:open-record", path="records/one.flow.zip")
    expect(document(page).locator(".rg-vega canvas").first).to_be_visible()
    for theme in ("light", "dark", "light", "dark high contrast", "dark"):
        kind = theme.split()[0]
        set_theme(page, theme)
        expect(document(page).locator(".rg-lens")).to_have_attribute("data-rg-theme", kind)
        page.wait_for_function(f"() => ({LIGHT_WORDS})() === {json.dumps(kind == 'dark')}")
        shoot(page, f"viewer-{theme.replace(' ', '-')}")
    set_theme(page, "light")
