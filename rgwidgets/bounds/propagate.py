"""Bound propagation through a tail from a ball in a subspace: intervals, CROWN, Lipschitz."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from .curves import Curve, Lines
from .tail import Affine

#: Relative rounding allowance; float64 sums of 2048 terms lose less than 1e-12.
_ROUNDING = 1e-10


@dataclass(frozen=True, eq=False)
class LinearBound:
    """slope·z + offset ≤ the bounded rows, for every z of the ball.

    Attributes
    ----------
    slope, offset
        Shapes (n, s, k) and (n, s); `offset` is rounded down already.
    lowest
        The smallest value over the ball, (n, s).
    """

    slope: Tensor
    offset: Tensor
    lowest: Tensor


@dataclass(frozen=True, eq=False)
class Propagation:
    """y_0 = start·z + centre with ‖z‖₂ ≤ radius, then y_j = W_j σ_j(y_{j−1}) + b_j.

    The backward pass is CROWN (Zhang et al., NeurIPS 2018, arXiv:1811.00866, section 3) with its
    last step restricted to the subspace: the extreme of a·z over the ball is radius·‖a‖₂.
    Bounds of every hidden layer are CROWN's, intersected with the intervals.

    Attributes
    ----------
    start
        (m, k): how the first affine map moves along the subspace.
    centre
        (n, m): where it puts the cut points.
    layers
        The activation functions and affine maps that follow.
    radius
        Of the ball.
    crown
        False: intervals alone.
    """

    start: Tensor
    centre: Tensor
    layers: tuple[tuple[Curve, Affine], ...]
    radius: float
    crown: bool = True

    @cached_property
    def boxes(self) -> list[tuple[Tensor, Tensor]]:
        """Bounds (n, w) of the input of each activation function."""
        return self._hidden[0]

    @cached_property
    def _hidden(self) -> tuple[list[tuple[Tensor, Tensor]], list[Lines]]:
        reach = self.radius * self.start.norm(dim=1)
        slack = _ROUNDING * (self.centre.abs() + reach)
        box = (self.centre - reach - slack, self.centre + reach + slack)
        boxes: list[tuple[Tensor, Tensor]] = []
        lines: list[Lines] = []
        for depth, (curve, affine) in enumerate(self.layers):
            boxes.append(box)
            lines.append(curve.lines(*box) if self.crown else Lines(*(box[0],) * 4))
            box = _through(affine, curve.extremes(*box))
            if self.crown and depth + 1 < len(self.layers):
                rows = torch.cat([affine.weight, -affine.weight])
                bound = self._descend(
                    rows[None], torch.cat([affine.bias, -affine.bias])[None], depth + 1, lines
                )
                low, high = bound.lowest.chunk(2, dim=1)
                box = (torch.maximum(box[0], low), torch.minimum(box[1], -high))
        return boxes, lines

    def bound(self, spec: Tensor, policy: str = "adaptive") -> LinearBound:
        """CROWN's lower bounds of rows `spec` (s, c) or (n, s, c) of the outputs."""
        lines = self._hidden[1]
        if policy != "adaptive":
            lines = [
                curve.lines(*box, policy)
                for (curve, _), box in zip(self.layers, self.boxes, strict=True)
            ]
        rows = spec if spec.ndim == 3 else spec[None]
        if not self.layers:
            return self._descend(rows, torch.zeros_like(rows[..., 0]), 0, lines)
        last = self.layers[-1][1]
        return self._descend(rows @ last.weight, rows @ last.bias, len(self.layers), lines)

    def _descend(self, a: Tensor, constant: Tensor, depth: int, lines: list[Lines]) -> LinearBound:
        """Lower bounds of a·σ_depth(y_{depth−1}) + constant, linear in z."""
        n, size = len(self.centre), constant.abs()
        constant = constant.expand(n, -1)
        for j in reversed(range(depth)):
            positive, negative = a.clamp_min(0), a.clamp_max(0)
            low, high = lines[j].lower_intercept, lines[j].upper_intercept
            constant = constant + _rows(positive, low) + _rows(negative, high)
            size = size + _rows(positive, low.abs()) - _rows(negative, high.abs())
            a = positive * lines[j].lower_slope[:, None] + negative * lines[j].upper_slope[:, None]
            if j:
                before = self.layers[j - 1][1]
                constant = constant + a @ before.bias
                size = size + a.abs() @ before.bias.abs()
                a = a @ before.weight
        offset = constant + _rows(a, self.centre)
        size = size + _rows(a.abs(), self.centre.abs())
        slope = (a @ self.start).expand(n, -1, -1)
        reach = self.radius * slope.norm(dim=-1)
        offset = offset - _ROUNDING * (1 + size + reach)
        return LinearBound(slope, offset, offset - reach)

    def interval(self, spec: Tensor) -> Tensor:
        """Lower bounds (n, s) of the rows `spec` by intervals alone from the last hidden box."""
        rows = spec if spec.ndim == 3 else spec[None]
        if not self.layers:
            return self.bound(spec).lowest
        curve, affine = self.layers[-1]
        low, high = curve.extremes(*self.boxes[-1])
        a, constant = rows @ affine.weight, rows @ affine.bias
        ends = _rows(a.clamp_min(0), low) + _rows(a.clamp_max(0), high)
        size = _rows(a.abs(), torch.maximum(low.abs(), high.abs())) + constant.abs()
        return ends + constant - _ROUNDING * (1 + size)

    def lipschitz(self, spec: Tensor) -> Tensor:
        """Largest change (n or 1, s) of the rows from the centre, by the product of norms."""
        rows = spec if spec.ndim == 3 else spec[None]
        if not self.layers:
            straight: Tensor = (rows @ self.start).norm(dim=-1)
            return self.radius * straight * (1 + _ROUNDING) + _ROUNDING
        norms: Tensor = (rows @ self.layers[-1][1].weight).norm(dim=-1)
        return self.radius * self._stretch * norms * (1 + _ROUNDING) + _ROUNDING

    @cached_property
    def _stretch(self) -> float:
        """Lipschitz constant from z to the last activation function."""
        norms = [self.start, *(affine.weight for _, affine in self.layers[:-1])]
        product = 1.0
        for weight, (curve, _) in zip(norms, self.layers, strict=True):
            product *= float(torch.linalg.matrix_norm(weight, 2)) * curve.lipschitz
        return product


def _rows(a: Tensor, vector: Tensor) -> Tensor:
    """(n or 1, s, w) times (n, w) → (n, s)."""
    product: Tensor = (a @ vector[..., None])[..., 0]
    return product


def _through(affine: Affine, box: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Interval arithmetic, rounded outwards."""
    low, high = box
    middle, reach = affine(0.5 * (low + high)), (0.5 * (high - low)) @ affine.weight.abs().T
    size = torch.maximum(low.abs(), high.abs()) @ affine.weight.abs().T + affine.bias.abs()
    slack = _ROUNDING * (1e-3 + size)
    return middle - reach - slack, middle + reach + slack
