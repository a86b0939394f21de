"""How far one standard deviation along each direction moves each observable."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.errors import ObservableError, ParameterError
from ..core.theory import Theory
from ..schemes.gradient_spectrum import gradients
from ..schemes.subspace import Spectrum, moments


@dataclass(frozen=True, eq=False)
class Susceptibility:
    """To first order, the root mean square change of observables along directions.

    χ_{o,i} = √⟨(∇o · b_i)²⟩ · s_i, with s_i the standard deviation of the data along b_i.

    Attributes
    ----------
    observables
        Names, one a row.
    value, error
        (observables, directions), in the unit of each observable; standard errors over samples.
    missing
        Observables that have no gradient, with the reason.
    """

    observables: tuple[str, ...]
    value: Tensor
    error: Tensor
    missing: dict[str, str]

    def order(self, observable: str) -> list[int]:
        """Directions, counted from 0, the one that moves the observable most first."""
        row = self.value[self.observables.index(observable)]
        return [int(i) for i in row.argsort(descending=True, stable=True)]


def susceptibility(theory: Theory, feature: str, spectrum: Spectrum) -> Susceptibility:
    """Measure it for every observable of a theory that has a gradient.

    Parameters
    ----------
    theory, feature
        The theory and which of its features, (n, …, d).
    spectrum
        The directions.

    Raises
    ------
    ObservableError
        If no observable has a gradient.
    ParameterError
        If there is a single sample, as of weights: nothing varies.
    """
    if theory.features[feature].flatten(0, -2).shape[0] < 2:
        raise ParameterError(
            "samples",
            given=1,
            allowed="two or more",
            mend="look at activations; for weights, read the relevance",
        )
    _, covariance = moments(theory.features[feature])
    basis = spectrum.basis
    spread = (basis * (covariance @ basis)).sum(0).clamp_min(0).sqrt()
    rows, missing = {}, {}
    for observable in theory.observables:
        try:
            gradient = gradients(observable, theory, feature)
        except ObservableError as reason:
            missing[observable.name] = reason.message
            continue
        along = gradient.double().to(basis.device) @ basis
        by_sample = along.square().flatten(1, -2).mean(1) if along.ndim > 2 else along.square()
        mean = by_sample.mean(0)
        scatter = by_sample.std(0) if len(by_sample) > 1 else torch.full_like(mean, math.nan)
        root = mean.sqrt()
        error = scatter / math.sqrt(len(by_sample)) / (2 * root).clamp_min(1e-300)
        rows[observable.name] = (root * spread, error * spread)
    if not rows:
        raise ObservableError(
            "observables",
            given="; ".join(f"{name}: {why}" for name, why in missing.items()) or "none",
            allowed="at least one with a gradient",
        )
    value, error = (torch.stack(column) for column in zip(*rows.values(), strict=True))
    return Susceptibility(tuple(rows), value, error, missing)
