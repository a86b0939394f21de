"""φ⁴ at tree level: u fades above four dimensions, and what it does to m need not."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rgwidgets.core.dangerous import danger
from rgwidgets.core.errors import CutoffError, ParameterError
from rgwidgets.core.fixed_points import linearise
from rgwidgets.core.theory import Theory
from rgwidgets.schemes.mean_field import MeanField

DIMENSIONS = st.floats(4.5, 8)


def magnetisation(u, r, h):
    """The largest root of r m + u m³ = h, by Newton from above."""
    m = math.sqrt(abs(r) / u) + (h / u) ** (1 / 3)
    for _ in range(60):
        m -= (r * m + u * m**3 - h) / (r + 3 * u * m**2)
    return m


def flowed(scheme, u, **others):
    """Couplings of theories ever closer to criticality, each at the scale of its own r = ±1."""
    for step in range(2, 11):
        scales = {"r": scheme.b ** (-2 * step), "h": scheme.b ** (-(1 + scheme.d / 2) * step)}
        near = {name: value * scales[name] for name, value in others.items()}
        coarse = scheme.coarsen(Theory(couplings={"u": u, **near}), scheme.b**step)
        yield tuple(map(float, coarse.couplings.values()))


def told(scheme, **couplings):
    """`danger` of u for the magnetisation along that flow: u |∂m/∂u|, from r m + u m³ = h."""
    sizes, effects = [], []
    for u, r, h in flowed(scheme, **couplings):
        m = magnetisation(u, r, h)
        sizes.append(u)
        effects.append(u * m**3 / (r + 3 * u * m**2))
    assert sizes == sorted(sizes, reverse=True)
    return danger(sizes, effects)


@given(DIMENSIONS, st.floats(0.1, 2))
def test_below_the_transition_u_is_dangerously_irrelevant_for_the_magnetisation(d, u):
    scheme = MeanField(d)
    assert scheme.coarsen(Theory(couplings={"u": u, "r": -1.0}), 2).relevance.names[-1] == "u"
    found = told(scheme, u=u, r=-1.0)
    assert found.dangerous
    assert found.exponent == pytest.approx(-0.5, abs=1e-6)


@given(DIMENSIONS)
def test_at_the_transition_u_is_dangerous_for_the_response_to_a_field(d):
    found = told(MeanField(d), u=0.5, r=0.0, h=0.1)
    assert found.dangerous
    assert found.exponent == pytest.approx(-1 / 3, abs=1e-6)


@given(DIMENSIONS)
def test_above_the_transition_the_same_u_is_harmless(d):
    found = told(MeanField(d), u=0.5, r=1.0, h=0.1)
    assert not found.dangerous
    assert found.exponent == pytest.approx(1, abs=0.02)


@given(DIMENSIONS)
def test_the_danger_mends_the_exponent_of_the_magnetisation(d):
    """β from scaling alone is (d − 2) / 4; with θ of u, −θ y / 2 less: one half."""
    theta = told(MeanField(d), u=0.5, r=-1.0).exponent
    assert (d - 2) / 4 - theta * (4 - d) / 2 == pytest.approx(0.5, abs=1e-5)


@given(DIMENSIONS, st.floats(0.05, 1), st.floats(-2, -0.05))
def test_a_step_changes_units_and_nothing_else(d, u, r):
    scheme = MeanField(d)
    coarse = scheme.coarsen(Theory(couplings={"u": u, "r": r}), scheme.b**3).couplings
    rescaled = scheme.b ** (3 * (d / 2 - 1)) * math.sqrt(-r / u)
    assert math.sqrt(-coarse["r"] / coarse["u"]) == pytest.approx(rescaled)


def test_the_exponents_are_those_of_the_linearised_flow():
    scheme = MeanField(5)
    found = sorted(linearise(scheme, torch.zeros(3)).exponents.tolist())
    assert found == pytest.approx(sorted(scheme.exponents))


@pytest.mark.parametrize("bad", [{"d": 0}, {"d": "5"}, {"d": math.nan}, {"b": 1}], ids=str)
def test_what_is_no_dimension_or_factor_is_refused(bad):
    with pytest.raises(ParameterError):
        MeanField(**bad)


def test_other_couplings_and_scales_are_refused():
    with pytest.raises(ParameterError):
        MeanField().coarsen(Theory(couplings={"K": 0.3}), 2)
    with pytest.raises(CutoffError):
        MeanField().coarsen(Theory(couplings={"u": 0.3}), 3)
