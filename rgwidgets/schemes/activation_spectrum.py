"""Cut an activation along its directions of largest variance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rgwidgets.core.theory import Theory

from .subspace import Spectrum, SubspaceScheme, moments, ordered


@dataclass(frozen=True)
class ActivationSpectrum(SubspaceScheme):
    """Principal components of an activation, in float64: keep the r of largest variance.

    Relevance is the variance of each direction over samples and positions. That a direction
    varies little does not say that it matters little: read the bounds.

    Examples
    --------
    >>> import torch
    >>> x = torch.randn(100, 3, generator=torch.Generator().manual_seed(0))
    >>> theory = Theory({"activation": x * torch.tensor([1.0, 5.0, 0.1])})
    >>> effective = ActivationSpectrum().coarsen(theory, 1)
    >>> effective.features["coefficients"].shape, round(effective.attrs["kept_variance"], 2)
    (torch.Size([100, 1]), 0.96)
    """

    name: ClassVar[str] = "activation_spectrum"
    summary: ClassVar[str] = "keep the directions of largest variance of an activation"
    citation: ClassVar[str] = (
        "H. Hotelling, Analysis of a complex of statistical variables into principal components, "
        "J. Educ. Psychol. 24, 417 (1933)"
    )

    def measure(self, theory: Theory, feature: str) -> Spectrum:
        """Mean and principal components of the feature."""
        mean, covariance = moments(theory.features[feature])
        values, vectors = ordered(covariance, covariance)
        return Spectrum(mean, vectors, values, "variance")
