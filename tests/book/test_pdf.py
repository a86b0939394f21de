"""The book on paper: what is decided before and after Chromium prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from book.engine import pdf
from book.engine.faults import BookError
from rgwidgets._version import __version__
from tests.book.small import small_book


@pytest.mark.parametrize(
    ("stamp", "day"), [("0", "1 January 1970"), ("1900000000", "17 March 2030")]
)
def test_the_day_is_that_of_the_sources(
    stamp: str, day: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", stamp)
    assert pdf.day() == day


def test_the_title_page_follows_from_what_is_known_of_the_book(tmp_path: Path) -> None:
    title = pdf.about(small_book(tmp_path))
    assert (title.title, title.version) == ("A dial on renormalisation", __version__)
    assert title.address.startswith("https://")


def test_without_a_browser_the_printer_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pdf, "BROWSERS", ("no-such-browser",))
    with pytest.raises(BookError, match="make browser"):
        pdf.browser_path()


def test_page_numbers_that_never_settle_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, int]] = []

    def changing(_: bytes) -> dict[str, int]:
        return {"a": len(seen)}

    monkeypatch.setattr(pdf, "numbers_of", changing)
    monkeypatch.setattr(pdf.Printer, "printed", lambda *_: seen.append({}) or b"")
    places = small_book(tmp_path)
    with pytest.raises(BookError, match="do not settle"):
        pdf.Printer(places.html).settled(lambda numbers: "", places)
    assert len(seen) == pdf.PRINTINGS
