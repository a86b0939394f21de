"""Whether the same description comes out again: of other samples, seeds and checkpoints."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.errors import ShapeError
from ..core.estimate import Estimate


@dataclass(frozen=True)
class Stability:
    """How much two descriptions have in common.

    Attributes
    ----------
    overlap
        ‖B₁ᵀB₂‖² / r, the mean squared cosine of the angles between their subspaces of rank r, over
        several draws: 1 if they are the same, 0 if they are orthogonal.
    control
        What two random subspaces of that rank have in common: r / d, exactly.
    """

    overlap: Estimate
    control: Estimate


def overlap(first: Tensor, second: Tensor) -> float:
    """Mean squared canonical correlation of two sets of features of the same samples.

    The mean is over as many correlations as the larger set has dimensions, so that a set is not
    like one that it is only part of. Sets that do not vary have an overlap of 0.

    Parameters
    ----------
    first, second
        (n, r) and (n, s), n greater than both.

    Raises
    ------
    ShapeError
        If they are not of the same samples.

    Examples
    --------
    >>> x = torch.randn(100, 4, generator=torch.Generator().manual_seed(0))
    >>> round(overlap(x[:, :2], x[:, :2] @ torch.tensor([[1.0, 2.0], [0.0, 3.0]])), 6)
    1.0
    >>> round(overlap(x, x[:, :2]), 6)
    0.5
    """
    if first.ndim != 2 or second.ndim != 2 or len(first) != len(second):
        raise ShapeError(
            "features", given=(tuple(first.shape), tuple(second.shape)), allowed="(n, r) and (n, s)"
        )
    left, right = _orthonormal(first), _orthonormal(second)
    most = max(left.shape[1], right.shape[1])
    return float((left.T @ right).square().sum()) / most if most else 0.0


def _orthonormal(x: Tensor) -> Tensor:
    x = x.detach().double().cpu()
    left, sizes, _ = torch.linalg.svd(x - x.mean(0), full_matrices=False)
    return left[:, sizes > 1e-9 * max(1e-300, float(x.abs().max()) * len(x) ** 0.5)]
