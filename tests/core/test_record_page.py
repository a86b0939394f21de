"""A record carries the page that shows it without Python, and never depends on it."""

from __future__ import annotations

import gzip
import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from rgwidgets import _hooks
from rgwidgets.core import Flow, record
from rgwidgets.core.errors import RecordError
from rgwidgets.core.flow import FlowTable
from rgwidgets.widgets import export

pytestmark = pytest.mark.slow

FORMS = pytest.mark.parametrize("form", ["r.zarr", "r.zip"])
Refused = Callable[[Path], RecordError]
WHOLE = b'{"spec":{},"table":{},"charts":{},"preview":0,"cutoff":0}'


def page_in(folder: Path) -> dict[str, object]:
    held: dict[str, object] = json.loads(gzip.decompress((folder / "page/c/0").read_bytes()))
    return held


def test_one_chunk_holds_what_a_viewer_draws(flow: Flow, tmp_path: Path) -> None:
    path = flow.save(tmp_path / "r.zarr")
    whole = export.record(flow)
    assert page_in(path) == {name: part for name, part in whole.items() if name != "pyramid"}
    node = json.loads((path / "page/zarr.json").read_text())
    assert node["data_type"] == "uint8"
    assert [codec["name"] for codec in node["codecs"]] == ["bytes", "gzip"]


@FORMS
def test_the_page_is_left_behind_when_a_record_is_loaded(
    flow: Flow, tmp_path: Path, form: str
) -> None:
    loaded = Flow.load(flow.save(tmp_path / form))
    assert loaded.to_xarray().identical(flow.to_xarray())
    again = Flow.load(loaded.save(tmp_path / f"again-{form}"))
    assert again.to_xarray().identical(flow.to_xarray())
    assert export.record(again) == export.record(loaded)


@FORMS
def test_a_record_of_an_older_version_has_no_page_and_loads(
    data: xr.Dataset, tmp_path: Path, form: str
) -> None:
    path = record.save(data, tmp_path / form)
    assert "page" not in Flow.load(path).to_xarray()
    assert record.load(path).identical(data)


def test_the_page_is_under_the_digest(flow: Flow, tmp_path: Path, refused: Refused) -> None:
    path = flow.save(tmp_path / "r.zarr")
    chunk = path / "page/c/0"
    text = gzip.decompress(chunk.read_bytes())
    chunk.write_bytes(gzip.compress(text.replace(b"eight", b"seven")))
    assert "digest" in str(refused(path))
    chunk.unlink()
    refused(path)


@pytest.mark.parametrize(
    "page",
    [b"", b"{", b"[]", b"\xff\xfe", b'{"spec":{}}', b"[" * 100_000, WHOLE + b"x"],
    ids=["empty", "cut", "list", "no text", "half", "deep", "more"],
)
def test_a_page_that_none_of_ours_is_refused(
    data: xr.Dataset, tmp_path: Path, page: bytes, refused: Refused
) -> None:
    assert "a page" in str(refused(record.save(data, tmp_path / "r.zip", page=page)))


@pytest.mark.parametrize(
    "page", [np.zeros((2, 2), np.uint8), np.zeros(4, np.int8), np.array(["{}"])]
)
def test_a_page_is_one_row_of_bytes(
    data: xr.Dataset, tmp_path: Path, page: np.ndarray, refused: Refused
) -> None:
    odd = data.assign(page=([f"page_{i}" for i in range(page.ndim)], page))
    assert "a page of" in str(refused(record.save(odd, tmp_path / "r.zip")))


def fails(flow: FlowTable) -> bytes:
    raise KeyError("no such view")


def far_too_large(flow: FlowTable) -> bytes:
    return bytes(record.PAGE_LIMIT + 1)


@pytest.mark.parametrize("maker, why", [(fails, "no such view"), (far_too_large, "bytes of")])
def test_a_page_that_cannot_be_made_costs_no_number(
    flow: Flow,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    maker: Callable[[FlowTable], bytes],
    why: str,
) -> None:
    monkeypatch.setattr(_hooks, "page", maker)
    with pytest.warns(UserWarning, match=f"{why}.*all numbers are saved") as told:
        path = flow.save(tmp_path / "r.zarr")
    assert told[0].filename == __file__
    assert not (path / "page").exists()
    assert Flow.load(path).to_xarray().identical(flow.to_xarray())


def test_core_alone_saves_without_a_page(
    flow: Flow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_hooks, "page", None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = flow.save(tmp_path / "r.zarr")
    assert not (path / "page").exists()


def test_a_picture_of_one_value_is_written_like_any_other(flow: Flow, tmp_path: Path) -> None:
    flow.theory.features["x"].zero_()
    path = flow.save(tmp_path / "r.zarr")
    assert all((path / f"field_{index}/c/0/0").is_file() for index in range(4))


def test_what_jupyterlab_leaves_in_a_folder_is_passed_over(folder: Path, data: xr.Dataset) -> None:
    (folder / ".ipynb_checkpoints").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert record.load(folder).identical(data)
