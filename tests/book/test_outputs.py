"""What cells put out becomes light JSON; pictures become files."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from book.engine import outputs
from rgwidgets.widgets import pages

PNG = base64.b64encode(b"\x89PNG").decode()


def shown(**data: Any) -> dict[str, Any]:
    return {
        "output_type": "display_data",
        "data": {k.replace("__", "/"): v for k, v in data.items()},
    }


def test_the_engine_and_the_package_agree_on_what_stands_for_a_lens() -> None:
    assert outputs.MIME == pages.MIME


def test_a_lens_is_named_by_its_record(tmp_path: Path) -> None:
    told = {"record": "lens-1", "describe": "spins", "title": "Ising"}
    data = {"output_type": "execute_result", "data": {pages.MIME: told, "text/plain": "x"}}
    (made,) = outputs.light([data], tmp_path, 0)
    assert made == {"kind": "lens", **told}


def test_what_is_printed_in_pieces_is_one_text(tmp_path: Path) -> None:
    pieces = [{"output_type": "stream", "name": "stdout", "text": text} for text in ("a", "b\n")]
    assert outputs.light(pieces, tmp_path, 0) == [
        {"kind": "stream", "name": "stdout", "text": "ab\n"}
    ]


@pytest.mark.parametrize(
    ("data", "name", "content"),
    [
        ({"image__png": PNG}, "output-4-0.png", b"\x89PNG"),
        ({"image__png": PNG, "image__svg+xml": "<svg/>"}, "output-4-0.svg", b"<svg/>"),
    ],
)
def test_a_picture_becomes_a_file_the_sharpest_first(
    data: dict[str, str], name: str, content: bytes, tmp_path: Path
) -> None:
    assert outputs.light([shown(**data)], tmp_path, 4) == [{"kind": "image", "file": name}]
    assert (tmp_path / name).read_bytes() == content


def test_a_chart_is_kept_to_be_drawn(tmp_path: Path) -> None:
    spec = {"mark": "line"}
    data = {"output_type": "display_data", "data": {"application/vnd.vegalite.v6+json": spec}}
    assert outputs.light([data], tmp_path, 1) == [{"kind": "image", "file": "output-1-0.svg"}]
    assert json.loads((tmp_path / "output-1-0.vl.json").read_text()) == spec


@pytest.mark.parametrize(
    ("data", "made"),
    [
        ({"text__html": "<b>x</b>", "text__plain": "x"}, {"kind": "html", "html": "<b>x</b>"}),
        ({"text__plain": ["a", "b"]}, {"kind": "text", "text": "ab"}),
    ],
)
def test_tables_stay_tables_and_text_stays_text(
    data: dict[str, Any], made: dict[str, str], tmp_path: Path
) -> None:
    assert outputs.light([shown(**data)], tmp_path, 0) == [made]
