"""The largest value of a quadratic function on a ball, bounded from above: trust regions."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

_ROUNDING = 1e-10
#: Halvings of the interval in which the multiplier lies.
_HALVINGS = 50


class Extreme(NamedTuple):
    """An upper bound over a ball, a point of the ball near where it is reached, and t."""

    value: Tensor
    place: Tensor
    multiplier: Tensor


def largest(quadratic: Tensor | None, linear: Tensor, radius: Tensor) -> Extreme:
    """Upper bound of zᵀMz + b·z over ‖z‖₂ ≤ R.

    By the Lagrange dual, which leaves no gap: for every t with tI − M ⪰ 0 the maximum is at most
    tR² + ¼ bᵀ(tI − M)⁻¹b, and t solves the secular equation ‖½(tI − M)⁻¹b‖ = R (Moré and
    Sorensen, SIAM J. Sci. Stat. Comput. 4, 553 (1983)). The inverse is not trusted: with any x,
    P = tI − M and ρ = b − 2Px the dual is at most tR² + xᵀPx + ‖ρ‖R.

    Parameters
    ----------
    quadratic
        M, symmetric positive semidefinite, (B, d, d); None for 0.
    linear, radius
        b (B, d) and R (B,).

    Examples
    --------
    >>> m, b = torch.diag(torch.tensor([2.0, 0.0])).double()[None], torch.tensor([[0.0, 1.0]])
    >>> found = largest(m, b.double(), torch.ones(1).double())
    >>> round(float(found.value), 6)  # 2(1 − x²) + x at x = 1/4
    2.125
    """
    norm = linear.norm(dim=-1)
    if quadratic is None:
        place = linear * (radius / norm.clamp_min(1e-300))[:, None]
        return Extreme(radius * norm * (1 + _ROUNDING), place, 0.5 * norm / radius)
    values, axes = torch.linalg.eigh(quadratic)
    half = 0.5 * (linear[:, None] @ axes)[:, 0]
    t = _multiplier(values, half, radius)
    x = half / (t[:, None] - values).clamp_min(1e-300)
    x = x * (2 * radius / x.norm(dim=-1).clamp_min(1e-300)).clamp_max(1.0)[:, None]
    x = (axes @ x[..., None])[..., 0]
    px = t[:, None] * x - (quadratic @ x[..., None])[..., 0]
    value = t * radius**2 + (x * px).sum(-1) + radius * (linear - 2 * px).norm(dim=-1)
    size = (t.abs() + quadratic.abs().sum(-1).amax(-1)) * radius**2 + norm * radius
    place = _on_sphere(x, axes[..., -1], radius, t, values[:, -1])
    return Extreme(value + _ROUNDING * size, place, t)


def _multiplier(values: Tensor, half: Tensor, radius: Tensor) -> Tensor:
    """t ≥ the largest eigenvalue and ≥ 0 with ‖half/(t − values)‖ = radius, rounded up."""
    low = values[:, -1].clamp_min(0)
    high = low + half.norm(dim=-1) / radius.clamp_min(1e-300) * (1 + 1e-12)
    floor = 1e-13 * (1e-300 + high)
    low, high = low + floor, high + floor
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        outside = (half / (middle[:, None] - values).clamp_min(1e-300)).norm(dim=-1) > radius
        low, high = torch.where(outside, middle, low), torch.where(outside, high, middle)
    multiplier: Tensor = high
    return multiplier


def _on_sphere(x: Tensor, top: Tensor, radius: Tensor, t: Tensor, most: Tensor) -> Tensor:
    """x, led to the sphere along the top axis in the hard case; projected onto the ball."""
    short = (radius**2 - (x * x).sum(-1)).clamp_min(0).sqrt()
    hard = (t - most < 1e-9 * t) & (short > 1e-6 * radius)
    x = torch.where(hard[:, None], x + short[:, None] * top, x)
    inside: Tensor = x * (radius / x.norm(dim=-1).clamp_min(1e-300)).clamp_max(1.0)[:, None]
    return inside
