"""A window accepts what is within the tolerance, and next to nothing else."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rgwidgets.exercises.windows import (
    COARSE,
    DIGITS,
    FINE,
    hashed,
    index,
    round_step,
    window,
    within,
)

numbers = st.fractions(min_value=-100, max_value=100, max_denominator=10**9)
sizes = st.fractions(min_value=Fraction(1, 10**6), max_value=10, max_denominator=10**7)


@given(st.fractions(min_value=Fraction(1, 10**12), max_value=10**12))
def test_a_step_is_round_and_the_longest_that_fits(most):
    step = round_step(most)
    lead, power = step.split("e")
    assert lead in "125"
    assert Fraction(step) <= most < Fraction(step) * Fraction(5, 2)
    assert Fraction(step) == int(lead) * Fraction(10) ** int(power)


@given(numbers, sizes, st.sampled_from([FINE, COARSE]), st.fractions(min_value=-1, max_value=1))
def test_everything_within_the_tolerance_is_accepted(answer, tolerance, parts, share):
    made = window(answer, tolerance, "salt", parts, "")
    assert within(answer + share * tolerance, "salt", made)


@given(
    numbers,
    sizes,
    st.sampled_from([FINE, COARSE]),
    st.fractions(min_value=0, max_value=100),
    st.sampled_from([-1, 1]),
)
def test_nothing_beyond_it_by_a_step_is_accepted(answer, tolerance, parts, beyond, side):
    made = window(answer, tolerance, "salt", parts, "")
    step = Fraction(made["step"])
    assert step <= tolerance / parts
    far = tolerance + step * (1 + beyond) + Fraction(1, 10**12)
    assert not within(answer + side * far, "salt", made)


@given(numbers, sizes)
def test_a_window_tells_no_number(answer, tolerance):
    """Only a round step, and hashes in an order that says nothing."""
    made = window(answer, tolerance, "salt", FINE, "said")
    assert set(made) == {"step", "bins", "say"}
    assert made["bins"] == sorted(made["bins"])
    assert all(len(h) == DIGITS and int(h, 16) >= 0 for h in made["bins"])
    assert 2 * FINE < len(made["bins"]) <= 5 * FINE + 2


def test_a_window_is_closed_at_both_ends():
    made = window(Fraction("4.5"), Fraction("0.01"), "s", FINE, "")
    for text in ("4.49", "4.51"):
        assert within(Fraction(text), "s", made)
    assert not within(Fraction("4.4899999"), "s", made)
    assert not within(Fraction("4.512"), "s", made)


def test_another_salt_makes_other_hashes():
    one, two = (window(Fraction(1), Fraction(1, 100), salt, FINE, "") for salt in "ab")
    assert not set(one["bins"]) & set(two["bins"])


@pytest.mark.parametrize("value", [-2.5, -1.0, -1e-9, 0.0, 1e-9, 0.3, 7.0])
def test_steps_are_counted_downwards_from_the_number(value):
    assert index(Fraction(repr(value)), "1e-1") == math.floor(Fraction(repr(value)) * 10)


def test_the_hash_is_sha_256():
    assert hashed("") == "e3b0c44298fc"  # FIPS 180-4, of nothing
