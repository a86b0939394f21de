"""Observables of a spin field, the same at every level of a block-spin flow.

Each works on features["spins"] of shape (n, y, x), any size and dtype, so it can be asked of the
fine field and of every coarse one. Lengths are in sites of the level that is asked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from ...core.errors import ParameterError, ShapeError, check_keywords
from ...core.local import LocalObservable
from ...core.theory import Features, Observable

NAMES = (
    "magnetisation",
    "absolute magnetisation",
    "energy",
    "nearest correlation",
    "diagonal correlation",
    "correlation length",
    "Binder cumulant",
)


def observables(
    *, field: float = 0.0, tolerances: Mapping[str, float] | None = None
) -> tuple[Observable, ...]:
    """All observables of `NAMES`, in that order.

    Parameters
    ----------
    field
        The magnetic field that enters the energy.
    tolerances
        `{name: share of the error budget}` for those that have one.

    Raises
    ------
    KeywordError
        If `tolerances` names an observable that is not there.

    Examples
    --------
    >>> [o.name for o in observables()][:2]
    ['magnetisation', 'absolute magnetisation']
    """
    budget = dict(tolerances or {})
    check_keywords(budget, NAMES, where="tolerances")
    site, right, below, corner, left = (0, 0), (0, 1), (1, 0), (1, 1), (1, -1)
    m = ((1.0, (site,)),)
    nearest = ((0.5, (site, right)), (0.5, (site, below)))
    diagonal = ((0.5, (site, corner)), (0.5, (site, left)))
    return (
        LocalObservable("magnetisation", terms=m, tolerance=budget.get("magnetisation")),
        LocalObservable(
            "absolute magnetisation",
            terms=m,
            absolute=True,
            tolerance=budget.get("absolute magnetisation"),
        ),
        energy(field=field, tolerance=budget.get("energy")),
        LocalObservable(
            "nearest correlation", terms=nearest, tolerance=budget.get("nearest correlation")
        ),
        LocalObservable(
            "diagonal correlation", terms=diagonal, tolerance=budget.get("diagonal correlation")
        ),
        correlation_length(tolerance=budget.get("correlation length")),
        binder_cumulant(tolerance=budget.get("Binder cumulant")),
    )


def energy(*, field: float = 0.0, tolerance: float | None = None) -> Observable:
    """Energy per site, −Σ s s′ − h Σ s with J = 1, in units of J.

    >>> energy(field=0.5).samples({"spins": torch.ones(1, 4, 4)})
    tensor([-2.5000], dtype=torch.float64)
    """
    bonds = ((-1.0, ((0, 0), (0, 1))), (-1.0, ((0, 0), (1, 0))))
    source = ((-field, ((0, 0),)),) if field else ()
    return LocalObservable("energy", terms=bonds + source, unit="J", tolerance=tolerance)


def binder_cumulant(*, tolerance: float | None = None) -> Observable:
    """U₄ = 1 − ⟨m⁴⟩/(3⟨m²⟩²): 2/3 in order, 0 in disorder. K. Binder, Z. Phys. B 43, 119 (1981).

    >>> u = binder_cumulant()
    >>> float(u.reduce(u.samples({"spins": torch.ones(3, 4, 4)}).mean(0)))
    0.6666666666666667
    """

    def moments(features: Features) -> Tensor:
        square = _magnetisation(features) ** 2
        return torch.stack([square, square**2], -1)

    return Observable(
        "Binder cumulant", moments, "", tolerance, lambda mean: 1 - mean[1] / (3 * mean[0] ** 2)
    )


def correlation_length(*, tolerance: float | None = None) -> Observable:
    """Second-moment length ξ = √(S(0)/S(k) − 1) / (2 sin k/2), at the smallest k = 2π/L.

    Cooper, Freedman and Preston, Nucl. Phys. B 210, 210 (1982). S is averaged over both axes; S(0)
    holds the whole magnetisation, so ξ grows with L in the ordered phase. It is 0 where noise
    makes S(0) < S(k).
    """

    def moments(features: Features) -> Tensor:
        spins = _spins(features)
        zero, smallest = structure_factor(spins)
        steps = [4 * math.sin(math.pi / n) ** 2 if n > 1 else 1.0 for n in spins.shape[-2:]]
        return torch.stack([zero, smallest, torch.full_like(zero, sum(steps) / 2)], -1)

    def reduce(mean: Tensor) -> Tensor:
        # the floor keeps the gradient of the root finite where the estimate is zero
        return torch.sqrt(torch.clamp((mean[0] / mean[1] - 1) / mean[2], min=1e-30))

    return Observable("correlation length", moments, "sites", tolerance, reduce)


def specific_heat(temperature: float, *, field: float = 0.0) -> Observable:
    """c = N (⟨e²⟩ − ⟨e⟩²)/T² per site, of the fine field (its temperature is no other level's).

    Raises
    ------
    ParameterError
        If the temperature is not a finite number > 0.
    """
    _check_temperature(temperature)

    def moments(features: Features) -> Tensor:
        spins = _spins(features)
        return _variance_moments(_energy(spins, field), spins)

    return Observable(
        "specific heat", moments, "", reduce=lambda mean: _variance(mean) / temperature**2
    )


def susceptibility(temperature: float) -> Observable:
    """χ = N (⟨m²⟩ − ⟨|m|⟩²)/T per site, of the fine field.

    Raises
    ------
    ParameterError
        If the temperature is not a finite number > 0.
    """
    _check_temperature(temperature)

    def moments(features: Features) -> Tensor:
        return _variance_moments(_magnetisation(features).abs(), _spins(features))

    return Observable(
        "susceptibility", moments, "1/J", reduce=lambda mean: _variance(mean) / temperature
    )


def nearest_correlation(spins: Tensor) -> Tensor:
    """⟨s s′⟩ over nearest neighbours of each sample: (n, y, x) → (n,) float64.

    >>> nearest_correlation(torch.tensor([[[1, -1], [-1, 1]]], dtype=torch.int8))
    tensor([-1.], dtype=torch.float64)
    """
    across, down = spins * spins.roll(-1, -1), spins * spins.roll(-1, -2)
    return (_site_mean(across) + _site_mean(down)) / 2


def diagonal_correlation(spins: Tensor) -> Tensor:
    """⟨s s′⟩ over neighbours along both diagonals of each sample: (n, y, x) → (n,) float64."""
    below = spins.roll(-1, -2)
    return (_site_mean(spins * below.roll(-1, -1)) + _site_mean(spins * below.roll(1, -1))) / 2


def structure_factor(spins: Tensor) -> tuple[Tensor, Tensor]:
    """S(k) = |Σ s exp(ikr)|²/N of each sample at k = 0 and at the smallest k, both (n,) float64."""
    sites = spins.shape[-1] * spins.shape[-2]
    parts = []
    for axis in (-1, -2):
        profile = spins.sum(axis, dtype=torch.float64)
        parts.append(torch.fft.rfft(profile)[:, : min(2, profile.shape[1])].abs() ** 2 / sites)
    # one site across has no other wave number than 0
    smallest = (parts[0][:, -1] + parts[1][:, -1]) / 2
    return parts[0][:, 0], smallest


def _spins(features: Features) -> Tensor:
    spins = features["spins"]
    if spins.ndim != 3 or spins.shape[-1] * spins.shape[-2] == 0:
        raise ShapeError("spins", given=tuple(spins.shape), allowed="(sample, y, x), not empty")
    return spins


def _magnetisation(features: Features) -> Tensor:
    return _site_mean(_spins(features))


def _energy(spins: Tensor, field: float) -> Tensor:
    bonds = -2 * nearest_correlation(spins)
    return bonds - field * _site_mean(spins) if field else bonds


def _site_mean(values: Tensor) -> Tensor:
    """Mean over y and x in float64; integers are summed exactly, and without a float copy."""
    exact = torch.float64 if values.is_floating_point() else torch.int64
    return values.sum((-2, -1), dtype=exact).double() / (values.shape[-1] * values.shape[-2])


def _variance_moments(values: Tensor, spins: Tensor) -> Tensor:
    sites = torch.full_like(values, spins.shape[-1] * spins.shape[-2])
    return torch.stack([values, values**2, sites], -1)


def _variance(mean: Tensor) -> Tensor:
    return mean[2] * (mean[1] - mean[0] ** 2)


def _check_temperature(temperature: float) -> None:
    if not 0 < temperature < math.inf:
        raise ParameterError("temperature", given=temperature, allowed="a finite number > 0")
