"""An exercise knows its answer by computing it, and quotes numbers from code."""

from fractions import Fraction

import pytest

from rgwidgets.core.errors import ParameterError
from rgwidgets.exercises.exercise import (
    WHOLE,
    Exercise,
    Route,
    absolute,
    chapters,
    every,
    exercises,
    relative,
    unknown,
)


def made(**options):
    given = {
        "id": "0.1",
        "prompt": "How much?",
        "source": lambda: 2 / 3,
        "routes": (Route("half", 0.5, "No."), Route("double", lambda: 4 / 3, "No.")),
        "hints": ("Think.",),
        "because": "So.",
        "worked": r"$\frac{2}{3} = [[answer:.3f]]$, not [[half]].",
    }
    return Exercise(**{**given, **options})


def test_the_answer_is_computed_once_and_rounded_to_what_machines_agree_on():
    calls = []
    exercise = made(source=lambda: calls.append(1) or 0.1 + 0.2)
    assert exercise.value == Fraction(3, 10) == exercise.value
    assert len(calls) == 1


def test_a_solution_is_filled_with_numbers_and_its_mathematics_left_alone():
    assert made().solution() == r"$\frac{2}{3} = 0.667$, not 0.5."
    assert made(worked="\n**[[answer]]**\n", source="hot").solution() == "**hot**"


def test_neither_repr_nor_what_is_expected_tells_the_answer():
    assert repr(made(tolerance=absolute(0.01))) == "Exercise('0.1': How much?)"
    assert made(tolerance=absolute(0.01)).expects == "a pure number, within ±0.01"
    assert made(unit="spins", tolerance=WHOLE).expects == "spins, exactly: a whole number"
    assert made(choices=("a", "b")).expects == "one of: a, b"


@pytest.mark.parametrize(
    ("tolerance", "value", "size"),
    [
        (absolute(0.1), -3, Fraction(1, 10)),
        (relative(0.1), -3, Fraction(3, 10)),
        (WHOLE, 8, Fraction(1, 100)),
    ],
)
def test_a_tolerance_has_a_size(tolerance, value, size):
    assert tolerance.about(Fraction(value)) == size


@pytest.mark.parametrize("lacking", [{"routes": (Route("a", 1, "No."),)}, {"hints": ()}])
def test_an_exercise_without_routes_or_hints_is_refused(lacking):
    with pytest.raises(ParameterError, match=r"exercise 0\.1"):
        made(**lacking)


def test_every_exercise_is_numbered_by_its_chapter_without_a_gap():
    assert chapters() == (1, 2, 3, 4, 23, 24, 25)
    for chapter in chapters():
        numbers = [e.id for e in exercises(chapter)]
        assert numbers == [f"{chapter}.{i + 1}" for i in range(len(numbers))]
    assert list(every()) == [e.id for c in chapters() for e in exercises(c)]


@pytest.mark.parametrize(
    ("given", "near"), [("3.9", "3.2"), ("31", "3.1"), ("3-1", "3.1"), (3.1, "3.1"), ("7.1", "3.1")]
)
def test_an_unknown_exercise_is_answered_with_the_nearest(given, near):
    assert f"'{near}'" in unknown(given, ["1.1", "3.1", "3.2"]).mend
