"""The book on paper: what Chromium prints of a built book, read back."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pypdf
import pytest

from book.engine import pdf, syllabus
from book.engine.__main__ import build
from book.engine.faults import BookError
from book.engine.places import Places
from rgwidgets._version import __version__
from tests.book.small import small_book


def apart(act: Callable[..., Any], *given: Any) -> Any:
    """The printer has a browser of its own, which needs a thread where another test's is open."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(act, *given).result()


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    made = small_book(tmp_path_factory.mktemp("paper"))
    build(made)
    return made


@pytest.fixture(scope="module")
def book(places: Places) -> pypdf.PdfReader:
    target = places.build / pdf.NAME
    pages = apart(pdf.write, places, target)
    reader = pypdf.PdfReader(io.BytesIO(target.read_bytes()))
    assert len(reader.pages) == pages
    return reader


@pytest.fixture(scope="module")
def texts(book: pypdf.PdfReader) -> list[str]:
    return [" ".join(page.extract_text().split()) for page in book.pages]


def annotations(book: pypdf.PdfReader) -> list[tuple[int, Any]]:
    return [
        (number, link.get_object())
        for number, page in enumerate(book.pages, 1)
        for link in page.get("/Annots") or ()
    ]


def test_it_has_every_page_of_the_site(texts: list[str], places: Places) -> None:
    assert len(texts) >= 12
    whole = " ".join(texts)
    outline = syllabus.load(places)
    for words in [
        *(chapter.title for chapter in outline.chapters),
        *("Preface", "Contents", "Glossary", "Gallery", "Timetable", "Half a day"),
        "Solutions of the exercises",
    ]:
        assert words in whole


def test_it_says_on_its_first_page_which_book_it_is(texts: list[str]) -> None:
    assert "A dial on renormalisation" in texts[0]
    assert f"Version {__version__}, {pdf.day()}" in texts[0]


def test_it_shows_no_object_and_nothing_undefined(texts: list[str]) -> None:
    for text in texts:
        assert "undefined" not in text
        assert "object at 0x" not in text
        assert "[object" not in text


def test_it_numbers_its_pages_and_names_the_chapter_at_their_head(texts: list[str]) -> None:
    inside = [n for n, text in enumerate(texts, 1) if text.startswith("3 · Block spins")]
    assert inside
    for number in inside:
        assert re.search(rf"(^|\D){number}(\D|$)", texts[number - 1])


def test_it_tells_in_its_contents_where_each_chapter_is(texts: list[str]) -> None:
    (found,) = re.findall(r"3\W+Block spins\W*(\d+)", texts[1])
    assert "let blocks vote" in texts[int(found) - 1]
    assert re.search(r"Flows\W*planned", texts[1])


def test_it_names_the_position_of_the_dial(texts: list[str]) -> None:
    assert "At block size 16: Here little is left of the lattice." in " ".join(texts)


def test_it_asks_its_questions_and_keeps_its_buttons(texts: list[str]) -> None:
    whole = " ".join(texts)
    assert "the critical one" in whole
    for words in ("This is my guess", "Your answer", "Search", "Hint 1", "Binder"):
        assert words not in whole


def test_it_keeps_its_solutions_for_the_end(texts: list[str]) -> None:
    (at,) = [n for n, text in enumerate(texts, 1) if "Nine is odd." in text]
    assert at == len(texts)
    assert f"Solution on page {at}" in " ".join(texts[:-1])


def test_it_links_within_itself(book: pypdf.PdfReader) -> None:
    known = book.named_destinations
    for number, link in annotations(book):
        address = link.get("/A", {}).get("/URI", "")
        assert not address.startswith(pdf.HOST), f"page {number}: {address}"
        if "/Dest" in link and isinstance(link["/Dest"], str):
            assert link["/Dest"] in known or f"/{link['/Dest']}" in known
    assert sum("/Dest" in link for _, link in annotations(book)) > 20


def test_it_has_an_outline_of_parts_chapters_and_sections(book: pypdf.PdfReader) -> None:
    part = next(i for i, item in enumerate(book.outline) if getattr(item, "title", "") == "Scale")
    chapter, sections = book.outline[part + 1]
    assert chapter.title == "Block spins"
    assert [item.title for item in sections if not isinstance(item, list)][:2] == [
        "Predict",
        "Turn the dial",
    ]


def test_it_is_tagged_and_in_a_language(book: pypdf.PdfReader) -> None:
    assert book.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert book.trailer["/Root"]["/Lang"] == "en-GB"


def test_it_is_on_a4(book: pypdf.PdfReader) -> None:
    for page in book.pages:
        assert [round(float(side)) for side in page.mediabox[2:]] == [595, 842]


def test_it_keeps_its_last_good_copy_when_a_picture_is_missing(places: Places) -> None:
    target = places.build / pdf.NAME
    before = target.read_bytes()
    (still,) = places.html.rglob("still.svg")
    kept = still.read_bytes()
    still.unlink()
    try:
        with pytest.raises(BookError, match=r"still\.svg:1: cannot be printed"):
            apart(pdf.write, places, target)
    finally:
        still.write_bytes(kept)
    assert target.read_bytes() == before


def test_it_refuses_what_is_too_wide_for_paper(places: Places) -> None:
    wide = "<div class='sheet' id='x'><div class='table' style='overflow:auto;width:100px'>"
    wide += "<table><tr><td style='min-width:900px'>numbers</td></tr></table></div></div>"
    with pytest.raises(BookError, match=r"x: too wide for paper, by 9\.\d: numbers"):
        apart(pdf.Printer(places.html).printed, wide, places)
