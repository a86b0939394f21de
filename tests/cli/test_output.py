"""Tables, JSON, and files that appear whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rgwidgets.cli import output
from rgwidgets.core.errors import StorageError

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


def test_a_file_is_written_into_folders_that_are_made(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "table.csv"
    output.write_whole(target, b"x")
    assert target.read_bytes() == b"x"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("step", ["write_bytes", "replace"])
def test_a_full_disk_leaves_the_old_file_and_no_other(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "table.csv"
    target.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((Path, step, full) if step == "write_bytes" else (output.os, step, full)))
    with pytest.raises(StorageError, match=r"No space left.*nothing was changed"):
        output.write_whole(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]
