"""`check` judges, `hint` helps, and nothing that either says holds the answer."""

import copy

import numpy as np
import pytest
import torch
from IPython.core.formatters import DisplayFormatter

from rgwidgets.core.errors import ParameterError
from rgwidgets.core.estimate import Estimate
from rgwidgets.exercises import check, hint, ids, prompt, rules, solution
from rgwidgets.exercises.exercise import every
from rgwidgets.exercises.verdict import judge


@pytest.mark.parametrize(
    "answer",
    [
        0.66250137,
        0.6625,
        "0.6625",
        "0,6625",
        "66.25 %",
        "53/80",
        np.float32(0.6625),
        torch.tensor([0.6625]),
        Estimate(0.6625, 0.001),
    ],
    ids=repr,
)
def test_the_same_number_is_right_however_it_comes(answer):
    verdict = check("2.1", answer)
    assert verdict
    assert verdict.right
    assert verdict.state == "right"
    assert repr(verdict).startswith("✓ 2.1  Right. ")


def test_verdicts_tell_routes_from_what_is_near_and_what_is_far():
    assert [check("2.1", x).state for x in (0.58, 0.66, 17)] == ["route", "near", "wrong"]
    assert repr(check("2.1", 17)).startswith("✗ 2.1  Not yet")
    assert not check("2.1", 0.66)


def test_a_verdict_never_repeats_what_was_right():
    assert "66" not in repr(check("2.1", 0.6625)) + str(vars(check("2.1", 0.6625)))


@pytest.mark.parametrize(("answer", "right"), [("53/80", True), (0.58, False), (17, False)])
def test_a_notebook_is_told_beside_the_text_which_exercise_was_right(answer, right):
    verdict = check("2.1", answer)
    shown, _ = DisplayFormatter().format(verdict)
    assert shown["application/vnd.rgwidgets.check+json"] == {"id": "2.1", "right": right}
    assert shown["text/plain"] == repr(verdict)


def test_hints_come_one_after_another_and_the_last_stays():
    levels = [hint("2.1").level for _ in range(5)]
    assert levels == [1, 2, 3, 3, 3]
    assert hint("2.2").level == 1
    assert hint("2.1", level=2).level == 2
    assert hint("2.1").level == 3  # a level that is asked for does not count
    assert repr(hint("2.1", level=1)).startswith("2.1  hint 1 of 3: ")


@pytest.mark.parametrize("level", [0, 4, -1, True, 1.0, "1"])
def test_a_hint_of_a_level_that_is_not_there_is_refused(level):
    with pytest.raises(ParameterError, match=r"allowed: 1 to 3"):
        hint("2.1", level=level)


@pytest.mark.parametrize("ask", [lambda i: check(i, 1), hint, prompt, solution])
@pytest.mark.parametrize(("id", "near"), [("2.9", "2.4"), ("21", "2.1"), (2.1, "2.1"), ("", "")])
def test_an_unknown_exercise_is_refused_and_the_nearest_named(ask, id, near):
    with pytest.raises(ParameterError, match="exercise: got") as error:
        ask(id)
    assert f"'{near}'" in str(error.value) or not near


@pytest.mark.parametrize("answer", ["", "nan", None, "wrong direction", [1, 2]])
def test_what_is_no_number_is_an_error_and_not_a_verdict(answer):
    with pytest.raises(ParameterError, match="answer: got") as error:
        check("2.1", answer)
    assert "0.66" not in str(error.value)


def test_a_word_is_asked_where_words_are_offered():
    assert check("25.4", "Mistuned cutoff").state == "route"
    with pytest.raises(ParameterError, match="dangerously irrelevant"):
        check("25.4", 3)


def test_a_prompt_says_how_exactly_and_in_which_unit():
    assert prompt("2.1").endswith("(a pure number, within ±0.0005)")
    assert "spacings of the new lattice" in prompt("2.3")


def test_a_solution_holds_the_answer_and_no_blank():
    for id in ids():
        told = solution(id)
        assert "[[" not in told
        assert len(told) > 100
    assert "0.6625014" in solution("2.1")


def test_judging_changes_no_rule():
    before = copy.deepcopy(rules())
    for id in ids():
        judge(id, rules()["exercises"][id], "wrong direction" if "25.4" <= id < "26" else "0.1")
    assert rules() == before
    assert ids() == list(every())
