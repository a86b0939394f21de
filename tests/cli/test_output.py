"""Tables and JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rgwidgets.cli import output

WORDS = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=12)


@given(st.lists(st.tuples(WORDS, WORDS, WORDS), max_size=6))
def test_a_table_keeps_every_word_and_aligns_every_column(rows: list[tuple[str, ...]]) -> None:
    lines = output.to_table(rows, header=("one", "two", "three")).splitlines()
    assert len(lines) == len(rows) + 1
    start = lines[0].index("three")
    for row, line in zip(rows, lines[1:], strict=True):
        assert line.split() == list(row)
        assert line[start:] == row[-1]


def test_json_refuses_what_other_languages_cannot_read() -> None:
    assert json.loads(output.to_json({"T": 2.269, "name": "Potts–Ising"}))["T"] == 2.269
    with pytest.raises(ValueError, match="Out of range"):
        output.to_json({"T": float("nan")})
