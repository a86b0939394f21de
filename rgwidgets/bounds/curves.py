"""Activation functions between two straight lines: sound on any interval, tight at its middle."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

#: How many halvings find a critical point; the rest is added to the bound.
_HALVINGS = 30
_GRID = 16
_ROUNDING = 1e-12


class Lines(NamedTuple):
    """Two lines: lower_slope·y + lower_intercept ≤ σ(y) ≤ upper_slope·y + upper_intercept."""

    lower_slope: Tensor
    lower_intercept: Tensor
    upper_slope: Tensor
    upper_intercept: Tensor


@dataclass(frozen=True, eq=False)
class Curve(ABC):
    """A function applied to each number by itself.

    Attributes
    ----------
    name
        As the field calls it.
    lipschitz
        Largest absolute slope, rounded up.
    """

    name: str
    lipschitz: float

    @abstractmethod
    def __call__(self, y: Tensor) -> Tensor:
        """Values, same shape."""

    @abstractmethod
    def gaps(self, slope: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        """Smallest and largest σ(y) − slope·y over [low, high], rounded outwards."""

    def extremes(self, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        """Smallest and largest value on [low, high]."""
        return self.gaps(torch.zeros_like(low), low, high)

    def tangent(self, y: Tensor) -> Tensor | None:
        """σ'(y), where that is a slope worth trying."""
        return None

    def strip(self, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One slope with the smallest and largest intercept that hold σ on [low, high].

        The slope is the chord's, best for convex and concave functions (Chebyshev), or the
        tangent's at the middle where that is narrower.
        """
        width = (high - low).clamp_min(1e-300)
        slope = (self(high) - self(low)) / width
        lowest, highest = self.gaps(slope, low, high)
        other = self.tangent(0.5 * (low + high))
        if other is None:
            return slope, lowest, highest
        low_other, high_other = self.gaps(other, low, high)
        better = high_other - low_other < highest - lowest
        return (
            torch.where(better, other, slope),
            torch.where(better, low_other, lowest),
            torch.where(better, high_other, highest),
        )

    @abstractmethod
    def lines(self, low: Tensor, high: Tensor, policy: str = "adaptive") -> Lines:
        """Lines that hold on [low, high]; `policy` picks among the sound lower ones."""

    @property
    def policies(self) -> tuple[str, ...]:
        """Choices of lower line that are worth trying."""
        return ("adaptive",)


@dataclass(frozen=True, eq=False)
class Kinked(Curve):
    """max(y, leak·y) with leak ≤ 1: ReLU, leaky ReLU, and |y| with leak −1.

    The lines are those of Zhang et al., "Efficient neural network robustness certification with
    general activation functions" (CROWN), NeurIPS 2018, table 2.

    >>> relu = Kinked("ReLU", 1.0)
    >>> [float(x) for x in relu.lines(torch.tensor(-1.0), torch.tensor(3.0))]
    [1.0, 0.0, 0.75, 0.75]
    """

    leak: float = 0.0

    def __call__(self, y: Tensor) -> Tensor:
        return torch.nn.functional.leaky_relu(y, self.leak) if self.leak else torch.relu(y)

    def extremes(self, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        if self.leak < 0:
            return self.gaps(torch.zeros_like(low), low, high)
        return self(low), self(high)

    def gaps(self, slope: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        kink = torch.zeros_like(low).clamp(low, high)
        ends = torch.stack([self(y) - slope * y for y in (low, kink, high)])
        slack = _ROUNDING * (1 + slope.abs()) * torch.maximum(low.abs(), high.abs())
        return ends.amin(0) - slack, ends.amax(0) + slack

    @property
    def policies(self) -> tuple[str, ...]:
        return ("adaptive", "flat", "steep")

    def lines(self, low: Tensor, high: Tensor, policy: str = "adaptive") -> Lines:
        one = torch.ones_like(low)
        chord = (high - self.leak * low) / (high - low).clamp_min(1e-300)
        upper = torch.where(low >= 0, one, torch.where(high <= 0, self.leak * one, chord))
        crossing = (low < 0) & (high > 0)
        intercept = torch.where(crossing, (1 - upper) * high, 0 * one)
        steep = {"adaptive": high >= -low, "flat": low >= 0, "steep": high > 0}[policy]
        lower = torch.where((low >= 0) | (crossing & steep), one, self.leak * one)
        # (1 - chord)·high loses digits where the chord is steep: round outwards
        slack = _ROUNDING * (high.abs() + low.abs())
        return Lines(lower, 0 * one, upper, torch.where(crossing, intercept + slack, intercept))


@dataclass(frozen=True, eq=False)
class Smooth(Curve):
    """A smooth function whose slope is monotone between `inflections`.

    For a line of any slope k the tight intercept is the extreme of σ(y) − k·y, reached at an end
    of the interval or where σ' = k; each monotone piece of σ' has at most one such place, found by
    bisection, and what bisection leaves open is added: ½ max|σ''| ε². The slope itself is that of
    the concave (convex) envelope at the middle of the interval, which makes the area smallest.

    Attributes
    ----------
    value, slope
        σ and σ'.
    inflections
        Where σ'' = 0, ascending.
    curvature
        max |σ''|, rounded up.
    """

    value: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    inflections: tuple[float, ...]
    curvature: float

    def __call__(self, y: Tensor) -> Tensor:
        return self.value(y)

    def tangent(self, y: Tensor) -> Tensor | None:
        return self.slope(y)

    def lines(self, low: Tensor, high: Tensor, policy: str = "adaptive") -> Lines:
        lower_slope, upper_slope = self._envelope_slopes(low, high)
        lower, _ = self.gaps(lower_slope, low, high)
        _, upper = self.gaps(upper_slope, low, high)
        return Lines(lower_slope, lower, upper_slope, upper)

    def gaps(self, slope: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        k = slope
        ends = (-math.inf, *self.inflections, math.inf)
        cuts = torch.stack([torch.full_like(low, end).clamp(low, high) for end in ends])
        left, right = cuts[:-1], cuts[1:]
        open_left, open_right = left, right
        side = self.slope(left) > k
        for _ in range(_HALVINGS):
            middle = 0.5 * (open_left + open_right)
            same = (self.slope(middle) > k) == side
            open_left = torch.where(same, middle, open_left)
            open_right = torch.where(same, open_right, middle)
        left_out = 0.5 * self.curvature * (open_right - open_left) ** 2
        places = torch.cat([left, right, open_left])
        gaps = self.value(places) - k * places
        rounding = _ROUNDING * (1 + (1 + k.abs()) * torch.maximum(low.abs(), high.abs()))
        slack = left_out.amax(0) + rounding
        return gaps.amin(0) - slack, gaps.amax(0) + slack

    def _envelope_slopes(self, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        """Slopes of the chords that lie lowest and highest at the middle of the interval."""
        width = (high - low).clamp_min(1e-12)
        steps = torch.linspace(0, 1, _GRID, dtype=low.dtype, device=low.device)
        values = self.value(low[..., None] + width[..., None] * steps)
        half = _GRID // 2
        near, far = values[..., :half, None], values[..., None, half:]
        s, t = steps[:half, None], steps[None, half:]
        slopes = ((far - near) / (t - s)).flatten(-2)
        at_middle = (near + (far - near) * ((0.5 - s) / (t - s))).flatten(-2)
        lower = slopes.gather(-1, at_middle.argmin(-1, keepdim=True))[..., 0] / width
        upper = slopes.gather(-1, at_middle.argmax(-1, keepdim=True))[..., 0] / width
        return lower, upper


def _gelu_slope(y: Tensor) -> Tensor:
    density = torch.exp(-0.5 * y * y) / math.sqrt(2 * math.pi)
    slope: Tensor = torch.special.ndtr(y) + y * density
    return slope


def _silu_slope(y: Tensor) -> Tensor:
    s = torch.sigmoid(y)
    return s * (1 + y * (1 - s))


def _gelu_tanh_slope(y: Tensor) -> Tensor:
    a = math.sqrt(2 / math.pi)
    t = torch.tanh(a * (y + 0.044715 * y**3))
    return 0.5 * (1 + t) + 0.5 * y * (1 - t * t) * a * (1 + 3 * 0.044715 * y * y)


def _mish_slope(y: Tensor) -> Tensor:
    t = torch.tanh(torch.logaddexp(y, 0 * y))
    slope: Tensor = t + y * (1 - t * t) * torch.sigmoid(y)
    return slope


RELU = Kinked("ReLU", 1.0)
ABS = Kinked("absolute value", 1.0, -1.0)
TANH = Smooth("tanh", 1.0, torch.tanh, lambda y: 1 - torch.tanh(y) ** 2, (0.0,), 0.77)
SIGMOID = Smooth(
    "sigmoid", 0.25, torch.sigmoid, lambda y: torch.sigmoid(y) * torch.sigmoid(-y), (0.0,), 0.0963
)
GELU = Smooth(
    "GELU",
    1.12891,
    lambda y: y * torch.special.ndtr(y),
    _gelu_slope,
    (-math.sqrt(2), math.sqrt(2)),
    0.798,
)
SILU = Smooth(
    "SiLU",
    1.09985,
    lambda y: y * torch.sigmoid(y),
    _silu_slope,
    (-2.399357280520947, 2.399357280520947),
    0.501,
)
GELU_TANH = Smooth(
    "GELU (tanh)",
    1.1290,
    lambda y: torch.nn.functional.gelu(y, approximate="tanh"),
    _gelu_tanh_slope,
    (-1.4185040087908283, 1.4185040087908283),
    0.798,
)
MISH = Smooth(
    "Mish",
    1.08851,
    torch.nn.functional.mish,
    _mish_slope,
    (-2.2563763963607935, 1.4905711794854282),
    0.6443,
)
ERF = Smooth(
    "erf",
    1.12838,
    torch.erf,
    lambda y: 2 / math.sqrt(math.pi) * torch.exp(-y * y),
    (0.0,),
    0.9679,
)
