"""Files appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from rgwidgets.core import files
from rgwidgets.core.errors import StorageError


def test_a_file_is_written_into_folders_that_are_made(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "table.csv"
    files.write_whole(target, b"x")
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

    monkeypatch.setattr(*((Path, step, full) if step == "write_bytes" else (files.os, step, full)))
    with pytest.raises(StorageError, match=r"No space left.*nothing was changed"):
        files.write_whole(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]
