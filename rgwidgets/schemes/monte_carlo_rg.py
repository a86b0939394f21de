"""Monte Carlo renormalisation: scaling exponents from correlations between two levels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..core.errors import ParameterError, ShapeError
from ..core.local import LocalObservable
from ..core.relevance import Relevance

FEWEST = 8  # samples below which an error of the exponents would itself be noise

MAGNETISATION = LocalObservable("magnetisation", terms=((1.0, ((0, 0),)),))
NEAREST = LocalObservable(
    "nearest neighbours", terms=((1.0, ((0, 0), (0, 1))), (1.0, ((0, 0), (1, 0))))
)
DIAGONAL = LocalObservable(
    "diagonal neighbours", terms=((1.0, ((0, 0), (1, 1))), (1.0, ((0, 0), (1, -1))))
)
THIRD = LocalObservable(
    "third neighbours", terms=((1.0, ((0, 0), (0, 2))), (1.0, ((0, 0), (2, 0))))
)
PLAQUETTE = LocalObservable("plaquette", terms=((1.0, ((0, 0), (0, 1), (1, 0), (1, 1))),))
CORNER = LocalObservable(
    "three-spin corner",
    terms=tuple(
        (1.0, tuple(r for r in ((0, 0), (0, 1), (1, 0), (1, 1)) if r != left_out))
        for left_out in ((0, 0), (0, 1), (1, 0), (1, 1))
    ),
)
EVEN = (NEAREST, DIAGONAL, PLAQUETTE, THIRD)
ODD = (MAGNETISATION, CORNER)


def operators(spins: Tensor, chosen: Sequence[LocalObservable]) -> Tensor:
    """Sums over the lattice of these local operators: (n, *lattice) → (n, m) float64.

    >>> operators(torch.ones(2, 4, 4, dtype=torch.int8), (MAGNETISATION, NEAREST))
    tensor([[16., 32.], [16., 32.]], dtype=torch.float64)
    """
    sites = math.prod(spins.shape[1:])
    return sites * torch.stack([o.polynomial(spins) for o in chosen], 1)


def linearised(fine: Tensor, coarse: Tensor) -> Tensor:
    """Swendsen's T = ∂K'/∂K = B⁻¹A, from operators of the same samples at two levels.

    A_ab = ⟨S'_a S_b⟩ − ⟨S'_a⟩⟨S_b⟩ and B_ab = ⟨S'_a S'_b⟩ − ⟨S'_a⟩⟨S'_b⟩, with S the fine and S'
    the coarse operators (n, m). Returns (m, m); NaN where B is singular.
    """
    return _solved(*_moments(*_checked(fine, coarse), torch.zeros(len(fine)).long()))[0]


def exponents(
    fine_operators: Tensor, coarse_operators: Tensor, b: float, *, bins: int = 32
) -> tuple[Tensor, Tensor]:
    """Scaling exponents y = ln|λ| / ln b of one step, with jackknife errors.

    Take the operators of one parity at a time: even ones give y_t first, odd ones y_h.

    Parameters
    ----------
    fine_operators, coarse_operators
        Sums (n, m) of the same m operators over the lattice before and after the step, in order
        of Monte Carlo time, chain after chain.
    b
        Length factor of the step.
    bins
        Number of consecutive bins that the jackknife leaves out in turn; each should be longer
        than the autocorrelation time.

    Returns
    -------
    exponents, errors
        Shape (m,), in descending order; NaN where fewer than 8 samples or a singular correlation
        matrix allow no statement.

    Raises
    ------
    ShapeError
        If the operators are not two matrices of one shape.
    ParameterError
        If b is not greater than 1 or there are fewer than two bins.

    References
    ----------
    R. H. Swendsen, Phys. Rev. Lett. 42, 859 (1979), eqs. 6 to 8.

    Examples
    --------
    The mean of b × b spins multiplies a uniform field by b² and changes nothing else:

    >>> fine = torch.randn(100, 1, generator=torch.Generator().manual_seed(0)).double()
    >>> y, error = exponents(fine, fine / 4, 2)
    >>> round(float(y), 6), round(float(error), 6)
    (2.0, 0.0)
    """
    fine, coarse = _checked(fine_operators, coarse_operators)
    n, m = fine.shape
    if not b > 1:
        raise ParameterError("b", given=b, allowed="a length factor > 1")
    if bins < 2:
        raise ParameterError("bins", given=bins, allowed="two or more")
    nothing = torch.full((m,), math.nan, dtype=torch.float64)
    if n < FEWEST:
        return nothing, nothing
    bins = min(bins, n)
    label = torch.arange(n) * bins // n
    values = _spectrum(_solved(*_moments(fine, coarse, label)), b)
    if not bool(torch.isfinite(values).all()):
        return nothing, nothing
    left_out = values[1:]
    spread = ((left_out - left_out.mean(0)) ** 2).sum(0)
    return values[0], ((bins - 1) / bins * spread).sqrt()


def relevance(pair: tuple[Tensor, Tensor] | None, b: float) -> Relevance:
    """Scaling directions of the step between two levels of spins (n, y, x); NaN without one."""
    names = ("magnetic", "thermal", "second even")
    values, errors = [math.nan] * 3, [math.nan] * 3
    if pair is not None and len(pair[0]) >= FEWEST:
        for chosen, places in (((MAGNETISATION,), [0]), ((NEAREST, DIAGONAL), [1, 2])):
            fine, coarse = (operators(spins, chosen).cpu() for spins in pair)
            y, error = exponents(fine, coarse, b)
            for place, value, uncertainty in zip(places, y.tolist(), error.tolist(), strict=True):
                values[place], errors[place] = value, uncertainty
    return Relevance(names, tuple(values), error=tuple(errors), quantity="scaling exponent y")


def _checked(fine: Tensor, coarse: Tensor) -> tuple[Tensor, Tensor]:
    if fine.ndim != 2 or fine.shape != coarse.shape:
        raise ShapeError(
            "operators",
            given=(tuple(fine.shape), tuple(coarse.shape)),
            allowed="two tensors (n, m) of the same shape",
        )
    return fine.detach().double().cpu(), coarse.detach().double().cpu()


def _moments(fine: Tensor, coarse: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    """A and B of all samples first, then with each bin left out: (1 + bins, m, m) each."""
    fine, coarse = fine - fine.mean(0), coarse - coarse.mean(0)  # against cancellation only
    n, m = fine.shape
    columns = [
        fine,
        coarse,
        (coarse[:, :, None] * fine[:, None]).flatten(1),
        (coarse[:, :, None] * coarse[:, None]).flatten(1),
        torch.ones(n, 1).double(),
    ]
    rows = torch.cat(columns, 1)
    bins = int(label.max()) + 1
    by_bin = torch.zeros(bins, rows.shape[1], dtype=torch.float64).index_add_(0, label, rows)
    total = by_bin.sum(0)
    kept = torch.cat([total[None], total - by_bin]) if bins > 1 else total[None]
    mean = kept[:, :-1] / kept[:, -1:]
    s, s_coarse, cross, square = mean.split([m, m, m * m, m * m], 1)
    a = cross.view(-1, m, m) - s_coarse[:, :, None] * s[:, None]
    return a, square.view(-1, m, m) - s_coarse[:, :, None] * s_coarse[:, None]


def _solved(a: Tensor, b: Tensor) -> Tensor:
    """B⁻¹A by sample set, NaN where B is singular to working precision."""
    diagonal = b.diagonal(dim1=1, dim2=2)
    scale = diagonal.clamp_min(0).sqrt()
    normalised = b / (scale[:, :, None] * scale[:, None])
    regular = bool((diagonal > 0).all()) and bool(
        (torch.linalg.eigvalsh(torch.nan_to_num(normalised))[:, 0] > 1e-12).all()
    )
    return torch.linalg.solve(b, a) if regular else torch.full_like(a, math.nan)


def _spectrum(matrices: Tensor, b: float) -> Tensor:
    """Exponents of each matrix in descending order."""
    if not bool(torch.isfinite(matrices).all()):
        return torch.full(matrices.shape[:2], math.nan, dtype=torch.float64)
    moduli = torch.linalg.eigvals(matrices).abs().sort(1, descending=True).values
    return moduli.log() / math.log(b)
