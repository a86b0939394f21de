"""A chapter's text is taken apart as it stands, and everything knows its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from book.engine.chapter import PARTS, Source
from book.engine.faults import BookError
from tests.book.small import CHAPTER, line_of

SOURCE = Source(Path("03-block-spins.md"), CHAPTER)


def test_each_cell_knows_the_line_of_its_first_line_of_code() -> None:
    lines = [cell.line for cell in SOURCE.cells]
    assert lines == [line_of(CHAPTER, "import rgwidgets"), line_of(CHAPTER, "assert flow")]


def test_a_cell_keeps_its_label_and_tags() -> None:
    first, second = SOURCE.cells
    assert (first.label, first.tags) == ("lens-critical", ("hide-input",))
    assert (second.label, second.tags) == ("", ())


def test_an_expression_stands_between_the_cells_that_it_stands_between() -> None:
    (expression,) = SOURCE.expressions
    assert expression.code == "len(flow)"
    assert expression.after == 1
    assert expression.line == line_of(CHAPTER, "{eval}")


def test_what_looks_like_an_expression_in_code_is_none() -> None:
    text = "# T\n\n```python\n{eval}`1`\n```\n\n```{code-cell}\n'{eval}`2`'\n```\n\n{eval}`3`\n"
    assert [e.code for e in Source(Path("x.md"), text).expressions] == ["3"]


def test_the_parts_are_found_in_order_with_their_anchors() -> None:
    assert [part.anchor for part in SOURCE.parts] == list(PARTS)


def test_a_heading_inside_a_fence_is_no_part() -> None:
    text = "# T\n\n```python\n## Predict\n```\n\n## Predict\n"
    assert [part.line for part in Source(Path("x.md"), text).parts] == [7]


@pytest.mark.parametrize("fence", ["```", ":::"])
def test_directives_are_counted_whatever_their_fence(fence: str) -> None:
    text = f"# T\n\n## Predict\n\n{fence}{{predict}} a\nWhat?\n{fence}\n\n## Exercises\n\nx\n"
    predict, exercises = Source(Path("x.md"), text).parts
    assert predict.count("predict") == 1
    assert exercises.line == 9


@pytest.mark.parametrize("bridge", PARTS["bridge"])
def test_the_bridge_may_look_to_either_side(bridge: str) -> None:
    text = CHAPTER.replace("## For interpretability", f"## {bridge}")
    assert Source(Path("x.md"), text).part("bridge") is not None


def test_options_that_are_no_yaml_are_refused_with_the_file() -> None:
    with pytest.raises(BookError, match=r"x\.md"):
        _ = Source(Path("x.md"), "# T\n\n```{code-cell}\n:tags: [a\n\n1\n```\n").cells
