"""Cut an activation along its directions of largest variance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from rgwidgets.compute.moments import Moments
from rgwidgets.core.errors import ParameterError, ShapeError
from rgwidgets.core.numeric import in_double
from rgwidgets.core.theory import Theory

from .subspace import Spectrum, SubspaceScheme, ordered


@dataclass(frozen=True)
class ActivationSpectrum(SubspaceScheme):
    """Principal components of an activation, in float64: keep the r of largest variance.

    Relevance is the variance of each direction over samples and positions. That a direction
    varies little does not say that it matters little: read the bounds.

    Attributes
    ----------
    moments
        Those of the feature over more samples than the theory holds, such as of a stream
        (`rgwidgets.systems.stream.activations`): the basis is theirs, the bounds the theory's.
        The theory's own if None.

    Raises
    ------
    ShapeError
        On use, if the moments are of vectors of another dimension than the feature.

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
    moments: Moments | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.moments is not None and not isinstance(self.moments, Moments):
            raise ParameterError(
                "moments", given=self.moments, allowed="rgwidgets.compute.moments.Moments, or None"
            )

    def measure(self, theory: Theory, feature: str) -> Spectrum:
        """Mean and principal components of the feature."""
        x = theory.features[feature]
        found = self.moments or Moments.of(x)
        if len(found.mean) != x.shape[-1]:
            raise ShapeError(
                "moments",
                given=f"of dimension {len(found.mean)}",
                allowed=f"those of the feature {feature!r}, of dimension {x.shape[-1]}",
                mend="stream the same layer, with the same feature_axis",
            )
        covariance = found.covariance.to(in_double(x[:0]))
        values, vectors = ordered(covariance, covariance)
        return Spectrum(found.mean.to(covariance), vectors, values, "variance")
