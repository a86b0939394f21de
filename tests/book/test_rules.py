"""A chapter without one of its parts is refused, with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from book.engine import rules, syllabus
from book.engine.chapter import PARTS, Source
from book.engine.faults import Fault
from tests.book.small import CHAPTER, line_of, small_book


@pytest.fixture
def outline(tmp_path: Path) -> syllabus.Syllabus:
    return syllabus.load(small_book(tmp_path))


def found(text: str, outline: syllabus.Syllabus) -> list[Fault]:
    return list(rules.faults(Source(Path("03-block-spins.md"), text), outline.written[0]))


def test_a_whole_chapter_has_no_faults(outline: syllabus.Syllabus) -> None:
    assert found(CHAPTER, outline) == []


@pytest.mark.parametrize("titles", PARTS.values(), ids=PARTS)
def test_a_missing_part_is_named(titles: tuple[str, ...], outline: syllabus.Syllabus) -> None:
    head, _, rest = CHAPTER.partition(f"## {titles[0]}\n")
    _, mark, tail = rest.partition("\n## ")
    faults = found(head + mark[1:] + tail, outline)
    assert any(f"the part {titles[0]!r} is missing" in fault.message for fault in faults)


def test_parts_in_another_order_are_refused_where_the_order_breaks(
    outline: syllabus.Syllabus,
) -> None:
    text = CHAPTER.replace("## Predict", "## X").replace("## The idea", "## Predict")
    text = text.replace("## X", "## The idea")
    assert any("'The idea' comes where 'Predict'" in f.message for f in found(text, outline))


@pytest.mark.parametrize(
    ("cut", "by", "says"),
    [
        (":::{moment} 16\n", ":::{note} 16\n", "needs 3 {moment}"),
        ("{cite:p}`kadanoff1966`", "old", "cites nobody"),
        ("{term}`block spin`", "block spin", "uses no {term}"),
        ("assert flow", "flow", "asserts no equality"),
        (":alt: Spins in blocks that grow.\n", "", "no :alt: text"),
        ("A lattice at {eval}`len(flow)` scales.\n", "", "no caption"),
        (":::{solution} exercise-3.8", ":::{dropdown} x", "has no {solution} exercise-3.8"),
        ("label: exercise-3.9", "label: exercise-4.9", "not exercise-3.n"),
        ("label: exercise-3.1", "label: exercise-3.2", "exercise 3.1 of chapters.yml"),
        (":::{tutor}", ":::{note}", "needs 1 {tutor}"),
        ("# Block spins", "# Blocks", "'Block spins' in the list"),
        ("## Where this fails", "## A digression\n\nx\n\n## Where this fails", "third level"),
    ],
)
def test_what_a_part_lacks_is_told(
    cut: str, by: str, says: str, outline: syllabus.Syllabus
) -> None:
    assert cut in CHAPTER
    faults = found(CHAPTER.replace(cut, by, 1), outline)
    assert any(says in fault.message for fault in faults), faults


def test_a_fault_names_file_and_line(outline: syllabus.Syllabus) -> None:
    text = CHAPTER.replace("{cite:p}`kadanoff1966`", "old")
    (fault,) = found(text, outline)
    assert (
        str(fault) == f"03-block-spins.md:{line_of(text, '## The idea')}: 'The idea' cites nobody"
    )
