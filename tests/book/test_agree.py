"""What the pages show is what the code computes: of every chapter, and a difference is told."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from book.engine import agree, syllabus

from .built import built, places

SLUGS = [chapter.slug for chapter in syllabus.load(places()).written]
INDEX: dict[str, Any] = {
    "spec": {"scale": {"labels": ["1", "2"]}},
    "table": {"value": {"energy": [-1.5, None]}, "certificate": {"energy": [0.0, 2]}},
    "pyramid": [
        {"index": 0, "dtype": "u1", "url": "level-0.bin"},
        {"index": 1, "dtype": "bit", "url": "level-1.bin"},
    ],
}


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders that hold the same record."""
    for name in ("shown", "fresh"):
        folder = tmp_path / name / "lens-1"
        folder.mkdir(parents=True)
        (folder / "index.json").write_text(json.dumps(INDEX))
        (folder / "level-0.bin").write_bytes(bytes([0, 100, 255]))
        (folder / "level-1.bin").write_bytes(bytes([0, 100, 255]))
    return tmp_path / "shown", tmp_path / "fresh"


def change(folder: Path, act: Callable[[Any], None]) -> None:
    path = folder / "lens-1" / "index.json"
    index = json.loads(path.read_text())
    act(index)
    path.write_text(json.dumps(index))


def test_the_same_record_agrees_up_to_rounding(pair: tuple[Path, Path]) -> None:
    shown, fresh = pair
    change(fresh, lambda index: index["table"]["value"].update(energy=[-1.5 * (1 + 1e-8), None]))
    (fresh / "lens-1" / "level-0.bin").write_bytes(bytes([1, 99, 255]))
    assert list(agree.records(shown, fresh)) == []


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (lambda i: i["table"]["value"].update(energy=[-1.5001, None]), "table.value.energy[0]"),
        (lambda i: i["table"]["value"].update(energy=[-1.5, 0.0]), "table.value.energy[1]"),
        (lambda i: i["table"]["value"].update(energy=[-1.5]), "table.value.energy"),
        (lambda i: i["table"]["value"].update(more=[1.0, 2.0]), "table.value:"),
        (lambda i: i["spec"]["scale"].update(labels=["1", "3"]), "spec.scale.labels[1]"),
    ],
)
def test_a_number_that_is_another_is_named(
    act: Callable[[Any], None], says: str, pair: tuple[Path, Path]
) -> None:
    shown, fresh = pair
    change(fresh, act)
    (told,) = agree.records(shown, fresh)
    assert f"lens-1.{says}" in told


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("level-0.bin", [0, 102, 255]),
        ("level-0.bin", [0, 100]),
        ("level-1.bin", [0, 101, 255]),
    ],
)
def test_a_picture_that_is_another_is_named(
    name: str, content: list[int], pair: tuple[Path, Path]
) -> None:
    shown, fresh = pair
    (fresh / "lens-1" / name).write_bytes(bytes(content))
    assert list(agree.records(shown, fresh)) == [f"lens-1: the picture {name} is another"]


def test_a_record_or_a_picture_that_is_missing_is_named(pair: tuple[Path, Path]) -> None:
    shown, fresh = pair
    (shown / "lens-1" / "level-1.bin").unlink()
    assert list(agree.records(shown, fresh)) == ["lens-1: the picture level-1.bin is missing"]
    shutil.copytree(fresh / "lens-1", fresh / "lens-2")
    (told,) = agree.records(shown, fresh)
    assert "lens-2" in told


def test_a_number_that_the_prose_lost_is_named() -> None:
    assert list(agree._prose("<p>K* = 0.3356 &lt; 1</p>", ["0.3356", "< 1"])) == []
    (told,) = agree._prose("<p>K* = 0.3356</p>", ["0.3047"])
    assert "'0.3047'" in told


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("slug", SLUGS)
def test_a_chapter_that_is_computed_again_gives_what_its_page_shows(
    slug: str, tmp_path: Path
) -> None:
    book = built()
    (chapter,) = (c for c in syllabus.load(book).written if c.slug == slug)
    assert agree.faults(book, chapter, tmp_path) == []
