"""The page judges an answer as Python does: same rules, same words, no answer in either."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from book.engine import exercises, syllabus
from book.engine.places import THEME, Places
from rgwidgets.core.errors import ParameterError
from rgwidgets.exercises import check
from rgwidgets.exercises.exercise import every
from tests.book.small import small_book

JUDGE = """
import {{ judge }} from "{client}/exercise.js";
import {{ readFileSync }} from "node:fs";
const {{ rules, asked }} = JSON.parse(readFileSync(0, "utf8"));
const verdicts = asked.map(([id, answer]) => judge(rules.exercises[id], rules.say, answer));
console.log(JSON.stringify(verdicts));
"""
TYPED = ["0.3356", "1/3", "−0,25", "3e-1", "50 %", "2×10^-1", "1", "-1", "0", "1e400", "abc", "1/0"]
TYPED += ["", " ", "1,000.5", "nan", "1/2/3", "9" * 65, ".5", "5.", "+0.25", "1e-3%"]


def page_verdicts(asked: list[tuple[str, str]]) -> list[dict[str, str]]:
    done = subprocess.run(
        ["node", "--input-type=module", "-e", JUDGE.format(client=THEME / "client")],
        input=json.dumps({"rules": exercises.page_rules(), "asked": asked}),
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found


def answers() -> list[tuple[str, str]]:
    """Every right answer and known wrong route, things near them, and odd things."""
    asked = []
    for id, exercise in every().items():
        values = [exercise.value, *(route.value for route in exercise.routes)]
        for value in values:
            texts = [value] if isinstance(value, str) else [
                repr(float(value) * factor) for factor in (1, 1.0001, 0.999, 1.02, -1)
            ]  # fmt: skip
            asked += [(id, text) for text in texts]
    first = next(iter(every()))
    return asked + [(first, text) for text in TYPED]


@pytest.mark.slow
def test_the_page_and_the_notebook_say_the_same_of_every_answer() -> None:
    asked = answers()
    for (id, answer), verdict in zip(asked, page_verdicts(asked), strict=True):
        try:
            here = check(id, answer)
        except ParameterError:
            assert verdict["state"] == "unread", (id, answer)
        else:
            assert (verdict["state"], verdict["say"]) == (here.state, here.feedback), (id, answer)


@pytest.mark.slow
def test_every_right_answer_is_right_in_the_page() -> None:
    asked = [
        (id, e.value if isinstance(e.value, str) else repr(float(e.value)))
        for id, e in every().items()
    ]
    assert {verdict["state"] for verdict in page_verdicts(asked)} == {"right"}


def test_a_promised_exercise_without_a_rule_is_a_fault(tmp_path: Path) -> None:
    places = small_book(tmp_path)
    (fault,) = exercises.faults(syllabus.load(places), places, exercises.NONE)
    assert "exercise 3.1 has no rule" in fault.message
    assert fault.file == places.syllabus


def test_a_package_without_rules_gives_a_page_without_fields(tmp_path: Path) -> None:
    assert exercises.page_rules(tmp_path / "none.json") == exercises.NONE


@pytest.mark.parametrize("chapter", [c.number for c in syllabus.load(Places()).written])
def test_what_a_written_chapter_promises_to_check_has_a_rule(chapter: int) -> None:
    known = {id for id in exercises.page_rules()["exercises"] if id.split(".")[0] == str(chapter)}
    (mine,) = (c for c in syllabus.load(Places()).written if c.number == chapter)
    assert set(mine.exercises) <= known
