"""Still frames of real lenses: axes have numbers, nought is nought, no letter is cut."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

import rgwidgets as rg
from book.engine import site
from book.engine.places import STILLS
from rgwidgets.core.level import CURVES
from rgwidgets.widgets import pages

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("record") / "lens-1"
    spins = rg.Ising(32, seed=1, device="cpu").sample(4, discard=20)
    pages.publish(rg.Lens(rg.Flow(spins, rg.BlockSpin(2))), folder)
    return folder


def drawn(record: Path, folder: Path, *, top: float) -> list[str]:
    """The words of the still frame of this record, its bounds brought to `top`."""
    index: dict[str, Any] = json.loads((record / "index.json").read_text())
    for level in index.pop("pyramid"):
        assert (record / level["url"]).is_file()
    index["pyramid"] = []
    index["charts"] = {"bounds": index["charts"]["bounds"]}
    table = index["table"]
    highest = max(v or 0 for curve in CURVES for vs in table[curve].values() for v in vs)
    parts = ("", "_error", "_mean", "_median", "_high", "_largest")
    for column in (curve + part for curve in CURVES for part in parts):
        for name, values in table[column].items():
            table[column][name] = [v and v * top / highest for v in values]
    (folder / "index.json").write_text(json.dumps(index))
    subprocess.run([site._node(), str(STILLS), str(folder)], check=True, timeout=60)
    return re.findall(r"<text[^>]*>([^<]*)</text>", (folder / "still.svg").read_text())


@pytest.mark.parametrize("top", [30.0, 1.5, 0.03, 0.019, 0.008, 0.0033, 0.0012, 4e-5])
def test_the_axis_of_the_bounds_has_numbers_wherever_it_ends(
    top: float, record: Path, tmp_path: Path
) -> None:
    words = drawn(record, tmp_path, top=top)
    numbers = [float(w) for w in words if re.fullmatch(r"0|[\d.]*\.\d+|\d+(\.\d+)?e-?\d+|10+", w)]
    assert not any("e+" in word for word in words)
    assert len([n for n in numbers if 0 < n <= 1.2 * top]) >= 1, words


def test_what_rounding_leaves_of_nought_is_drawn_as_nought(record: Path, tmp_path: Path) -> None:
    drawn(record, tmp_path, top=1e-16)
    svg = (tmp_path / "still.svg").read_text()
    lines = re.findall(r'aria-roledescription="line mark"[^>]* d="([^"]+)"', svg)
    assert lines
    for line in lines:
        heights = {float(y) for _, y in re.findall(r"([\d.-]+),([\d.-]+)", line)}
        assert max(heights) - min(heights) < 1


def test_a_picture_is_drawn_again_when_the_drawing_code_has_changed(
    record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "lens-1"
    folder.mkdir()
    for path in record.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    site.stills({"a": folder})
    still = folder / "still.svg"
    first = still.stat().st_mtime_ns
    site.stills({"a": folder})
    assert still.stat().st_mtime_ns == first
    newer = tmp_path / "still.mjs"
    newer.write_text(STILLS.read_text() + "\n// newer")
    monkeypatch.setattr(site, "STILLS", newer)
    site.stills({"a": folder})
    assert still.stat().st_mtime_ns > first
