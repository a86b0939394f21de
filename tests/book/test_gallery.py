"""The gallery page follows from the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from book.engine import gallery, syllabus
from book.engine.places import Places
from rgwidgets.core.catalogue import entries


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    return gallery.cards(Places(tmp_path_factory.mktemp("book")))


def test_every_entry_of_the_catalogue_is_shown_with_its_source(cards: list[dict[str, str]]) -> None:
    text = gallery.page(cards, syllabus.load(Places()))
    for entry in entries():
        assert f"\n### {entry.qualname}\n" in text
        assert gallery._plain(entry.citation) in text


@pytest.mark.parametrize("name", ["BlockSpin", "Decimation", "MigdalKadanoff", "CentralLimit"])
def test_an_example_runs_as_it_stands_on_the_page(cards: list[dict[str, str]], name: str) -> None:
    (code,) = [card["example"] for card in cards if card["qualname"] == name]
    exec(compile(code, name, "exec"), {})


def test_every_entry_shows_an_example(cards: list[dict[str, str]]) -> None:
    assert not [card["qualname"] for card in cards if not card["example"]]


def test_the_catalogue_is_read_again_only_if_the_package_changed(tmp_path: Path) -> None:
    places, package = Places(tmp_path / "book"), tmp_path / "package"
    package.mkdir()
    gallery.cards(places, package)
    kept = places.cache / "gallery.json"
    kept.write_text(kept.read_text("utf-8").replace("BlockSpin", "KeptSpin"), "utf-8")
    assert "KeptSpin" in {card["qualname"] for card in gallery.cards(places, package)}
    (package / "new.py").write_text("NEW = True", "utf-8")
    assert "KeptSpin" not in {card["qualname"] for card in gallery.cards(places, package)}


def test_a_chapter_is_named_by_what_its_code_uses(cards: list[dict[str, str]]) -> None:
    outline = syllabus.load(Places())
    written = next(chapter for chapter in outline.written if chapter.number == 3)
    text = gallery.page(cards, outline)
    shown = text.split("### BlockSpin\n")[1].split("###")[0]
    assert f"chapters/{written.source.name}" in shown


def test_no_answer_of_an_exercise_is_given_away(cards: list[dict[str, str]]) -> None:
    (code,) = [card["example"] for card in cards if card["qualname"] == "CentralLimit"]
    assert "0.0375" not in code
