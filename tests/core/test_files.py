"""Files appear whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rgwidgets.core import files
from rgwidgets.core.errors import ParameterError, StorageError


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
        files.write_whole(target, b"new", own=True)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


PAGE = (
    b'<!doctype html><html><meta name="generator" content="rgwidgets 0.1"><title>t</title></html>'
)
TABLE = b"cutoff,observable,value,value_error,value_tau,average,resample,attack,certificate\n"
WEIGHTS = (30).to_bytes(8, "little") + b'{"__metadata__":{"rgwidgets":"{}"}}'
OURS = [PAGE, TABLE, WEIGHTS]


def everything(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("there", [*OURS, b""], ids=["page", "table", "weights", "nothing"])
def test_what_this_project_wrote_is_replaced(there: bytes, tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(there)
    files.write_whole(target, there or PAGE)
    files.write_whole(target, there or PAGE)
    assert everything(tmp_path) == {"file": there or PAGE}


@pytest.mark.parametrize("new", OURS, ids=["page", "table", "weights"])
@pytest.mark.parametrize(
    "there",
    [
        b"years of work",
        b"<!doctype html><title>My holidays</title>",
        b"<!doctype html><title>x</title><p>" + b"." * 500 + PAGE,
        b"a,b\n1,2\n",
        b"\x89PNG\r\n\x1a\n" + bytes(60),
        b"PK\x03\x04 no archive",
        bytes(8) + b'{"__metadata__":{"format":"pt"}}',
        b"\xff\xfe\x00",
    ],
)
def test_what_somebody_else_wrote_is_refused_and_stays(
    new: bytes, there: bytes, tmp_path: Path
) -> None:
    target = tmp_path / "file"
    target.write_bytes(there)
    with pytest.raises(StorageError, match=r"somebody else's there; allowed: a new path, or an o"):
        files.write_whole(target, new)
    assert everything(tmp_path) == {"file": there}


def test_a_page_does_not_take_the_place_of_a_table(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(TABLE)
    with pytest.raises(StorageError, match=r"got a table of rgwidgets there; .*an older page"):
        files.write_whole(target, PAGE)
    assert everything(tmp_path) == {"file": TABLE}


@pytest.mark.parametrize("held", [[], ["thesis.tex"]])
def test_a_folder_in_the_way_of_a_file_stays(held: list[str], tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    target.mkdir()
    for name in held:
        (target / name).write_text("years of work")
    before = everything(tmp_path)
    with pytest.raises(StorageError):
        files.write_whole(target, PAGE)
    assert everything(tmp_path) == before


def test_a_file_in_the_way_of_a_folder_stays_and_no_folder_is_left(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("work")
    with pytest.raises(StorageError, match="nothing was changed"):
        files.write_whole(tmp_path / "file" / "deeper" / "page.html", PAGE)
    assert everything(tmp_path) == {"file": b"work"}


def test_a_full_disk_leaves_no_new_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match="No space left"):
        files.write_whole(tmp_path / "a" / "b" / "page.html", PAGE)
    assert everything(tmp_path) == {}


@pytest.mark.parametrize("target", ["nothing", "file", "loop"])
def test_a_link_to_what_is_not_ours_stays(target: str, tmp_path: Path) -> None:
    link = tmp_path / "loop"
    (tmp_path / "file").write_text("work")
    link.symlink_to(tmp_path / target)
    with pytest.raises(StorageError, match="link"):
        files.write_whole(link, PAGE)
    assert link.is_symlink()
    assert (tmp_path / "file").read_text() == "work"


def test_a_link_to_a_page_of_ours_is_replaced_and_the_page_stays(tmp_path: Path) -> None:
    (tmp_path / "old.html").write_bytes(PAGE)
    (tmp_path / "new.html").symlink_to(tmp_path / "old.html")
    files.write_whole(tmp_path / "new.html", PAGE + b"<!-- newer -->")
    assert not (tmp_path / "new.html").is_symlink()
    assert (tmp_path / "old.html").read_bytes() == PAGE


def test_what_cannot_be_read_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "page.html"
    target.write_bytes(PAGE)
    before = Path.open

    def closed(self: Path, mode: str = "r", *given: Any, **more: Any) -> Any:
        if self == target:
            raise PermissionError(13, "Permission denied")
        return before(self, mode, *given, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", closed)
        with pytest.raises(StorageError, match=r"cannot be read.*Permission denied"):
            files.write_whole(target, PAGE)
    assert everything(tmp_path) == {"page.html": PAGE}


@pytest.mark.parametrize("path", [None, 3, b"page.html", ["page.html"], "nul\0.html"])
def test_what_is_no_path_is_refused(path: Any) -> None:
    with pytest.raises(ParameterError, match="allowed: a path"):
        files.place(path, ".html")


@pytest.mark.parametrize("path", ["PAGE.HTML", "page.HtM", Path("a/b.html")])
def test_suffixes_may_be_in_any_case(path: Any) -> None:
    assert files.place(path, ".html", ".htm") == Path(path)
