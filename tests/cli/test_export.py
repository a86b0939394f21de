"""`rgwidgets export`: a saved flow becomes a table, or a page that works on its own."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

import rgwidgets as rg
from rgwidgets.cli import main

pytestmark = pytest.mark.slow

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def flow() -> object:
    return rg.Flow(rg.Ising(32, temperature=2.5, seed=1).theory(), rg.BlockSpin(2))


@pytest.fixture(params=["flow.zarr", "flow.zip"])
def record(request: pytest.FixtureRequest, flow: object, tmp_path: Path) -> Path:
    path: Path = flow.save(tmp_path / request.param)  # type: ignore[attr-defined]
    return path


@pytest.mark.slow
def test_a_table_has_a_row_for_each_cutoff_and_observable(record: Path, tmp_path: Path) -> None:
    target = tmp_path / "flow.csv"
    assert main(["export", str(record), "--to", str(target)]) == 0
    with target.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    loaded = rg.Flow.load(record)
    assert len(rows) == len(loaded.scale.cutoffs) * len(loaded.tolerances)
    for row in rows:
        value = loaded.level(float(row["cutoff"])).values[row["observable"]]
        assert float(row["value"]) == pytest.approx(value.value, rel=1e-12, nan_ok=True)


def test_a_page_stands_on_its_own(record: Path, tmp_path: Path, capsys: Capture) -> None:
    target = tmp_path / "flow.html"
    assert main(["export", str(record), "--to", str(target), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    page = target.read_text(encoding="utf-8")
    assert told == {
        "written": str(target),
        "bytes": target.stat().st_size,
        "title": rg.Flow.load(record).title,
    }
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=[\"']?(https?:)?//", page)


@pytest.mark.parametrize("name", ["flow.pdf", "flow", "flow.html.gz"])
def test_a_format_that_is_none_of_ours_is_refused_before_anything_is_read(
    name: str, tmp_path: Path, capsys: Capture
) -> None:
    assert main(["export", "no-such-record", "--to", str(tmp_path / name)]) == 2
    assert ".html or .csv" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_truncated_record_is_refused_and_the_old_page_stays(
    flow: object, tmp_path: Path, capsys: Capture
) -> None:
    record: Path = flow.save(tmp_path / "flow.zip")  # type: ignore[attr-defined]
    record.write_bytes(record.read_bytes()[:-200])
    page = tmp_path / "page.html"
    page.write_text("old")
    assert main(["export", str(record), "--to", str(page)]) == 2
    assert "Mend:" in capsys.readouterr().err
    assert page.read_text() == "old"


@pytest.mark.parametrize("name", ["flow.CSV", "flow.Html"])
def test_what_was_exported_is_replaced_and_what_was_not_stays(
    record: Path, tmp_path: Path, name: str, capsys: Capture
) -> None:
    target = tmp_path / name
    target.write_text("years,of\nwork,!\n")
    assert main(["export", str(record), "--to", str(target)]) == 2
    assert "somebody else's" in capsys.readouterr().err
    assert target.read_text() == "years,of\nwork,!\n"
    target.unlink()
    assert main(["export", str(record), "--to", str(target)]) == 0
    assert main(["export", str(record), "--to", str(target)]) == 0
