"""A record takes the place of nothing but an older record."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from rgwidgets.core import Level, Scale, record
from rgwidgets.core.dataset import from_levels
from rgwidgets.core.errors import ParameterError, StorageError

FORMS = pytest.mark.parametrize("form", ["r.zarr", "r.zip"])


def left_beside(path: Path) -> list[str]:
    return sorted(p.name for p in path.parent.iterdir() if p != path)


def large(size: int) -> xr.Dataset:
    levels = [Level(1.0, {}, {}, field=np.eye(size, dtype=np.float32))]
    scale = Scale("rank", "k", "", (1.0,))
    return from_levels(levels, scale, {}, {}, title="t", scheme="s", citation="c")


def zarr_of(path: Path, **changes: Any) -> None:
    """A store of somebody else, who also uses xarray."""
    xr.Dataset({"wind": ("x", [1.0, 2.0])}, attrs=changes).to_zarr(path, zarr_format=3)


def contents(folder: Path) -> dict[str, bytes]:
    return {p.as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.filterwarnings("ignore")
@FORMS
@pytest.mark.parametrize("attrs", [{}, {"format": "CF-1.8"}, {"format": 3}])
def test_a_zarr_store_of_somebody_else_stays(
    data: xr.Dataset, tmp_path: Path, form: str, attrs: dict[str, Any]
) -> None:
    path = tmp_path / f"era5{form}"
    zarr_of(path, **attrs)
    before = contents(tmp_path)
    with pytest.raises(StorageError, match=r"somebody else's.*an older record that rgwidgets"):
        record.save(data, path)
    assert contents(tmp_path) == before


def test_a_record_to_which_somebody_has_added_stays(data: xr.Dataset, folder: Path) -> None:
    (folder / "notes.txt").write_text("years of work")
    with pytest.raises(StorageError, match="somebody else's"):
        record.save(large(8), folder)
    assert (folder / "notes.txt").read_text() == "years of work"
    assert list(folder.parent.iterdir()) == [folder]


def test_what_a_file_manager_leaves_is_nobody_s(data: xr.Dataset, folder: Path) -> None:
    (folder / ".DS_Store").write_text("")
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "x").write_text("")
    assert record.load(record.save(large(8), folder)).identical(large(8))


@pytest.mark.parametrize("name", ["r.zip", "r.ZIP", "r.zarr", "r"])
@pytest.mark.parametrize("held", ["text", "archive", "pdf"])
def test_a_file_of_somebody_else_stays(
    data: xr.Dataset, tmp_path: Path, name: str, held: str
) -> None:
    path = tmp_path / name
    path.write_text("%PDF years of work")
    if held == "archive":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("thesis.tex", "years of work")
    before = contents(tmp_path)
    with pytest.raises(StorageError, match="somebody else's"):
        record.save(data, path)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["r.ZIP", "r.Zip"])
def test_a_zip_is_known_by_its_ending_in_any_case(
    data: xr.Dataset, tmp_path: Path, name: str
) -> None:
    for _ in range(2):
        assert zipfile.is_zipfile(record.save(data, tmp_path / name))
    assert record.load(tmp_path / name).identical(data)


def test_a_folder_may_replace_the_file_of_an_older_record(
    data: xr.Dataset, zipped: Path, tmp_path: Path
) -> None:
    path = zipped.rename(tmp_path / "new.zarr")
    before = left_beside(path)
    assert record.load(record.save(large(8), path)).identical(large(8))
    assert path.is_dir()
    assert left_beside(path) == before


@pytest.mark.parametrize("path", [None, 3, b"r.zarr", ["r.zarr"]])
def test_what_is_no_path_is_refused(data: xr.Dataset, path: Any) -> None:
    with pytest.raises(ParameterError, match="allowed: a path"):
        record.save(data, path)
    with pytest.raises(ParameterError, match="allowed: a path"):
        record.load(path)
