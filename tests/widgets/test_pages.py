"""A lens as files beside a page: everything that it shows, scale by scale."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import rgwidgets as rg
from rgwidgets.core.errors import StorageError
from rgwidgets.widgets import pages, wire

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def flow() -> rg.Flow:
    return rg.Flow(rg.Ising(32, seed=1, device="cpu").sample(8, discard=20), rg.BlockSpin(2))


def published(flow: rg.Flow, folder: Path, **given: object) -> dict:
    lens = rg.Lens(flow, **given)
    try:
        pages.publish(lens, folder)
    finally:
        lens.close()
    return json.loads((folder / pages.INDEX).read_text())


def test_each_scale_is_a_file_of_its_own(flow: rg.Flow, tmp_path: Path) -> None:
    index = published(flow, tmp_path)
    assert len(index["pyramid"]) == len(flow.scale)
    for header, cutoff in zip(index["pyramid"], flow.scale.cutoffs, strict=True):
        picture = flow.picture(cutoff)
        assert (tmp_path / header["url"]).read_bytes() == wire.encode_picture(0, picture)[1]


@pytest.mark.parametrize("cutoff", [1, 4, 16])
def test_the_dial_starts_where_the_lens_stood(flow: rg.Flow, cutoff: int, tmp_path: Path) -> None:
    index = published(flow, tmp_path, cutoff=cutoff, title="A title")
    assert index["spec"]["scale"]["cutoffs"][index["cutoff"]] == cutoff
    assert index["spec"]["title"] == "A title"


def known(table: dict[str, Any]) -> dict[str, Any]:
    """The table with {feature: (value, error)}; a record has no nulls."""
    read: dict[str, Any] = json.loads(json.dumps(table))
    columns = read["relevance"]
    rows = zip(columns.pop("names"), columns.pop("values"), columns.pop("errors"), strict=True)
    columns["features"] = [
        {name: (y, e) for name, y, e in zip(*row, strict=True) if y is not None} for row in rows
    ]
    return read


def test_the_record_beside_it_is_the_same_flow(flow: rg.Flow, tmp_path: Path) -> None:
    index = published(flow, tmp_path)
    loaded = rg.Flow.load(tmp_path / pages.RECORD)
    levels = [loaded.level(cutoff) for cutoff in loaded.scale.cutoffs]
    shown = known(index["table"])
    assert any(shown["relevance"]["features"])
    assert shown == known(wire.table(loaded, levels))


def test_a_page_offers_nothing_that_needs_a_kernel(tmp_path: Path) -> None:
    lab = rg.IsingLab(32, seed=1, device="cpu", snapshots=2)
    try:
        pages.publish(lab, tmp_path)
    finally:
        lab.close()
    spec = json.loads((tmp_path / pages.INDEX).read_text())["spec"]
    assert spec["controls"] == []
    assert spec["actions"] == []


def test_a_lens_with_a_fault_is_not_published(tmp_path: Path) -> None:
    spins = rg.Ising(32, seed=1, device="cpu").theory()
    bad = rg.Observable("broken", lambda f: f["no such feature"])
    lens = rg.Lens(rg.Flow(rg.Theory(spins.features, (bad,), attrs=spins.attrs), rg.BlockSpin(2)))
    try:
        with pytest.raises(StorageError, match="shows no fault"):
            pages.publish(lens, tmp_path / "lens")
    finally:
        lens.close()
    assert not (tmp_path / "lens").exists()


def test_outside_a_notebook_nothing_is_collected(tmp_path: Path) -> None:
    pages.collect(tmp_path)
    assert list(tmp_path.iterdir()) == []
