"""A record that lost or changed anything on its way is refused, not read half."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from rgwidgets.core import Flow, record
from rgwidgets.core.errors import RecordError

pytestmark = pytest.mark.slow

Refused = Callable[[Path], RecordError]


def pieces(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("harm", ["delete", "cut", "empty", "flip", "swap"])
@pytest.mark.parametrize(
    "name", ["attack/c/0/0", "attack_how/c/0/0", "cutoff/c/0", "observable/c/0", "field_1/c/0/0"]
)
def test_harm_to_a_chunk_is_noticed(folder: Path, name: str, harm: str, refused: Refused) -> None:
    path = folder / name
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0x10
    path.write_bytes(
        {
            "cut": whole[: len(whole) // 2],
            "empty": b"",
            "flip": bytes(flipped),
            "delete": b"",
            "swap": gzip.compress(b"x" * 64),
        }[harm]
    )
    if harm == "delete":
        path.unlink()
    refused(folder)


def test_no_chunk_can_be_missing(folder: Path, refused: Refused) -> None:
    chunks = sorted(set(pieces(folder)) - set(folder.rglob("zarr.json")))
    data = Flow.load(folder).to_xarray()
    # a chunk of empty texts or of zeros is what a reader takes a missing one for
    told = [
        p
        for p in chunks
        if (name := p.relative_to(folder).parts[0]) == "page"
        or any(value == value and bool(value) for value in data[name].values.flat)
    ]
    for path in told[::4]:
        whole = path.read_bytes()
        path.unlink()
        refused(folder)
        path.write_bytes(whole)
    Flow.load(folder)


@pytest.mark.parametrize("harm", ["delete", "cut", "empty"])
def test_harm_to_any_metadata_is_noticed(folder: Path, harm: str, refused: Refused) -> None:
    for path in sorted(folder.rglob("zarr.json")):
        whole = path.read_bytes()
        if harm == "delete":
            path.unlink()
        else:
            path.write_bytes(whole[: len(whole) // 2] if harm == "cut" else b"")
        refused(folder)
        path.write_bytes(whole)
    Flow.load(folder)


def test_a_zip_cut_anywhere_is_noticed(zipped: Path, refused: Refused) -> None:
    whole = zipped.read_bytes()
    for end in (*(len(whole) * share // 20 for share in range(20)), len(whole) - 1):
        zipped.write_bytes(whole[:end])
        refused(zipped)


def test_a_zip_with_any_byte_flipped_is_refused_or_reads_the_same(
    zipped: Path, data: xr.Dataset
) -> None:
    whole = zipped.read_bytes()
    noticed = 0
    for place in np.random.default_rng(1).integers(0, len(whole), 25):
        zipped.write_bytes(whole[:place] + bytes([whole[place] ^ 0x04]) + whole[place + 1 :])
        try:
            assert record.load(zipped).identical(data)  # a date in a header, say
        except RecordError:
            noticed += 1
    assert noticed > 12


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    node = json.loads(path.read_text())
    change(node)
    path.write_text(json.dumps(node))


@pytest.mark.parametrize("name", ["title", "scheme", "citation", "direction", "digest"])
def test_a_changed_or_missing_attribute_is_noticed(
    folder: Path, name: str, refused: Refused
) -> None:
    edit(folder / "zarr.json", lambda node: node["attributes"].update({name: "decreasing!"}))
    refused(folder)
    edit(folder / "zarr.json", lambda node: node["attributes"].pop(name))
    refused(folder)


def test_a_summary_that_contradicts_its_pieces_is_refused(folder: Path, refused: Refused) -> None:
    def retitle(node: dict[str, Any]) -> None:
        inside = node["consolidated_metadata"]["metadata"]
        inside["cutoff"]["attributes"]["units"] = "lies"

    edit(folder / "zarr.json", retitle)
    assert "contradicts" in str(refused(folder))


def test_a_summary_of_what_is_not_there_is_refused(folder: Path, refused: Refused) -> None:
    def invent(node: dict[str, Any]) -> None:
        inside = node["consolidated_metadata"]["metadata"]
        inside["ghost"] = inside["cutoff"]

    edit(folder / "zarr.json", invent)
    refused(folder)


def test_a_record_without_a_summary_is_read_all_the_same(folder: Path, data: xr.Dataset) -> None:
    edit(folder / "zarr.json", lambda node: node.pop("consolidated_metadata"))
    assert record.load(folder).identical(data)
