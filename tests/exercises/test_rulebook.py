"""What is shipped is what the code makes, and holds no answer."""

import json
import re

import pytest

from rgwidgets.exercises.exercise import every
from rgwidgets.exercises.reading import SAY, parse
from rgwidgets.exercises.rulebook import FORMAT, make, rule, shipped, text
from rgwidgets.exercises.verdict import judge

IDS = list(every())
NUMBER = re.compile(r"(?<![\w.])[+−-]?[0-9]+(?:\.[0-9]+)?(?:/[0-9]+)?")


@pytest.mark.parametrize("id", IDS)
def test_the_shipped_rule_is_what_the_code_makes(id):
    """If this fails: python -m rgwidgets.exercises."""
    assert shipped()["exercises"][id] == rule(every()[id])


def test_nothing_else_is_shipped():
    assert list(shipped()["exercises"]) == IDS
    assert shipped()["say"] == SAY
    assert shipped()["format"] == FORMAT


def test_rules_are_the_same_when_written_and_read():
    made = make(every().values())
    assert json.loads(text(made)) == made
    assert all(line.count('"salt"') <= 1 for line in text(made).splitlines())


@pytest.mark.parametrize("id", IDS)
def test_no_number_in_what_a_reader_may_see_is_the_answer(id):
    """Not the prompt, not the hints, not the feedback, in no spelling that would be accepted."""
    found = shipped()["exercises"][id]
    if "choices" in found:
        told = [
            found["right"]["say"],
            *found["hints"],
            *(route["say"] for route in found["routes"]),
        ]
        assert not any(every()[id].value in words for words in told)
        return
    told = [found["prompt"], found["expects"], *found["hints"], found["right"]["say"]]
    told += [route["say"] for route in found["routes"]]
    for number in NUMBER.findall(" ".join(told)):
        assert not judge(id, found, number), number
        assert not judge(id, found, str(-parse(number))), number


def test_the_salt_of_each_exercise_is_its_own():
    salts = {found["salt"] for found in shipped()["exercises"].values()}
    assert len(salts) == len(IDS)
