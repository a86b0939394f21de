"""What branch and bound divides: parts of balls, and the chain that is computed from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from .curves import Curve, Kinked
from .tail import Affine

#: Coordinates beyond which activation functions are bounded by straight lines alone.
WIDEST = 96
#: Coordinates up to which they themselves may be divided.
_FEW = 4


Ends = tuple[Tensor, Tensor]


def through(affine: Affine, low: Tensor, high: Tensor) -> Ends:
    """Interval arithmetic, rounded outwards."""
    middle, reach = affine(0.5 * (low + high)), (0.5 * (high - low)) @ affine.weight.abs().T
    size = low.abs().maximum(high.abs()) @ affine.weight.abs().T + affine.bias.abs()
    slack = 1e-12 * (1 + size)
    return middle - reach - slack, middle + reach + slack


@dataclass(frozen=True, eq=False)
class Chain:
    """y_0 = start·z + centre, then y_j = W_j σ_j(y_{j−1}) + b_j; each group of z lies in a ball.

    Attributes
    ----------
    start
        (m, d).
    centre
        (n, m).
    layers
        The activation functions and affine maps that follow.
    boxes
        Bounds (n, w) of the input of each activation function.
    radii
        Those of the groups, (G,) float64.
    group
        Which group each coordinate is of, (d,) int64.
    """

    start: Tensor
    centre: Tensor
    layers: tuple[tuple[Curve, Affine], ...]
    boxes: Sequence[tuple[Tensor, Tensor]]
    radii: Tensor
    group: Tensor

    def at(self, sample: Tensor) -> Chain:
        """The same of some samples, or of some several times."""
        boxes = [(low[sample], high[sample]) for low, high in self.boxes]
        return replace(self, centre=self.centre[sample], boxes=boxes)

    @cached_property
    def widths(self) -> list[int]:
        """How many units each activation function has."""
        return [low.shape[1] for low, _ in self.boxes]

    def values(self, z: Tensor, sample: Tensor) -> tuple[list[Tensor], Tensor]:
        """Inputs of the activation functions and outputs at points z (B, d)."""
        y, inputs = z @ self.start.T + self.centre[sample], []
        for curve, affine in self.layers:
            inputs.append(y)
            y = affine(curve(y))
        return inputs, y

    def inside(self, z: Tensor) -> Tensor:
        """Points z (B, d), each group of coordinates led back into its ball."""
        groups = torch.nn.functional.one_hot(self.group, len(self.radii)).to(z)
        norms = (z * z @ groups).sqrt().clamp_min(1e-300)
        return z * (self.radii * (1 - 1e-12) / norms).clamp_max(1.0)[:, self.group]

    @property
    def few(self) -> int:
        """How many coordinates there are, where so few that they themselves may be divided."""
        size = self.start.shape[1]
        return size if size <= _FEW else 0

    def intervals(self, low: Tensor, high: Tensor, sample: Tensor) -> tuple[list[Ends], Ends]:
        """Bounds of the inputs of the activation functions and of outputs, for z in boxes."""
        centre = self.centre[sample]
        box, inputs = through(Affine(self.start, 0 * self.start[:, 0]), low, high), []
        box = box[0] + centre - 1e-12 * centre.abs(), box[1] + centre + 1e-12 * centre.abs()
        for curve, affine in self.layers:
            inputs.append(box)
            box = through(affine, *curve.extremes(*box))
        return inputs, box

    @cached_property
    def quadratic(self) -> bool:
        """Whether kinks are worth parabolas."""
        kinked = bool(self.layers) and isinstance(self.layers[0][0], Kinked)
        return kinked and self.start.shape[1] <= WIDEST


@dataclass(frozen=True, eq=False)
class Nodes:
    """Parts of the balls of some samples.

    Attributes
    ----------
    sample, visits
        Which sample, and how often it was looked at; (B,) int64.
    low, high
        Between which values each unit and each row of the goal lies there, (B, U).
    parameters
        Of the relaxation, (B, P).
    bound
        What the goal is proved to be at most, (B,).
    unit, split
        Which unit to divide it by, −1 for none, (B,) int64, and at which value, (B,).
    """

    sample: Tensor
    visits: Tensor
    low: Tensor
    high: Tensor
    parameters: Tensor
    bound: Tensor
    unit: Tensor
    split: Tensor

    def __len__(self) -> int:
        return len(self.sample)

    def at(self, index: Tensor) -> Nodes:
        """Some of them."""
        return Nodes(*(value[index] for value in vars(self).values()))

    @classmethod
    def cat(cls, parts: Sequence[Nodes]) -> Nodes:
        """All of several."""
        return cls(*(torch.cat(v) for v in zip(*(vars(p).values() for p in parts), strict=True)))
