"""A journal holds what is done, survives a cut at any byte, and is never taken for another's."""

import math

import pytest
import xarray as xr

from rgwidgets.compute.sweep import sweep
from rgwidgets.core.errors import RecordError, StorageError
from rgwidgets.core.estimate import Estimate

GRID = {"temperature": [2.0, 2.2], "size": [16, 32], "seed": range(3)}


def energy(temperature, size, seed):
    return {"energy": Estimate(-temperature * size + seed, 0.1 * size)}


def other(temperature, size, seed):
    return {"energy": 0.0}


def square(seed):
    return {"x": seed**2}


@pytest.mark.slow
def test_a_journal_cut_at_any_byte_resumes(tmp_path):
    counted = []

    def measure(n):
        counted.append(n)
        return {"x": Estimate(n / 3, math.nan), "y": math.inf}

    journal, grid = tmp_path / "j", {"n": [1, 2]}
    whole = sweep(measure, grid, to=journal, workers=0)
    content = journal.read_bytes()
    for cut in range(len(content)):
        counted.clear()
        journal.write_bytes(content[:cut])
        xr.testing.assert_identical(sweep(measure, grid, to=journal, workers=0), whole)
        assert journal.read_bytes() == content
        assert len(counted) == 2 - max(0, content[:cut].count(b"\n") - 1)


@pytest.mark.parametrize(
    "grid",
    [
        {**GRID, "seed": range(4)},
        {**GRID, "size": [16.0, 32.0]},
        {name: GRID[name] for name in ("size", "temperature", "seed")},
    ],
)
def test_a_journal_of_another_grid_is_refused_and_kept(tmp_path, grid):
    journal = tmp_path / "j"
    sweep(energy, GRID, to=journal, workers=0)
    before = journal.read_bytes()
    with pytest.raises(RecordError, match="grid of the journal"):
        sweep(energy, grid, to=journal, workers=0)
    assert journal.read_bytes() == before


def test_a_journal_of_another_measure_is_refused(tmp_path):
    sweep(energy, GRID, to=tmp_path / "j", workers=0)
    with pytest.raises(RecordError, match="measure of the journal"):
        sweep(other, GRID, to=tmp_path / "j", workers=0)


@pytest.mark.parametrize(
    "bad",
    [
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b"3",
        b'{"point": {"seed": 9}, "values": {"x": [1.0, null]}}',
        b'{"point": {"seed": 0}, "values": {"x": 1.0}}',
        b'{"point": {"seed": 0}, "values": {}}',
        b'{"point": {"seed": 0}, "values": {"x": ["1", null]}}',
        b'{"point": {"seed": 0}, "values": {"x": [1.0, -1.0]}}',
        b'{"point": {"seed": 0}, "values": {"seed": [1.0, null]}}',
        b'{"point": {"seed": 0}, "values": {"x": [1' + b"0" * 400 + b", null]}}",
    ],
)
def test_a_damaged_line_is_refused_by_number_and_nothing_is_changed(tmp_path, bad):
    journal, grid = tmp_path / "j", {"seed": [0, 1]}
    sweep(square, grid, to=journal, workers=0)
    first, _, last = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(first + bad + b"\n" + last)
    with pytest.raises(RecordError, match="line 2"):
        sweep(square, grid, to=journal, workers=0)
    assert journal.read_bytes() == first + bad + b"\n" + last


@pytest.mark.parametrize("content", [b"my notes", b"my notes\n", b'{"format": "x"}\n', b"\x80\x04"])
def test_a_file_that_is_no_journal_is_refused_and_kept(tmp_path, content):
    (tmp_path / "j").write_bytes(content)
    with pytest.raises(RecordError):
        sweep(energy, GRID, to=tmp_path / "j", workers=0)
    assert (tmp_path / "j").read_bytes() == content


def test_a_journal_that_cannot_be_written_is_told_before_anything_is_measured(tmp_path):
    def measure(n):
        raise AssertionError("measured")

    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "j"):
        with pytest.raises(StorageError, match="journal"):
            sweep(measure, {"n": [1]}, to=path, workers=0)
