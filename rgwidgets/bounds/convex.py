"""Curves that bend one way: exp, logarithm, powers; and smooth ones known by their curvature."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .curves import Curve, Lines
from .opaque import Opaque

_ROUNDING = 1e-12

Map = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Bent(Curve):
    """A convex function, or with `sign` −1 a concave one.

    Below lies its tangent at any point, above its chord: the tangent is taken where its slope is
    the one that is asked for.

    Attributes
    ----------
    value, slope
        σ and σ'.
    touching
        The point where σ' is a given slope; anything where there is none.
    above
        Numbers at or below this are outside the domain.
    sign
        1 for convex, −1 for concave.

    >>> one, two = torch.tensor(1.0).double(), torch.tensor(2.0).double()
    >>> [round(float(x), 6) for x in RECIPROCAL.strip(one, two)]
    [-0.5, 1.414214, 1.5]
    """

    value: Map
    slope: Map
    touching: Map
    above: float = -math.inf
    sign: float = 1.0

    def __call__(self, y: Tensor) -> Tensor:
        return self.value(y)

    def tangent(self, y: Tensor) -> Tensor | None:
        return self.slope(y)

    def gaps(self, slope: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        if bool((low <= self.above).any()):
            raise Opaque(f"{self.name} of numbers that may reach {self.above:g}")
        ends = torch.stack([self.value(y) - slope * y for y in (low, high)])
        touch = torch.nan_to_num(self.touching(slope), nan=0.0, posinf=0.0, neginf=0.0)
        touch = torch.minimum(torch.maximum(touch, low), high)
        value, steep = self.value(touch), self.slope(touch)
        lines = torch.stack([value + steep * (y - touch) - slope * y for y in (low, high)])
        lines = torch.where(lines.isnan(), -self.sign * torch.inf, lines)
        largest = torch.maximum(low.abs(), high.abs())
        sizes = ends.abs().amax(0) + value.abs() + (slope.abs() + steep.abs()) * largest
        slack = _ROUNDING * sizes
        if self.sign > 0:
            return lines.amin(0) - slack, ends.amax(0) + slack
        return ends.amin(0) - slack, lines.amax(0) + slack

    def lines(self, low: Tensor, high: Tensor, policy: str = "adaptive") -> Lines:
        slope, lowest, highest = self.strip(low, high)
        return Lines(slope, lowest, slope, highest)


@dataclass(frozen=True, eq=False)
class Tame(Curve):
    """A function with bounded values and curvature: |σ(y) − tangent| ≤ ½ curvature (y − middle)².

    Attributes
    ----------
    value, slope
        σ and σ'.
    curvature
        max |σ''|, rounded up.
    ends
        Smallest and largest value.
    """

    value: Map
    slope: Map
    curvature: float
    ends: tuple[float, float]

    def __call__(self, y: Tensor) -> Tensor:
        return self.value(y)

    def tangent(self, y: Tensor) -> Tensor | None:
        return self.slope(y)

    def gaps(self, slope: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        middle, half = 0.5 * (low + high), 0.5 * (high - low)
        turn = (self.slope(middle) - slope).abs() * half + 0.5 * self.curvature * half**2
        start = self.value(middle) - slope * middle
        reach = slope.abs() * half
        low_end = torch.maximum(start - turn, self.ends[0] - slope * middle - reach)
        high_end = torch.minimum(start + turn, self.ends[1] - slope * middle + reach)
        slack = _ROUNDING * (1 + start.abs() + turn.clamp_max(1e300) + reach)
        return low_end - slack, high_end + slack

    def lines(self, low: Tensor, high: Tensor, policy: str = "adaptive") -> Lines:
        slope, lowest, highest = self.strip(low, high)
        return Lines(slope, lowest, slope, highest)


EXP = Bent("exp", math.inf, torch.exp, torch.exp, torch.log)
LOG = Bent("log", math.inf, torch.log, torch.reciprocal, torch.reciprocal, 0.0, -1.0)
LOG1P = Bent("log1p", math.inf, torch.log1p, lambda y: 1 / (1 + y), lambda k: 1 / k - 1, -1.0, -1.0)
RECIPROCAL = Bent(
    "reciprocal", math.inf, torch.reciprocal, lambda y: -(y**-2), lambda k: (-k) ** -0.5, 0.0
)
RSQRT = Bent(
    "rsqrt", math.inf, torch.rsqrt, lambda y: -0.5 * y**-1.5, lambda k: (-2 * k) ** (-2 / 3), 0.0
)
SQUARE = Bent("square", math.inf, torch.square, lambda y: 2 * y, lambda k: 0.5 * k)
SQRT = Bent(
    "sqrt",
    math.inf,
    torch.sqrt,
    lambda y: 0.5 * y.clamp_min(1e-300) ** -0.5,
    lambda k: 0.25 * k**-2,
    -1e-300,
    -1.0,
)
SOFTPLUS = Bent("softplus", 1.0, lambda y: torch.logaddexp(y, 0 * y), torch.sigmoid, torch.logit)
ELU = Bent(
    "ELU",
    1.0,
    torch.nn.functional.elu,
    lambda y: torch.exp(y.clamp_max(0.0)),
    lambda k: torch.log(k),
)
SINE = Tame("sin", 1.0, torch.sin, torch.cos, 1.0, (-1.0, 1.0))
COSINE = Tame("cos", 1.0, torch.cos, lambda y: -torch.sin(y), 1.0, (-1.0, 1.0))
