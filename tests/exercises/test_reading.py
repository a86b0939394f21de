"""What is passed or written becomes the number that it states, or a clear refusal."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rgwidgets.core.bounds import Bound
from rgwidgets.core.errors import ParameterError
from rgwidgets.core.estimate import Estimate
from rgwidgets.exercises.reading import SAY, Unreadable, number, parse, word


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.66", Fraction(66, 100)),
        ("2/3", Fraction(2, 3)),
        ("1e-3", Fraction(1, 1000)),
        ("−0.0375", Fraction(-375, 10_000)),
        ("0,66", Fraction(66, 100)),
        ("1,000", Fraction(1)),
        ("-1,5 / 2,5", Fraction(-3, 5)),
        ("94.1 %", Fraction(941, 1000)),
        ("2 × 10^−3", Fraction(2, 1000)),
    ],
)
def test_a_text_is_read_exactly(text, value):
    assert parse(text) == value == number(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("1,000.5", "comma"),
        ("1,2,3", "comma"),
        ("nan", "finite"),
        ("−∞", "finite"),
        ("1/0", "zero"),
        ("1" * 65, "long"),
        ("1/2/3", "unreadable"),
        ("1 000", "unreadable"),
        ("1_000", "unreadable"),
        ("٣", "unreadable"),
        ("0x10", "unreadable"),
        ("e5", "unreadable"),
        ("1e1000", "unreadable"),
        ("sqrt(2)", "unreadable"),
        ("__import__('os')", "unreadable"),
    ],
)
def test_what_is_no_number_is_refused_with_its_reason(text, why):
    with pytest.raises(Unreadable) as reason:
        parse(text)
    assert reason.value.why == why
    with pytest.raises(ParameterError, match="answer: got") as error:
        number(text)
    assert SAY[why].rstrip(".") in str(error.value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_is_what_it_prints_as(value):
    assert number(value) == parse(repr(value)) == number(repr(value))


@pytest.mark.parametrize(
    "answer",
    [
        0.75,
        Fraction(3, 4),
        Decimal("0.75"),
        np.float32(0.75),
        np.float64(0.75),
        np.array(0.75),
        np.array([[0.75]]),
        torch.tensor(0.75),
        torch.tensor([0.75], requires_grad=True),
        Estimate(0.75, 0.1),
        Bound(0.75, "proved"),
        "0.75",
    ],
    ids=repr,
)
def test_any_kind_of_number_will_do(answer):
    assert number(answer) == Fraction(3, 4)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        True,
        np.bool_(True),
        1j,
        [1],
        {"a": 1},
        object(),
        b"1",
        torch.ones(2),
        np.ones(2),
        np.zeros(0),
        np.array("1"),
        float("nan"),
        float("inf"),
        np.float32("-inf"),
        torch.tensor(float("nan")),
        Decimal("NaN"),
        Decimal("1e999999999"),
        Decimal("1e-999999999"),
        10**5000,
        Fraction(10**5000, 3),
        Bound.none("unknown"),
    ],
    ids=lambda a: type(a).__name__,
)
def test_anything_else_is_refused(answer):
    with pytest.raises(ParameterError, match="answer: got"):
        number(answer)


@pytest.mark.parametrize("text", ["wrong direction", " Wrong-Direction ", "WRONG__direction\n"])
def test_a_word_is_known_however_it_is_written(text):
    assert word(text, ["mistuned cutoff", "wrong direction"]) == "wrong direction"


@pytest.mark.parametrize("answer", ["wrong directoin", "", 3, None, "x" * 10_000])
def test_an_unknown_word_is_refused_and_the_nearest_named(answer):
    with pytest.raises(ParameterError, match="'mistuned cutoff', 'wrong direction'") as error:
        word(answer, ["mistuned cutoff", "wrong direction"])
    assert ("did you mean 'wrong direction'" in str(error.value)) == (answer == "wrong directoin")
