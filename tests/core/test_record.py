"""Records are written whole or not at all, and read whole or refused; they run no code."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rgwidgets.core import Flow, Level, Scale, record
from rgwidgets.core.dataset import from_levels
from rgwidgets.core.errors import RecordError, StorageError

ATTRS = {"title": "t", "scheme": "s", "citation": "c"}
Refused = Callable[[Path], RecordError]
FORMS = pytest.mark.parametrize("form", ["r.zarr", "r.zip"])


def left_beside(path: Path) -> list[str]:
    return sorted(p.name for p in path.parent.iterdir() if p != path)


def large(size: int = 300) -> xr.Dataset:
    """A flow with a picture that does not compress."""
    noise = np.random.default_rng(0).random((size, size), dtype=np.float32)
    levels = [Level(1.0, {}, {}, field=noise)]
    return from_levels(levels, Scale("rank", "k", "", (1.0,)), {}, {}, **ATTRS)


# -- saved and loaded is the same ------------------------------------------------------------------


@pytest.mark.slow
@settings(
    deadline=None,
    max_examples=8,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(drawn=st.data(), form=st.sampled_from(["r.zarr", "r.zip"]))
def test_save_then_load_is_the_identity(
    tables: st.SearchStrategy, tmp_path: Path, drawn: st.DataObject, form: str
) -> None:
    levels, scale, tolerances, units = drawn.draw(tables)
    table = from_levels(levels, scale, tolerances, units, **ATTRS)
    before = table.copy(deep=True)
    loaded = record.load(record.save(table, tmp_path / form))
    assert loaded.identical(before)
    assert {n: v.dtype for n, v in loaded.variables.items()} == {
        n: v.dtype for n, v in before.variables.items()
    }
    assert table.identical(before)
    assert not [name for name in left_beside(tmp_path / form) if name.startswith(".")]


@pytest.mark.parametrize("unit", ["seconds", "days", "days since 2000-01-01", "%", ""])
def test_units_that_sound_like_dates_stay_numbers(tmp_path: Path, unit: str) -> None:
    table = from_levels(
        [Level(c, {}, {}) for c in (1.0, 2.0)],
        Scale("time", "t", unit, (1.0, 2.0)),
        {},
        {},
        **ATTRS,
    )
    assert record.load(record.save(table, tmp_path / "r.zip")).identical(table)


@FORMS
def test_a_flow_of_couplings_without_observables_is_kept(tmp_path: Path, form: str) -> None:
    levels = [Level(c, {}, {}, couplings={"K": 1 / c}) for c in (1.0, 2.0)]
    table = from_levels(levels, Scale("length", "b", "sites", (1.0, 2.0)), {}, {}, **ATTRS)
    loaded = Flow.load(record.save(table, tmp_path / form))
    assert loaded.to_xarray().identical(table)
    assert loaded.level(2).couplings == {"K": 0.5}


def test_a_folder_holds_gzipped_chunks_that_a_browser_can_read(folder: Path) -> None:
    root = json.loads((folder / "zarr.json").read_text())
    assert (root["zarr_format"], root["node_type"]) == (3, "group")
    arrays = root["consolidated_metadata"]["metadata"]
    assert {tuple(c["name"] for c in a["codecs"]) for a in arrays.values()} == {
        ("bytes", "gzip"),
        ("vlen-utf8", "gzip"),
    }
    assert arrays["observable"]["data_type"] == "string"
    assert all(
        a["chunk_grid"]["configuration"]["chunk_shape"] == a["shape"] for a in arrays.values()
    )


def test_a_zip_is_one_file_with_the_same_store_inside(data: xr.Dataset, tmp_path: Path) -> None:
    path = record.save(data, tmp_path / "r.zip")
    with zipfile.ZipFile(path) as archive:
        assert "zarr.json" in archive.namelist()
        assert "attack/zarr.json" in archive.namelist()
    assert left_beside(path) == []


# -- saving that fails -----------------------------------------------------------------------------


def fails_with(number: int) -> Callable[..., Any]:
    def fail(*args: object, **kwargs: object) -> Any:
        raise OSError(number, os.strerror(number))

    return fail


def half_written(*args: object, **kwargs: object) -> Any:
    """Stands for `Dataset.to_zarr` on a disk that fills up in the middle."""
    folder = Path(str(args[1]))
    folder.mkdir()
    (folder / "zarr.json").write_text("{")
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    "form, place, failure",
    [
        ("folder", "xarray.Dataset.to_zarr", half_written),
        ("zipped", "xarray.Dataset.to_zarr", half_written),
        ("zipped", "zipfile.ZipFile.write", fails_with(errno.ENOSPC)),
        ("zipped", "os.replace", fails_with(errno.EIO)),
        ("folder", "os.rename", fails_with(errno.EIO)),
    ],
)
def test_a_save_that_fails_leaves_the_older_record_and_nothing_else(
    data: xr.Dataset,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
    place: str,
    failure: Callable[..., Any],
) -> None:
    path = request.getfixturevalue(form)
    before = left_beside(path)
    with monkeypatch.context() as patch:
        patch.setattr(place, failure)
        with pytest.raises(StorageError, match="nothing was changed"):
            record.save(large(8), path)
    assert record.load(path).identical(data)
    assert left_beside(path) == before


def test_a_swap_of_folders_that_fails_half_way_is_undone(
    data: xr.Dataset, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, calls = os.rename, []

    def second_fails(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == 2:
            raise OSError(errno.EIO, "gone")
        rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", second_fails)
        with pytest.raises(StorageError, match="got gone"):
            record.save(large(8), folder)
    assert len(calls) == 3
    assert record.load(folder).identical(data)
    assert left_beside(folder) == []


@pytest.mark.slow
def test_a_real_disk_limit_is_a_storage_error(
    data: xr.Dataset, folder: Path, zipped: Path, tmp_path: Path
) -> None:
    paths = [folder, zipped]
    np.save(tmp_path / "noise.npy", np.random.default_rng(0).random((400, 400), dtype=np.float32))
    script = textwrap.dedent("""
        import resource, sys
        import numpy as np
        from rgwidgets.core import Level, Scale, record
        from rgwidgets.core.dataset import from_levels
        from rgwidgets.core.errors import StorageError
        field = np.load(sys.argv[1])
        table = from_levels([Level(1.0, {}, {}, field=field)], Scale("rank", "k", "", (1.0,)),
                            {}, {}, title="t", scheme="s", citation="c")
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
        for path in sys.argv[2:]:
            try:
                record.save(table, path)
            except StorageError as error:
                print("StorageError", error)
    """)
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "noise.npy"), *map(str, paths)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 2, done.stdout + done.stderr
    assert all("File too large" in line and "nothing was changed" in line for line in lines)
    assert all(record.load(path).identical(data) for path in paths)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["noise.npy", "r.zarr", "r.zip"]


@FORMS
def test_an_interrupted_save_leaves_nothing_behind(
    data: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(record, "_put", interrupted)
    with pytest.raises(KeyboardInterrupt):
        record.save(data, tmp_path / form)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["folder", "zipped"])
def test_an_older_record_is_replaced_whole(request: pytest.FixtureRequest, form: str) -> None:
    path = request.getfixturevalue(form)
    before = left_beside(path)
    record.save(large(8), path)
    assert record.load(path).identical(large(8))
    assert left_beside(path) == before


def test_a_file_may_replace_the_folder_of_an_older_record(
    data: xr.Dataset, folder: Path, tmp_path: Path
) -> None:
    path = folder.rename(tmp_path / "r.zip")
    assert record.load(record.save(data, path)).identical(data)
    assert path.is_file()
    assert left_beside(path) == []


def test_a_folder_that_holds_something_else_is_not_replaced(
    data: xr.Dataset, tmp_path: Path
) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "thesis.tex").write_text("years of work")
    for path in (tmp_path / "results", tmp_path):
        with pytest.raises(StorageError, match="add the name of the record"):
            record.save(data, path)
    assert (tmp_path / "results" / "thesis.tex").read_text() == "years of work"
    assert left_beside(tmp_path / "results") == []


def test_an_empty_folder_may_become_a_record(data: xr.Dataset, tmp_path: Path) -> None:
    (tmp_path / "r.zarr").mkdir()
    assert record.load(record.save(data, tmp_path / "r.zarr")).identical(data)


def test_a_link_to_a_record_is_replaced_and_its_target_kept(
    data: xr.Dataset, folder: Path, tmp_path: Path
) -> None:
    link = tmp_path / "latest.zarr"
    link.symlink_to(folder)
    new = record.save(large(8), link)
    assert record.load(new).identical(large(8))
    assert record.load(folder).identical(data)
    assert left_beside(link) == ["r.zarr"]


@pytest.mark.parametrize("path", ["", ".", "..", "/"])
def test_a_place_that_is_no_name_is_refused(
    data: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    with pytest.raises(StorageError):
        record.save(data, path)
    assert list(tmp_path.rglob("*")) == [tmp_path / "inner"]


@FORMS
@pytest.mark.parametrize("inner", ["r", "deeper/r", "n" * 300])
def test_a_place_that_cannot_be_written_is_a_storage_error(
    data: xr.Dataset, tmp_path: Path, form: str, inner: str
) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    parent = tmp_path if inner.startswith("n") else file
    with pytest.raises(StorageError, match="a place with room that can be written"):
        record.save(data, parent / (inner + form))
    assert left_beside(file) == []
    assert file.read_text() == "not a folder"


@FORMS
def test_a_read_only_folder_is_a_storage_error(
    data: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o500)
    try:
        if os.access(locked, os.W_OK):  # root writes anywhere: let the system call say no
            monkeypatch.setattr("xarray.Dataset.to_zarr", fails_with(errno.EACCES))
        with pytest.raises(StorageError, match="Permission denied"):
            record.save(data, locked / form)
        assert list(locked.iterdir()) == []
    finally:
        locked.chmod(0o700)


def test_missing_folders_on_the_way_are_made(data: xr.Dataset, tmp_path: Path) -> None:
    assert record.load(record.save(data, tmp_path / "a" / "b" / "r.zarr")).identical(data)
