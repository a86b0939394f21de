"""Strips about curves hold everywhere on the interval, and are narrow."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rgwidgets.bounds import Opaque, convex, curves

ANYWHERE = [
    curves.RELU,
    curves.ABS,
    curves.Kinked("leaky", 1.0, 0.1),
    curves.TANH,
    curves.SIGMOID,
    curves.GELU,
    curves.GELU_TANH,
    curves.SILU,
    curves.MISH,
    curves.ERF,
    convex.EXP,
    convex.SQUARE,
    convex.SOFTPLUS,
    convex.ELU,
    convex.SINE,
    convex.COSINE,
]
POSITIVE = [convex.LOG, convex.LOG1P, convex.RECIPROCAL, convex.RSQRT, convex.SQRT]
ends = st.floats(-12, 12, allow_nan=False)


def check(curve: curves.Curve, a: float, b: float) -> None:
    low, high = (torch.tensor([v], dtype=torch.float64) for v in sorted((a, b)))
    y = torch.linspace(float(low), float(high), 2001, dtype=torch.float64)
    values = curve(y)
    slope, lowest, highest = curve.strip(low, high)
    room = 1e-12 * (1 + float(values.abs().max()) + float(slope.abs()) * float(y.abs().max()))
    assert bool((slope * y + lowest <= values + room).all())
    assert bool((slope * y + highest >= values - room).all())
    least, most = curve.extremes(low, high)
    assert float(least) <= float(values.min()) + room
    assert float(most) >= float(values.max()) - room
    lines = curve.lines(low, high)
    assert bool((lines.lower_slope * y + lines.lower_intercept <= values + room).all())
    assert bool((lines.upper_slope * y + lines.upper_intercept >= values - room).all())


@pytest.mark.slow
@pytest.mark.parametrize("curve", ANYWHERE, ids=lambda c: c.name)
@given(a=ends, b=ends)
@settings(max_examples=10, deadline=None)
def test_strips_hold_on_any_interval(curve: curves.Curve, a: float, b: float) -> None:
    check(curve, a, b)


@pytest.mark.parametrize("curve", POSITIVE, ids=lambda c: c.name)
@given(a=st.floats(1e-3, 50), b=st.floats(1e-3, 50))
@settings(max_examples=10, deadline=None)
def test_strips_hold_on_positive_intervals(curve: curves.Curve, a: float, b: float) -> None:
    check(curve, a, b)


@pytest.mark.parametrize(
    "curve", [c for c in [*ANYWHERE[3:], *POSITIVE] if c is not convex.ELU], ids=lambda c: c.name
)
def test_the_gap_of_a_smooth_curve_closes_with_the_square_of_the_interval(
    curve: curves.Curve,
) -> None:
    middle = torch.linspace(0.5, 3, 26, dtype=torch.float64)
    gaps = []
    for width in (0.1, 0.01):
        _, lowest, highest = curve.strip(middle - width / 2, middle + width / 2)
        gaps.append(float((highest - lowest).max()))
    assert gaps[0] < 0.1
    assert gaps[1] < gaps[0] / 50


@pytest.mark.slow
@pytest.mark.parametrize("curve", [convex.EXP, convex.SQUARE, convex.SOFTPLUS, convex.RECIPROCAL])
@pytest.mark.parametrize("low, high", [(0.5, 3.0), (1.0, 1.2), (0.1, 4.0)])
def test_a_convex_curve_s_strip_is_the_narrowest_there_is(
    curve: curves.Curve, low: float, high: float
) -> None:
    y = torch.linspace(low, high, 1001, dtype=torch.float64)
    slopes = torch.linspace(-110, 25, 27001, dtype=torch.float64)[:, None]
    gap = curve(y) - slopes * y
    best = float((gap.amax(1) - gap.amin(1)).min())
    _, lowest, highest = curve.strip(*(torch.tensor([v]).double() for v in (low, high)))
    assert float(highest - lowest) <= best + 0.01


@pytest.mark.parametrize("curve", POSITIVE, ids=lambda c: c.name)
def test_intervals_outside_the_domain_are_refused(curve: curves.Curve) -> None:
    with pytest.raises(Opaque, match=f"{curve.name} of numbers that may reach"):
        curve.strip(torch.tensor([-2.0]).double(), torch.tensor([1.0]).double())
