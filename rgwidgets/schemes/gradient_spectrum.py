"""Cut an activation along the directions in which an observable moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from rgwidgets.core.errors import ObservableError
from rgwidgets.core.outputs import OutputObservable, gradient_of
from rgwidgets.core.theory import Observable, Theory

from .subspace import ALL, Spectrum, SubspaceScheme, moments, ordered


@dataclass(frozen=True)
class GradientSpectrum(SubspaceScheme):
    """Eigenvectors of the mean gradient outer product of an observable: keep the r largest.

    The matrix is C = ⟨∇o ∇oᵀ⟩ over samples and positions, the gradient taken with respect to the
    feature. Directions without gradient are ordered by their variance. An observable with steps,
    such as the accuracy, is replaced by its differentiable stand-in, the margin.

    On the toy models T1 to T3 an attack on what this order neglects does at most half of what it
    does with principal components or autoencoders at the same rank (`make bench`), with two
    exceptions: where variance is the right order already, both are alike; and on early layers
    with many directions left, where what is neglected hardly matters, variance can be the better.
    The order is of mean squared gradients at the data: a direction that is steep only elsewhere,
    as a rare feature is, comes late.

    Attributes
    ----------
    observable
        Name of one of the theory's observables; its first if empty; "*" for the sum over all,
        each in units of its tolerance if it has one.

    Raises
    ------
    ObservableError
        If the theory has no such observable, or it has no gradient.

    Examples
    --------
    >>> x = torch.randn(100, 3, generator=torch.Generator().manual_seed(0))
    >>> o = Observable("o", lambda f: f["activation"][:, 2] + 0.1 * f["activation"][:, 0])
    >>> spectrum = GradientSpectrum(observable="o").spectrum(Theory({"activation": x}, (o,)))
    >>> [round(v, 3) for v in spectrum.basis[:, 0].abs().tolist()]
    [0.1, 0.0, 0.995]
    """

    name: ClassVar[str] = "gradient_spectrum"
    summary: ClassVar[str] = "keep the directions along which an observable moves"
    citation: ClassVar[str] = (
        "P. G. Constantine, E. Dow, Q. Wang, Active subspace methods in theory and practice, "
        "SIAM J. Sci. Comput. 36, A1500 (2014)"
    )
    observable: str = ""

    def measure(self, theory: Theory, feature: str) -> Spectrum:
        """Mean of the feature, and eigenvectors of the observable's mean gradient outer product."""
        mean, covariance = moments(theory.features[feature])
        product, chosen = torch.zeros_like(covariance), weighted(theory, self.observable)
        for observable, weight in chosen:
            rows = gradients(observable, theory, feature).double().flatten(0, -2).to(mean)
            product += weight**2 * rows.T @ rows / len(rows)
        values, vectors = ordered(product, covariance)
        first = chosen[0][0]
        several = self.observable == ALL
        named = "the observables" if several else first.name
        unit = f"({first.unit})²" if first.unit and not several else ""
        return Spectrum(mean, vectors, values, f"mean squared gradient of {named}", unit)


def weighted(theory: Theory, name: str) -> list[tuple[Observable, float]]:
    """One of a theory's observables, its first if unnamed; or ALL, in units of their tolerances."""
    if not theory.observables:
        raise ObservableError(
            "observables of the theory",
            given="none",
            allowed="at least one",
            mend="capture with labels or observables",
        )
    if name == ALL:
        return [(o, 1 / o.tolerance if o.tolerance else 1.0) for o in theory.observables]
    return [(theory.observable(name) if name else theory.observables[0], 1.0)]


def gradients(observable: Observable, theory: Theory, feature: str) -> Tensor:
    """∂o_i/∂x_i by sample, (n, …, d)."""
    with torch.inference_mode(False), torch.enable_grad():
        leaf = theory.features[feature].detach().clone().requires_grad_()
        features = {**theory.features, feature: leaf}
        if isinstance(observable, OutputObservable):
            values = observable.smooth(features)
        else:
            values = observable.samples(features)
        if values.ndim != 1 or not values.requires_grad:
            raise ObservableError(
                f"observable {observable.name!r}{after_layer(theory)}",
                given="no gradient, or several moments a sample",
                allowed="a differentiable function of the features, one value a sample",
                mend="choose the loss or a logit difference",
            )
        found = gradient_of(values, leaf, f"{observable.name!r}{after_layer(theory)}")
    if not bool(torch.isfinite(found).all()):
        raise ObservableError(
            f"gradient of {observable.name!r}{after_layer(theory)}",
            given="NaN or infinity",
            allowed="finite values",
        )
    return found


def after_layer(theory: Theory) -> str:
    """Where the observables of a theory begin, for a message."""
    return f" after layer {theory.attrs['layer']!r}" if "layer" in theory.attrs else ""
