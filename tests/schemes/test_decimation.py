"""The one-dimensional Ising chain, decimated: against sums over the traced spins."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rgwidgets.core.errors import CutoffError, ParameterError
from rgwidgets.core.flow import Flow
from rgwidgets.core.theory import Theory
from rgwidgets.schemes.decimation import Decimation


def decimate(k: float, h: float, b: int) -> list[float]:
    point = torch.tensor([k, h], dtype=torch.float64)
    return Decimation(b).transform(point).tolist()


def summed(k: float, h: float, b: int) -> tuple[float, float]:
    """K', h' from the sum over the b − 1 spins between two that stay, half of h on each end."""
    weight = {}
    for left, right in itertools.product((1, -1), repeat=2):
        total = 0.0
        for middle in itertools.product((1, -1), repeat=b - 1):
            chain = (left, *middle, right)
            bonds = sum(s * t for s, t in itertools.pairwise(chain))
            total += math.exp(k * bonds + h * (sum(middle) + (left + right) / 2))
        weight[left, right] = math.log(total)
    up, down, mixed = weight[1, 1], weight[-1, -1], weight[1, -1]
    return (up + down - 2 * mixed) / 4, (up - down) / 2


def correlation_length(k: float) -> float:
    return 1 / (2 * math.atanh(math.exp(-2 * k)))


def test_three_steps_from_k_one_give_the_reference():
    point, seen = torch.tensor([1.0, 0.0], dtype=torch.float64), []
    for _ in range(3):
        point = Decimation().transform(point)
        seen.append(float(point[0]))
    assert seen == pytest.approx([0.6625014, 0.3500611, 0.1136721], abs=5e-8)


@given(st.floats(-2, 2), st.floats(-2, 2))
@settings(max_examples=100, deadline=None)
def test_b_two_is_the_closed_form(k, h):
    ratio = math.cosh(2 * k + h) * math.cosh(2 * k - h) / math.cosh(h) ** 2
    field = h + 0.5 * math.log(math.cosh(2 * k + h) / math.cosh(2 * k - h))
    assert decimate(k, h, 2) == pytest.approx([0.25 * math.log(ratio), field], abs=1e-12)


@given(st.floats(-2, 2), st.floats(-1.5, 1.5), st.integers(2, 7))
@settings(max_examples=100, deadline=None)
def test_any_b_is_the_sum_over_the_traced_spins(k, h, b):
    assert decimate(k, h, b) == pytest.approx(summed(k, h, b), abs=1e-12)


@given(st.floats(0.01, 15), st.integers(2, 40))
@settings(max_examples=100, deadline=None)
def test_without_field_the_correlation_length_shrinks_by_exactly_b(k, b):
    new, field = decimate(k, 0.0, b)
    assert field == 0
    if new > 1e-3:  # below, atanh(e^{-2K}) itself loses digits
        assert correlation_length(k) / correlation_length(new) == pytest.approx(b, rel=1e-12)
    else:
        assert new == pytest.approx(math.atanh(math.tanh(k) ** b), rel=1e-11)


@pytest.mark.parametrize("b", [2, 3, 10])
@pytest.mark.parametrize("k", [20.0, 100.0, 300.0, 1e4])
def test_strong_couplings_lose_half_the_logarithm_of_b(k, b):
    assert decimate(k, 0.0, b)[0] == pytest.approx(k - math.log(b) / 2, rel=1e-14)


@pytest.mark.parametrize("b", [2, 3, 5])
def test_weak_couplings_keep_their_relative_accuracy(b):
    assert decimate(1e-9, 0.0, b)[0] == pytest.approx(1e-9**b, rel=1e-12)


@pytest.mark.parametrize("k", [0.3, 0.999999, 1.000001, 5.0, -0.7, -3.0])
@pytest.mark.parametrize("b", [2, 3, 4, 5])
def test_antiferromagnets_turn_into_what_their_even_chains_say(k, b):
    expected = math.atanh(math.tanh(k) ** b)
    assert decimate(k, 0.0, b)[0] == pytest.approx(expected, rel=1e-9)


@given(st.floats(-3, 3), st.floats(-1, 1), st.integers(2, 4), st.integers(2, 4))
@settings(max_examples=60, deadline=None)
def test_decimating_twice_is_decimating_once_by_the_product(k, h, first, second):
    twice = decimate(*decimate(k, h, first), second)
    assert twice == pytest.approx(decimate(k, h, first * second), rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("point", [[0.0, 0.0], [0.0, 0.7], [2.0, 0.0], [50.0, 0.1], [-1.0, 0.3]])
@pytest.mark.parametrize("b", [2, 3])
def test_the_map_is_differentiable_everywhere(point, b):
    couplings = torch.tensor(point, dtype=torch.float64)
    jacobian = torch.func.jacrev(Decimation(b).transform)(couplings)
    assert bool(torch.isfinite(jacobian).all())
    for axis in range(2):
        step = torch.zeros(2, dtype=torch.float64)
        step[axis] = 1e-5
        plus, minus = (Decimation(b).transform(couplings + s * step) for s in (1, -1))
        torch.testing.assert_close(jacobian[:, axis], (plus - minus) / 2e-5, rtol=1e-6, atol=1e-8)


def test_a_flow_of_the_chain_ends_at_infinite_temperature():
    flow = Flow(Theory(couplings={"K": 1.0}), Decimation(2))
    last = flow[flow.scale.cutoffs[-1]].couplings
    assert float(last["K"]) < 1e-12
    assert float(last["h"]) == 0


@pytest.mark.parametrize("b", [1, 0, -2, 2.5, True, "2"])
def test_b_must_be_an_integer_of_at_least_two(b):
    with pytest.raises(ParameterError, match="b: got"):
        Decimation(b)


def test_foreign_couplings_and_cutoffs_are_refused():
    with pytest.raises(ParameterError, match="couplings of decimation"):
        Decimation().coarsen(Theory(couplings={"J": 1.0}), 2)
    with pytest.raises(CutoffError, match="nearest is 2"):
        Decimation().coarsen(Theory(couplings={"K": 1.0}), 3)
