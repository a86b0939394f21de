"""The whole of a small book: built once, built again, and refused with a reason."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import rgwidgets as rg
from book.engine import site, stage
from book.engine.__main__ import build
from book.engine.faults import BookError
from book.engine.places import Places
from rgwidgets.widgets import wire
from tests.book.small import line_of, small_book

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Places:
    places = small_book(tmp_path_factory.mktemp("small"))
    build(places)
    return places


@pytest.fixture
def copy(built: Places, tmp_path: Path) -> Places:
    """The small book again, its chapter executed already."""
    shutil.copytree(built.book, tmp_path / "book", ignore=shutil.ignore_patterns("_build"))
    return Places(tmp_path / "book")


def chapter(places: Places) -> Path:
    return places.chapters / "03-block-spins.md"


def test_every_page_is_there(built: Places) -> None:
    pages = {path.stem for path in built.html.glob("*.html")}
    assert {"index", "block-spins", "contents", "glossary", "timetable", "gallery"} <= pages
    assert "track-half-day" in pages


def test_the_chapter_shows_its_header_its_still_frame_and_its_number(built: Places) -> None:
    page = (built.html / "block-spins.html").read_text()
    assert "let blocks vote" in page
    assert 'alt="Spins in blocks that grow."' in page
    assert "A lattice at 6 scales." in page
    (still,) = re.findall(r'src="(records/[^"]+still\.svg)"', page)
    assert (built.html / still).read_text().startswith("<svg")


def test_the_page_holds_no_answer(built: Places) -> None:
    from rgwidgets.exercises.exercise import every

    told = (built.html / "block-spins.html").read_text() + (
        built.html / "exercises.json"
    ).read_text()
    assert f"{float(every()['3.1'].value):.4f}" not in told


def without_relevance(table: dict[str, Any]) -> dict[str, Any]:
    """A lattice so small has no exponents; a record leaves out what a live table calls null."""
    read: dict[str, Any] = json.loads(json.dumps(table))
    assert {*read.pop("relevance").get("values", [None])} == {None}
    return read


def test_what_the_page_shows_is_what_its_record_says(built: Places) -> None:
    (folder,) = (built.html / "records" / "block-spins").iterdir()
    index = json.loads((folder / "index.json").read_text())
    flow = rg.Flow.load(folder / "flow.zip")
    levels = [flow.level(cutoff) for cutoff in flow.scale.cutoffs]
    assert without_relevance(index["table"]) == without_relevance(wire.table(flow, levels))
    for header in index["pyramid"]:
        picture = flow.picture(flow.scale.cutoffs[header["index"]])
        assert picture is not None
        assert (folder / header["url"]).read_bytes() == wire.encode_picture(0, picture)[1]


def test_computing_the_record_again_gives_the_same_numbers(built: Places) -> None:
    (folder,) = (built.html / "records" / "block-spins").iterdir()
    recorded = rg.Flow.load(folder / "flow.zip")
    spins = rg.Ising(64, seed=1, device="cpu").sample(4, discard=20)
    live = rg.Flow(spins, rg.BlockSpin(2))
    for cutoff in live.scale.cutoffs:
        for name, value in live.level(cutoff).values.items():
            assert recorded.level(cutoff).values[name].value == pytest.approx(
                value.value, rel=1e-12
            )


def test_a_second_build_does_nothing(built: Places, capsys: pytest.CaptureFixture[str]) -> None:
    build(built)
    assert "nothing has changed" in capsys.readouterr().out


def test_the_notebook_to_download_has_the_chapters_cells(built: Places) -> None:
    notebook = json.loads((built.html / "notebooks" / "03-block-spins.ipynb").read_text())
    code = [cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert any("rg.Lens(flow, cutoff=2)" in source for source in code)
    prose = "".join(c["source"] for c in notebook["cells"] if c["cell_type"] == "markdown")
    assert "A lattice at 6 scales." in prose
    assert "{" + "term}" not in prose


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("kadanoff1966", "nobody1966", "nobody1966"),
        ("[](#eq-majority)", "[](#eq-nothing)", "eq-nothing"),
        ("{term}`block spin`", "{term}`block spun`", "spun"),
        ("Nine is odd.", "Nine is {term}`odd.", "{term}` has no closing backtick"),
        ("A bond inside a block.", "[A bond](nowhere.md)", "nowhere.md"),
        ("Nine is odd.", "```{mermaid}\ngraph LR; A-->B\n```", "cannot draw a mermaid"),
    ],
)
def test_a_broken_reference_fails_the_build_and_leaves_the_last_good_book(
    old: str, new: str, says: str, copy: Places, built: Places
) -> None:
    shutil.copytree(built.html, copy.html)
    before = (copy.html / "block-spins.html").read_bytes()
    text = chapter(copy).read_text().replace(old, new, 1)
    chapter(copy).write_text(text)
    with pytest.raises(BookError) as caught:
        build(copy)
    (fault, *_) = caught.value.faults
    assert says in str(caught.value)
    assert fault.file == chapter(copy)
    assert abs(fault.line - line_of(text, new.split("\n")[0])) <= 1
    assert (copy.html / "block-spins.html").read_bytes() == before


def test_a_missing_record_fails_the_build(copy: Places) -> None:
    (index,) = copy.cache.rglob("lens-1/index.json")
    index.unlink()
    with pytest.raises(BookError, match=r"03-block-spins\.md:\d+: the record lens-1 is missing"):
        build(copy)


def test_without_the_drawing_code_the_build_says_how_to_get_it(
    copy: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    for done in copy.cache.rglob("stills.done"):
        done.unlink()
    monkeypatch.setattr(site, "STILLS", copy.book / "none.mjs")
    with pytest.raises(BookError, match="make build"):
        build(copy)


def test_the_stage_holds_the_authors_own_lines(built: Places) -> None:
    assert (built.stage / "chapters" / "03-block-spins.md").read_text() == chapter(
        built
    ).read_text()
    assert stage.result(next(built.cache.rglob("result.json")).parent)["expressions"] == ["6"]
