"""A chapter as a reader's notebook: plain Markdown and the same code."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from rgwidgets.notebooks import chapters


def prose(text: str) -> str:
    return "\n".join(
        cell["source"]
        for cell in chapters.to_notebook(text)["cells"]
        if cell["cell_type"] == "markdown"
    )


@pytest.mark.parametrize(
    ("myst", "plain"),
    [
        ("a {term}`cutoff`", "a *cutoff*"),
        ("{term}`the cut <Cutoff>`", "*the cut*"),
        ("{cite:p}`kadanoff1966,wilson1975`", "(Kadanoff 1966; Wilson 1975)"),
        ("{cite:t}`de-mulatier2024`", "De Mulatier (2024)"),
        ("{abbr}`RG (renormalisation group)`", "RG"),
        ("(a-label)=\n## Title", "## Title"),
        ("see [](#eq-majority)", "see (majority)"),
        ("see [the figure](#fig-a)", "see the figure"),
        ("$$\nx\n$$ (eq-a)", "$$\nx\n\\tag{a} $$"),
        (":::{figure} #lens\n:alt: words\nThe caption.\n:::", "*The caption.*"),
        (":::{note} Mind\nThis.\n:::", "> **Mind**\n>\n> This."),
    ],
)
def test_what_only_the_book_understands_becomes_plain(myst: str, plain: str) -> None:
    assert prose(myst) == plain


@pytest.mark.parametrize("name", ["solution", "tutor", "dropdown"])
def test_what_the_book_folds_stays_folded(name: str) -> None:
    text = prose(f":::{{{name}}} exercise-3.1\nWords.\n:::")
    assert text.startswith("<details><summary>")
    assert "Words." in text


def test_numbers_from_code_show_their_code_or_their_value() -> None:
    text = "{eval}`1 + 1` and {eval}`2 + 2`"
    assert prose(text) == "`1 + 1` and `2 + 2`"
    made = chapters.to_notebook(text, values=["2", "4"])
    assert made["cells"][0]["source"] == "2 and 4"


def test_an_exercise_that_is_checked_gets_a_cell_for_its_answer() -> None:
    text = ":::{exercise} A title\n:label: exercise-3.1\nWhat?\n:::\n\nMore."
    title, answer, more = chapters.to_notebook(text)["cells"]
    assert title["source"] == "### Exercise 3.1: A title\n\nWhat?"
    assert 'check("3.1", answer)' in answer["source"]
    assert more["source"] == "More."


def test_an_open_exercise_gets_none() -> None:
    text = ":::{exercise} A title\n:label: exercise-3.99\nWhat?\n:::"
    assert all(c["cell_type"] == "markdown" for c in chapters.to_notebook(text)["cells"])


def test_the_cell_that_installs_comes_first_where_it_is_wanted() -> None:
    first, *_ = chapters.to_notebook("# T", install="rgwidgets==1")["cells"]
    assert '%pip install -q "rgwidgets==1"' in first["source"]


@pytest.mark.parametrize("source", chapters.sources(), ids=lambda path: path.stem)
def test_every_chapter_becomes_a_valid_notebook(source: Path) -> None:
    notebook = nbformat.reads(chapters.copy(source).decode(), as_version=4)
    nbformat.validate(notebook)
    text = "".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for left in ("{term}", "{cite", ":::", "{eval}"):
        assert left not in text


def test_the_same_chapter_always_gives_the_same_bytes() -> None:
    (source, *_) = chapters.sources()
    assert chapters.copy(source) == chapters.copy(source)


def test_the_index_links_what_is_written_and_marks_what_is_planned() -> None:
    home = chapters.home()
    assert home is not None
    (cell,) = chapters.index(home)["cells"]
    for source in chapters.sources():
        assert f"({source.stem}.ipynb)" in cell["source"]
    if len(chapters.sources()) < 25:
        assert "(planned)" in cell["source"]
    assert json.dumps(cell)
