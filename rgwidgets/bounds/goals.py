"""What is bounded from above: how far an observable of the outputs can move, up or down."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

_ROUNDING = 1e-12


class Boxes(NamedTuple):
    """Bounds (B, w) of numbers, by node."""

    low: Tensor
    high: Tensor


class Plane(NamedTuple):
    """row·m + constant, an upper bound of a goal that is linear in what it is a function of."""

    row: Tensor
    constant: Tensor


@dataclass(frozen=True, eq=False)
class Goal(ABC):
    """A function of rows m (B, s) of the outputs, less its value at the cut.

    Attributes
    ----------
    now
        Its value at the cut points, (n,): it is the change that is bounded.
    """

    now: Tensor

    #: Whether bounds of m make its own bound smaller.
    boxed: ClassVar[bool] = False

    @property
    @abstractmethod
    def size(self) -> int:
        """s, how many rows."""

    @abstractmethod
    def rows(self, sample: Tensor) -> Tensor:
        """The rows of some samples, (B or 1, s, c)."""

    @property
    def extra(self) -> int:
        """How many parameters its planes have."""
        return 0

    def start(self, m: Tensor, boxes: Boxes) -> Tensor:
        """Parameters of the plane to begin with, (B, e), near m (B, s)."""
        return m[:, :0]

    @abstractmethod
    def plane(self, own: Tensor, sample: Tensor, boxes: Boxes) -> Plane:
        """row (B, s) and constant (B,), sound for any parameters (B, e) and m in the boxes."""

    @abstractmethod
    def change(self, m: Tensor, sample: Tensor) -> Tensor:
        """The goal at m (B, s), less its value at the cut, (B,)."""

    def gaps(self, own: Tensor, sample: Tensor, boxes: Boxes, m: Tensor) -> Tensor:
        """How far the plane is above the goal by each of m, (B, s)."""
        return torch.zeros_like(m)


@dataclass(frozen=True, eq=False)
class Row(Goal):
    """One row of the outputs.

    Attributes
    ----------
    weights
        The same for all samples (1, c), or one a sample (n, c).
    """

    weights: Tensor

    @property
    def size(self) -> int:
        return 1

    def rows(self, sample: Tensor) -> Tensor:
        weights = self.weights if len(self.weights) == 1 else self.weights[sample]
        return weights[:, None]

    def plane(self, own: Tensor, sample: Tensor, boxes: Boxes) -> Plane:
        now = self.now[sample]
        return Plane(torch.ones_like(now)[:, None], -now)

    def change(self, m: Tensor, sample: Tensor) -> Tensor:
        return m[:, 0] - self.now[sample]


@dataclass(frozen=True, eq=False)
class _Loss(Goal):
    """The loss as a function of the margins m_k = z_k − z_y, of which the label's own is 0.

    Attributes
    ----------
    labels, classes
        (n,) int64, and how many there are.
    """

    labels: Tensor
    classes: int

    @property
    def size(self) -> int:
        return self.classes

    def rows(self, sample: Tensor) -> Tensor:
        eye = torch.eye(self.classes, dtype=self.now.dtype)
        return eye[None] - eye[self.labels[sample]][:, None]


class LossRises(_Loss):
    """log Σ exp m_k, with log T ≤ τ − 1 + T·exp(−τ) and above each exp m_k its chord."""

    boxed: ClassVar[bool] = True

    @property
    def extra(self) -> int:
        return 1

    def start(self, m: Tensor, boxes: Boxes) -> Tensor:
        return boxes.high.logsumexp(-1, keepdim=True)

    def plane(self, own: Tensor, sample: Tensor, boxes: Boxes) -> Plane:
        slope, intercept = _chords(own, boxes)
        constant = own[:, 0] - 1 + intercept.sum(-1) - self.now[sample]
        return Plane(slope, constant + _ROUNDING * (1 + own[:, 0].abs()))

    def change(self, m: Tensor, sample: Tensor) -> Tensor:
        return m.logsumexp(-1) - self.now[sample]

    def gaps(self, own: Tensor, sample: Tensor, boxes: Boxes, m: Tensor) -> Tensor:
        slope, intercept = _chords(own, boxes)
        return slope * m + intercept - torch.exp(m - own)


class LossFalls(_Loss):
    """−log Σ exp m_k ≤ −p·m − H(p) for every p, whose logarithms are the parameters."""

    @property
    def extra(self) -> int:
        return self.classes

    def start(self, m: Tensor, boxes: Boxes) -> Tensor:
        return m.log_softmax(-1)

    def plane(self, own: Tensor, sample: Tensor, boxes: Boxes) -> Plane:
        p = own.softmax(-1)
        constant = (p * own.log_softmax(-1)).sum(-1) + self.now[sample]
        return Plane(-p, constant + _ROUNDING)

    def change(self, m: Tensor, sample: Tensor) -> Tensor:
        return self.now[sample] - m.logsumexp(-1)


@dataclass(frozen=True, eq=False)
class LossDiffers(_Loss):
    """The loss of one half of the outputs less that of the other half.

    Attributes
    ----------
    swapped
        Whether it is the second half's less the first's.
    """

    swapped: bool = False
    boxed: ClassVar[bool] = True

    @property
    def size(self) -> int:
        return 2 * self.classes

    @property
    def extra(self) -> int:
        return 1 + self.classes

    def rows(self, sample: Tensor) -> Tensor:
        one = super().rows(sample)
        halves = [torch.cat([one, 0 * one], -1), torch.cat([0 * one, one], -1)]
        return torch.cat(halves[::-1] if self.swapped else halves, 1)

    def _half(self, boxes: Boxes) -> Boxes:
        return Boxes(boxes.low[:, : self.classes], boxes.high[:, : self.classes])

    def start(self, m: Tensor, boxes: Boxes) -> Tensor:
        rises = self._half(boxes).high.logsumexp(-1, keepdim=True)
        return torch.cat([rises, m[:, self.classes :].log_softmax(-1)], 1)

    def plane(self, own: Tensor, sample: Tensor, boxes: Boxes) -> Plane:
        slope, intercept = _chords(own[:, :1], self._half(boxes))
        p, logs = own[:, 1:].softmax(-1), own[:, 1:].log_softmax(-1)
        constant = own[:, 0] - 1 + intercept.sum(-1) + (p * logs).sum(-1)
        slack = _ROUNDING * (2 + own[:, 0].abs())
        return Plane(torch.cat([slope, -p], 1), constant + slack)

    def change(self, m: Tensor, sample: Tensor) -> Tensor:
        return m[:, : self.classes].logsumexp(-1) - m[:, self.classes :].logsumexp(-1)

    def gaps(self, own: Tensor, sample: Tensor, boxes: Boxes, m: Tensor) -> Tensor:
        slope, intercept = _chords(own[:, :1], self._half(boxes))
        first = m[:, : self.classes]
        return torch.cat([slope * first + intercept - torch.exp(first - own[:, :1]), 0 * first], 1)


def _chords(own: Tensor, boxes: Boxes) -> tuple[Tensor, Tensor]:
    """Slopes and intercepts (B, s) of lines above exp(m − τ) on the boxes.

    Through the upper end, and lifted there by more than the slope may be rounded up.
    """
    width = boxes.high - boxes.low
    low, high = torch.exp(boxes.low - own), torch.exp(boxes.high - own)
    slope = torch.where(width < 1e-9, high, (high - low) / width.clamp_min(1e-9))
    lift = _ROUNDING * (high + slope * (boxes.high.abs() + boxes.low.abs()))
    return slope, high - slope * boxes.high + lift
