"""Lines about an activation function hold everywhere on the interval and touch it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rgwidgets.bounds import curves

CURVES = [
    curves.RELU,
    curves.Kinked("leaky", 1.0, 0.1),
    curves.TANH,
    curves.SIGMOID,
    curves.GELU,
    curves.SILU,
]
ends = st.floats(-30, 30, allow_nan=False)


def grid(low: float, high: float, points: int = 4001) -> torch.Tensor:
    return torch.linspace(low, high, points, dtype=torch.float64)


@pytest.mark.parametrize("curve", CURVES, ids=lambda c: c.name)
@given(a=ends, b=ends)
@settings(max_examples=60, deadline=None)
def test_lines_hold_on_any_interval(curve: curves.Curve, a: float, b: float) -> None:
    low, high = (torch.tensor([v], dtype=torch.float64) for v in sorted((a, b)))
    y = grid(float(low), float(high))
    for policy in curve.policies:
        lines = curve.lines(low, high, policy)
        assert bool((lines.lower_slope * y + lines.lower_intercept <= curve(y) + 1e-13).all())
        assert bool((lines.upper_slope * y + lines.upper_intercept >= curve(y) - 1e-13).all())


@pytest.mark.parametrize("curve", CURVES, ids=lambda c: c.name)
@given(a=ends, b=ends)
@settings(max_examples=60, deadline=None)
def test_extremes_hold_and_are_reached(curve: curves.Curve, a: float, b: float) -> None:
    low, high = (torch.tensor([v], dtype=torch.float64) for v in sorted((a, b)))
    smallest, largest = curve.extremes(low, high)
    values = curve(grid(float(low), float(high)))
    assert float(smallest) <= float(values.min()) + 1e-13
    assert float(largest) >= float(values.max()) - 1e-13
    assert float(smallest) == pytest.approx(float(values.min()), abs=1e-4)
    assert float(largest) == pytest.approx(float(values.max()), abs=1e-4)


@pytest.mark.parametrize("curve", CURVES, ids=lambda c: c.name)
@pytest.mark.parametrize("width", [1e-6, 1e-3, 0.1, 1.0])
def test_the_gap_closes_with_the_interval(curve: curves.Curve, width: float) -> None:
    low = torch.linspace(-4, 4, 81, dtype=torch.float64)
    high = low + width
    lines = curve.lines(low, high)
    middle = 0.5 * (low + high)
    gap = (lines.upper_slope - lines.lower_slope) * middle
    gap = gap + lines.upper_intercept - lines.lower_intercept
    kinked = isinstance(curve, curves.Kinked)
    limit = 0.5 * width if kinked else 0.2 * width**2
    assert float(gap.max()) <= limit + 1e-9


@pytest.mark.parametrize("curve", CURVES[2:], ids=lambda c: c.name)
@pytest.mark.parametrize("low, high", [(-2.0, 3.0), (-5.0, 0.5), (0.2, 4.0), (-3.0, -0.1)])
def test_smooth_lines_are_near_the_best_that_straight_lines_can_do(
    curve: curves.Curve, low: float, high: float
) -> None:
    y = grid(low, high, 801)
    lines = curve.lines(*(torch.tensor([v], dtype=torch.float64) for v in (low, high)))
    middle = 0.5 * (low + high)
    slopes = torch.linspace(-1, 2, 3001, dtype=torch.float64)[:, None]
    best_upper = ((curve(y) - slopes * y).amax(1) + slopes[:, 0] * middle).min()
    best_lower = ((curve(y) - slopes * y).amin(1) + slopes[:, 0] * middle).max()
    upper = float(lines.upper_slope * middle + lines.upper_intercept)
    lower = float(lines.lower_slope * middle + lines.lower_intercept)
    assert upper - float(best_upper) < 0.02
    assert float(best_lower) - lower < 0.02


@pytest.mark.parametrize("curve", CURVES, ids=lambda c: c.name)
def test_lipschitz_constants_and_curvatures_are_rounded_up_but_not_far(curve: curves.Curve) -> None:
    y = grid(-10, 10, 200_001).requires_grad_()
    (slope,) = torch.autograd.grad(curve(y).sum(), y, create_graph=True)
    steepest = float(slope.detach().abs().max())
    assert steepest <= curve.lipschitz <= steepest + 1e-3
    if isinstance(curve, curves.Smooth):
        assert torch.allclose(slope.detach(), curve.slope(y.detach()), atol=1e-12)
        (bend,) = torch.autograd.grad(slope.sum(), y)
        largest = float(bend.abs().max())
        assert largest <= curve.curvature <= largest + 2e-3
        for place in curve.inflections:
            around = curve.slope(torch.tensor([place - 1e-4, place, place + 1e-4]).double())
            assert (around[1] - around[0]) * (around[2] - around[1]) <= 0  # a turning point of σ'
