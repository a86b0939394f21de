"""Bond moving: fixed points, exponents, the two orders and the infinitesimal limit."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rgwidgets.core.errors import ParameterError
from rgwidgets.core.fixed_points import fixed_point, linearise
from rgwidgets.core.flow import Flow
from rgwidgets.core.theory import Theory
from rgwidgets.schemes.decimation import Decimation
from rgwidgets.schemes.migdal_kadanoff import MigdalKadanoff

K_C = math.log(1 + math.sqrt(2)) / 2


def step(scheme: MigdalKadanoff, k: float) -> float:
    return float(scheme.transform(torch.tensor([k], dtype=torch.float64)))


@pytest.mark.parametrize(
    ("d", "point", "exponent"), [(2, 0.3046889, 0.747236), (3, 0.0652663, 0.939129)]
)
def test_fixed_point_and_exponent_agree_with_the_reference(d, point, exponent):
    scheme = MigdalKadanoff(d)
    found = fixed_point(scheme, 1.05 * point)
    assert float(found) == pytest.approx(point, abs=1e-7)
    assert float(linearise(scheme, found).exponents[0]) == pytest.approx(exponent, abs=1e-6)


@given(st.floats(1.2, 4), st.floats(1.2, 5), st.floats(0.01, 3))
@settings(max_examples=60, deadline=None)
def test_the_two_orders_are_one_map_seen_from_two_places(d, b, k):
    first, other = MigdalKadanoff(d, b=b), MigdalKadanoff(d, b=b, order="decimate-move")
    bonds = b ** (d - 1)
    assert bonds * step(first, k) == pytest.approx(step(other, bonds * k), rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("order", ["move-decimate", "decimate-move"])
@pytest.mark.parametrize("b", [1.01, 1.001])
def test_small_steps_approach_the_exact_critical_point(order, b):
    scheme = MigdalKadanoff(2, b=b, order=order)
    found = fixed_point(scheme, K_C)
    assert abs(float(found) - K_C) < 0.6 * (b - 1)  # first order in b − 1, from either side
    assert float(linearise(scheme, found).exponents[0]) == pytest.approx(0.75355, abs=2 * (b - 1))


def test_the_limit_b_to_one_has_the_exact_critical_point_and_its_own_exponent():
    beta = MigdalKadanoff(2).beta
    point = torch.tensor([K_C], dtype=torch.float64)
    assert float(beta(point)) == pytest.approx(0, abs=1e-15)
    slope = torch.func.jacrev(beta)(point)
    assert float(slope) == pytest.approx(0.75355, abs=5e-6)


@given(st.floats(0.02, 2), st.floats(1, 4))
@settings(max_examples=50, deadline=None)
def test_beta_is_the_derivative_of_the_map_in_the_logarithm_of_b(k, d):
    beta = float(MigdalKadanoff(d).beta(torch.tensor([k], dtype=torch.float64)))
    for order in ("move-decimate", "decimate-move"):
        at = [step(MigdalKadanoff(d, b=math.exp(e), order=order), k) for e in (1e-4, 2e-4)]
        slope = (4 * at[0] - at[1] - 3 * k) / 2e-4  # second order in the step
        assert slope == pytest.approx(beta, abs=2e-5)


@given(st.floats(0.01, 10), st.integers(2, 6))
@settings(max_examples=50, deadline=None)
def test_in_one_dimension_it_is_exact_decimation(k, b):
    exact = Decimation(b).transform(torch.tensor([k, 0.0], dtype=torch.float64))[0]
    for order in ("move-decimate", "decimate-move"):
        new = step(MigdalKadanoff(1, b=b, order=order), k)
        assert new == pytest.approx(float(exact), rel=1e-11, abs=1e-300)


@given(st.floats(0.01, 3), st.floats(1.2, 3), st.floats(1.2, 3))
@settings(max_examples=50, deadline=None)
def test_in_one_dimension_two_steps_are_one_by_the_product(k, first, second):
    twice = step(MigdalKadanoff(1, b=second), step(MigdalKadanoff(1, b=first), k))
    assert twice == pytest.approx(step(MigdalKadanoff(1, b=first * second), k), rel=1e-11)


@pytest.mark.parametrize("k", [0.0, 1e-12, 19.9, 20.8, 50.0, 400.0, 1e6])
def test_the_map_is_finite_and_odd_however_weak_or_strong_the_coupling(k):
    scheme = MigdalKadanoff(2)
    assert math.isfinite(step(scheme, k))
    assert step(scheme, -k) == -step(scheme, k)
    slope = torch.func.jacrev(scheme.transform)(torch.tensor([k], dtype=torch.float64))
    assert bool(torch.isfinite(slope).all())


@pytest.mark.parametrize("b", [1.5, 2.0, 3.0])
def test_the_strong_and_the_general_form_meet(b):
    at = 20 + math.log(b)
    below, above = (step(MigdalKadanoff(1, b=b), at + e) for e in (-1e-9, 1e-9))
    assert above - below == pytest.approx(2e-9, rel=1e-4)


def test_the_flow_leads_to_order_above_and_to_disorder_below_the_fixed_point():
    point = float(fixed_point(MigdalKadanoff(), 0.3))
    for factor, ends in ((1.001, math.inf), (0.999, 0.0)):
        flow = Flow(Theory(couplings={"K": factor * point}), MigdalKadanoff())
        last = float(flow[flow.scale.cutoffs[-1]].couplings["K"])
        assert last > point if ends else last < point


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"d": 0.5}, "d: got"),
        ({"d": math.nan}, "d: got"),
        ({"b": 1}, "beta"),
        ({"b": 0.5}, "b: got"),
        ({"b": math.inf}, "b: got"),
        ({"order": "move-decimat"}, "did you mean 'move-decimate'"),
    ],
)
def test_parameters_outside_their_range_are_refused(arguments, named):
    with pytest.raises(ParameterError, match=named):
        MigdalKadanoff(**arguments)


def test_a_field_is_refused_rather_than_moved_by_some_convention():
    with pytest.raises(ParameterError, match="couplings of migdal_kadanoff"):
        MigdalKadanoff().coarsen(Theory(couplings={"K": 0.3, "h": 0.1}), 2)
