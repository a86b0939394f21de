"""The book as the extension carries it: an index to search, and the notebooks that readers get."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rgwidgets import exercises
from rgwidgets.notebooks import chapters, shelf

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "book"
INDEX = shelf.index(HOME)
WRITTEN = [chapter for chapter in INDEX["chapters"] if chapter["written"]]


def of(slug: str) -> dict[str, Any]:
    return next(chapter for chapter in INDEX["chapters"] if chapter["slug"] == slug)


def test_every_chapter_is_listed_and_only_written_ones_have_what_their_text_says() -> None:
    assert [chapter["number"] for chapter in INDEX["chapters"]] == list(range(1, 26))
    assert {chapter["part"] for chapter in INDEX["chapters"]} == set(INDEX["parts"])
    assert [track["id"] for track in INDEX["tracks"]] == ["half-day", "two-days", "fellowship"]
    assert [track["pace"] for track in INDEX["tracks"]] == ["workshop", "read", "read"]
    for chapter in INDEX["chapters"]:
        full = [bool(chapter[key]) for key in ("question", "concepts", "headings", "objectives")]
        assert all(full) if chapter["written"] else not any(full), chapter["slug"]


def test_the_exercises_that_count_are_those_that_can_be_checked() -> None:
    known = [id for chapter in WRITTEN for id in chapter["exercises"]]
    assert known == exercises.ids()


def test_concepts_are_terms_of_the_glossary() -> None:
    terms = (HOME / "glossary.md").read_text("utf-8").split("\n")
    unknown = {
        concept for chapter in WRITTEN for concept in chapter["concepts"] if concept not in terms
    }
    assert not unknown
    assert "Block spin" in of("block-spins")["concepts"]


def test_headings_leave_out_code_and_what_all_chapters_have() -> None:
    found = shelf.headings("# T\n\n## Exercises\n\n```{code-cell}\n## no\n```\n\n### A {term}`cut`")
    assert found == ["A *cut*"]


@pytest.mark.parametrize(
    ("slug", "choices", "unit"), [("block-spins", 4, ""), ("microscope", 0, "times the average")]
)
def test_a_question_has_choices_or_a_unit(slug: str, choices: int, unit: str) -> None:
    asked = of(slug)["question"]
    assert asked["text"].endswith("?")
    assert (len(asked["choices"]), asked["unit"]) == (choices, unit)


def test_a_notebook_is_the_one_that_the_command_line_writes(tmp_path: Path) -> None:
    (tmp_path / "notebook-gone.generated.json").write_text("{}")
    (tmp_path / "other.ts").write_text("")
    names = shelf.write(HOME, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*names, "other.ts"])
    for source, chapter in zip(chapters.sources(), WRITTEN, strict=True):
        assert source.stem == f"{chapter['number']:02}-{chapter['slug']}"
        made = json.loads((tmp_path / f"notebook-{chapter['slug']}.generated.json").read_text())
        assert made == json.loads(chapters.copy(source))
    assert json.loads((tmp_path / shelf.INDEX).read_text()) == INDEX


def test_a_build_without_torch_can_make_it(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = sys.modules['numpy'] = None\n"
        "from rgwidgets.notebooks import shelf; sys.exit(shelf.main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / shelf.INDEX).is_file()


def test_what_is_missing_is_named_with_its_mend(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(shelf, "find_spec", lambda name: None)
    assert shelf.main([str(tmp_path)]) == 3
    assert "pip install jupytext pyyaml" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
