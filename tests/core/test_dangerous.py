"""The exponent with which an effect vanishes, or not, with the size of what makes it."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rgwidgets.core.dangerous import RESOLVED, danger
from rgwidgets.core.errors import ParameterError, ShapeError

SIZES = [2.0**-k for k in range(9)]


@given(st.floats(-3, 3), st.floats(1e-6, 1e6), st.floats(1.2, 10), st.integers(3, 12))
def test_a_power_law_is_found_exactly_in_any_unit_and_order(theta, unit, ratio, count):
    sizes = [unit * ratio**-k for k in range(count)]
    random.Random(count).shuffle(sizes)
    found = danger(sizes, [3.0 * (s / unit) ** theta for s in sizes])
    assert found.exponent == pytest.approx(theta, abs=1e-6)
    assert found.error < 1e-6
    assert found.dangerous == (found.exponent <= RESOLVED)


def test_what_counts_is_the_end_of_the_flow():
    assert danger(SIZES, [s + 0.001 for s in SIZES]).exponent > RESOLVED
    assert danger(SIZES, [s + 1.0 for s in SIZES]).dangerous
    assert not danger(SIZES, [math.tanh(s / 0.1) for s in SIZES]).dangerous
    assert danger(SIZES, [math.tanh(s / 1e-4) for s in SIZES]).dangerous


def test_an_effect_that_ends_at_a_threshold_vanishes():
    found = danger(SIZES, [max(0.0, s - 0.1) for s in SIZES])
    assert found.exponent == math.inf
    assert not found.dangerous


def test_the_error_covers_the_scatter():
    draw, off = random.Random(1), []
    for _ in range(200):
        found = danger(SIZES, [s**0.5 * math.exp(draw.gauss(0, 0.1)) for s in SIZES])
        off.append(abs(found.exponent - 0.5) / found.error)
    # of a Student distribution with two degrees of freedom 18 % lie beyond two
    assert 0.1 < sum(z > 2 for z in off) / len(off) < 0.3


@pytest.mark.parametrize(
    ("sizes", "effects", "error"),
    [
        ([1, 2], [1, 2], ShapeError),
        ([1, 2, 3], [1, 2], ShapeError),
        ([1, 2, 2], [1, 2, 3], ParameterError),
        ([1, 2, 0], [1, 2, 3], ParameterError),
        ([1, 2, 3], [1, 2, -1], ParameterError),
        ([1, 2, 3], [1, 2, math.inf], ParameterError),
        ([1, 2, 3], [1, 2, math.nan], ParameterError),
        ([1, 2, 3], ["1", 2, 3], ParameterError),
        (3, [1, 2, 3], ParameterError),
        ("abc", [1, 2, 3], ParameterError),
    ],
    ids=str,
)
def test_what_tells_no_exponent_is_refused(sizes, effects, error):
    with pytest.raises(error):
        danger(sizes, effects)
