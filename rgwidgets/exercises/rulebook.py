"""The rules by which answers are judged, made from the exercises and read back from a file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import NotRequired, TypedDict

from .exercise import Exercise
from .reading import SAY
from .windows import COARSE, FINE, Window, hashed, window

FORMAT = "rgwidgets-exercises/1"
#: Within how many tolerances an answer is told to be close.
_NEAR = 10


class Rule(TypedDict):
    """What a notebook or a page may know of one exercise."""

    prompt: str
    expects: str
    hints: list[str]
    salt: str
    choices: NotRequired[list[str]]
    right: Window
    routes: list[Window]
    near: NotRequired[Window]


class Rules(TypedDict):
    """Everything in `rules.json`: the texts that all share, and the exercises by id."""

    format: str
    say: dict[str, str]
    exercises: dict[str, Rule]


def rule(exercise: Exercise) -> Rule:
    """The rule of an exercise, its answer computed now and then hashed."""
    salt = hashed(f"rgwidgets exercise {exercise.id}")[:8]
    made = Rule(
        prompt=exercise.prompt,
        expects=exercise.expects,
        hints=list(exercise.hints),
        salt=salt,
        right=_window(exercise, exercise.value, salt, FINE, f"{SAY['right']} {exercise.because}"),
        routes=[_window(exercise, r.value, salt, COARSE, r.say) for r in exercise.routes],
    )
    if exercise.choices:
        made["choices"] = list(exercise.choices)
    elif exercise.tolerance.kind != "whole":
        assert isinstance(exercise.value, Fraction)
        wide = min(_NEAR * exercise.tolerance.about(exercise.value), abs(exercise.value) / 4)
        made["near"] = window(exercise.value, wide, salt, COARSE, SAY["near"])
    return made


def _window(exercise: Exercise, value: Fraction | str, salt: str, parts: int, say: str) -> Window:
    if isinstance(value, str):
        return Window(step="", bins=[hashed(f"{salt}|{value}")], say=say)
    assert isinstance(exercise.value, Fraction)
    # nothing is within a share of zero
    tolerance = exercise.tolerance.about(value) or exercise.tolerance.about(exercise.value)
    return window(value, tolerance, salt, parts, say)


def make(exercises: Iterable[Exercise]) -> Rules:
    """The rules of these exercises."""
    return Rules(format=FORMAT, say=dict(SAY), exercises={e.id: rule(e) for e in exercises})


def text(made: Rules) -> str:
    """As JSON, an exercise a line, so that a change shows where it is."""
    rows = [
        f"  {json.dumps(id)}: {json.dumps(found, ensure_ascii=False)}"
        for id, found in made["exercises"].items()
    ]
    say = json.dumps(made["say"], ensure_ascii=False)
    head = f'"format": {json.dumps(made["format"])},\n"say": {say},\n'
    return "{\n" + head + '"exercises": {\n' + ",\n".join(rows) + "\n}\n}\n"


@cache
def shipped() -> Rules:
    """Those that came with the package, read once; not to be changed."""
    found: Rules = json.loads((files(__package__ or "") / "rules.json").read_text(encoding="utf-8"))
    return found
