"""What the tails of real samples are: their radius, and another sample's tail."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rgwidgets.core.errors import ParameterError


def tail_radius(norms: Tensor, quantile: float = 0.99) -> float:
    """The norm that a fraction `quantile` of the samples' own tails do not exceed.

    The smallest measured norm with at least that fraction of the samples at or below it: one of
    the norms themselves, nothing interpolated.

    Raises
    ------
    ParameterError
        If `quantile` is not in (0, 1].

    >>> tail_radius(torch.tensor([3.0, 1.0, 2.0, 4.0]), 0.75)
    3.0
    """
    if not 0 < quantile <= 1:
        raise ParameterError(
            "quantile",
            given=quantile,
            allowed="a number in (0, 1]",
            mend="pass quantile=1.0 for the largest tail",
        )
    ordered = norms.flatten().sort().values
    return float(ordered[max(0, math.ceil(quantile * len(ordered) - 1e-9) - 1)])


def derangement(n: int, seed: int = 0) -> Tensor:
    """A permutation (n,) without fixed points: each sample gets another one's tail.

    A random cycle: uniform over cycles (Sattolo), so that every other sample is equally likely.

    >>> sorted(derangement(5).tolist()), bool((derangement(5) == torch.arange(5)).any())
    ([0, 1, 2, 3, 4], False)
    """
    if n < 2:
        raise ParameterError(
            "samples",
            given=n,
            allowed="two or more",
            mend="a single sample has no other tail to borrow",
        )
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    result = torch.empty(n, dtype=torch.int64)
    result[order] = order.roll(-1)
    return result
