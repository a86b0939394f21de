"""Whether the scales come apart at a cutoff: gaps, and what the fine parts know of one another."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.errors import ParameterError
from ..core.estimate import Estimate
from ..core.numeric import whole
from ..core.relevance import Relevance


@dataclass(frozen=True)
class Separation:
    """How well the coarse features screen the fine ones from one another.

    Attributes
    ----------
    gap
        ln(λ_r / λ_{r+1}) at the cutoff; infinite where nothing is left beyond it.
    cliff
        Whether the spectrum has a cliff there: see `Relevance.cliffs`.
    dependence
        How much the nearer neglected features tell of the farther ones, given the coarse ones:
        see `conditional_dependence`.
    control
        The same with the samples of one side shuffled: what chance and finite samples give.
    """

    gap: float
    cliff: bool
    dependence: float
    control: Estimate

    @property
    def excess(self) -> float:
        """Dependence above the control, in the control's standard deviations."""
        return (self.dependence - self.control.value) / max(self.control.error, 1e-12)


def conditional_dependence(
    near: Tensor, far: Tensor, given: Tensor, *, shuffles: int = 20, seed: int = 0
) -> tuple[float, Estimate]:
    """Dependence of two sets of variables given a third, with its permutation control.

    Each set is taken with its squares; what is linear in `given` and its squares is taken away;
    the dependence is the sum of the squared canonical correlations of what is left (Pillai's
    trace). It is 0 where neither values nor sizes are correlated, and for two Gaussian variables
    of correlation ρ it is ρ² + ρ⁴. Finite samples and chance give what the control shows: rows of
    `far` shuffled, its error the scatter of the shuffles.

    Parameters
    ----------
    near, far, given
        (n, a), (n, b) and (n, c); c may be 0.
    shuffles, seed
        How many permutations, and the seed of them.

    Raises
    ------
    ParameterError
        If there are too few samples for so many variables: n ≥ 4 (a + b + c) is asked for.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> x, y = torch.randn(2, 4000, 1, generator=generator, dtype=torch.float64)
    >>> together, control = conditional_dependence(x, x + y, torch.zeros(4000, 0))
    >>> abs(together - (1 / 2 + 1 / 4)) < 0.05, abs(control.value) < 0.01
    (True, True)
    """
    n, variables = len(near), near.shape[1] + far.shape[1] + given.shape[1]
    if n < 4 * variables:
        raise ParameterError(
            "samples",
            given=n,
            allowed=f"at least {4 * variables} for {variables} variables",
            mend="pass more data, or look at fewer directions",
        )
    known = torch.cat([torch.ones(n, 1, dtype=torch.float64), _powers(given)], dim=1)
    left, right = _residual(_powers(near), known), _residual(_powers(far), known)
    generator = torch.Generator().manual_seed(whole("seed", seed, 0, 2**63 - 1))
    by_chance = torch.tensor(
        [_dependence(left, right[torch.randperm(n, generator=generator)]) for _ in range(shuffles)],
        dtype=torch.float64,
    )
    control = Estimate(float(by_chance.mean()), float(by_chance.std()), samples=shuffles)
    return _dependence(left, right), control


def separation(
    coefficients: Tensor, relevance: Relevance, rank: int, *, width: int = 8, seed: int = 0
) -> Separation:
    """Of a spectral description that keeps `rank` of its directions.

    The nearer features are the first `width` that are neglected, the farther ones the last
    `width` that vary at all; as many coarse ones are given as the samples can bear.

    Parameters
    ----------
    coefficients
        (n, d): every direction's coefficient in every sample, most relevant first.
    relevance
        The directions with their values.
    rank
        How many are kept.

    Raises
    ------
    ParameterError
        If fewer than two directions that vary are neglected, or the samples are too few.
    """
    if len(coefficients) < 2:
        raise ParameterError("samples", given=len(coefficients), allowed="two or more")
    varies = (coefficients.double().std(0) > 1e-9).nonzero().flatten()
    neglected = varies[varies >= rank]
    half = min(whole("width", width, 1), len(neglected) // 2)
    if half < 1:
        raise ParameterError(
            "rank",
            given=rank,
            allowed="one that neglects two directions or more that vary",
            mend="cut earlier",
        )
    room = max(0, len(coefficients) // 4 - 2 * half)
    near, far = coefficients[:, neglected[:half]], coefficients[:, neglected[-half:]]
    found, control = conditional_dependence(
        near, far, coefficients[:, : min(rank, room)], seed=seed
    )
    above = relevance.values[rank - 1] if rank else math.nan
    below = relevance.values[rank]
    gap = (
        math.log(above / below) if above > 0 and below > 0 else math.inf if above > 0 else math.nan
    )
    return Separation(gap, rank in relevance.cliffs(), found, control)


def _powers(x: Tensor) -> Tensor:
    """Standardised variables and their squares, constants left out, float64."""
    x = x.detach().double()
    spread = x.std(0) if x.numel() else x.sum(0)
    kept = spread > 1e-9 * x.abs().mean(0).clamp_min(1e-300)
    scaled = (x[:, kept] - x[:, kept].mean(0)) / spread[kept]
    return torch.cat([scaled, scaled**2 - 1], dim=1)


def _residual(x: Tensor, known: Tensor) -> Tensor:
    """An orthonormal basis of what of x the known columns do not give, (n, k)."""
    span = torch.linalg.qr(known)[0]
    left, sizes, _ = torch.linalg.svd(x - span @ (span.T @ x), full_matrices=False)
    return left[:, sizes > 1e-6 * sizes[:1].clamp_min(1e-300)]


def _dependence(left: Tensor, right: Tensor) -> float:
    """Of two sets of orthonormal columns."""
    return float((left.T @ right).square().sum())
