"""What the site engine warns of becomes a fault in the author's own file, at its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from book.engine import site
from book.engine.places import Places
from tests.book.small import small_book


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return small_book(tmp_path)


def test_a_warning_with_a_line_names_that_line(places: Places) -> None:
    said = "📖 Built x\n⚠️  chapters/03-block-spins.md:41 unexpected option\n"
    (fault,) = site._faults(said, places)
    assert fault.file == places.chapters / "03-block-spins.md"
    assert (fault.line, fault.message) == (41, "unexpected option")


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("Cross reference target was not found: eq-majority", "(eq-majority)"),
        ("Could not find citation: kadanoff1966", "{cite:p}"),
    ],
)
def test_a_warning_without_a_line_is_looked_up(message: str, words: str, places: Places) -> None:
    (fault,) = site._faults(f"⚠️  chapters/03-block-spins.md {message}", places)
    text = (places.chapters / "03-block-spins.md").read_text()
    assert fault.line == text[: text.index(words)].count("\n") + 1


def test_a_warning_about_no_file_is_a_fault_too(places: Places) -> None:
    (fault,) = site._faults("⛔️ something went wrong", places)
    assert fault.file.name == "myst.yml"


def test_what_is_no_warning_is_no_fault(places: Places) -> None:
    assert site._faults("📖 Built preface.md in 3 ms.\n🔌 plugin loaded\n", places) == []
