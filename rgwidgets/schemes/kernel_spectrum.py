"""Cut the weights of a layer along the eigenvectors of its empirical neural tangent kernel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from rgwidgets.core.errors import ParameterError
from rgwidgets.core.numeric import in_double

from .jacobian import Jacobian, JacobianScheme


@dataclass(frozen=True)
class KernelSpectrum(JacobianScheme):
    """Features of the empirical neural tangent kernel of one layer: keep the r largest.

    The kernel is JJᵀ/n, a matrix over samples and outputs, with J the derivatives of the outputs
    by the layer's weights; the directions are the eigenvectors of JᵀJ/n, which has the same
    eigenvalues. Where they fall off a cliff, `relevance.cliffs()`, features end.

    On the quadratic network that adds modulo p by all Fourier modes, the kernel of a single
    output falls off after 1 + 4⌊p/2⌋ directions of the first layer and 1 + 8⌊p/2⌋ of the last
    (57 and 113 for p = 29). Networks trained to add showed the first cliff at the same place in
    every run, the second in none reliably. The kernel of all outputs has other cliffs: each
    output brings directions of its own.

    To first order in the weights the discarded eigenvalues say how far the outputs move. Over
    the distance from a reference such as zero a network is not linear: read the bounds.

    Attributes
    ----------
    output
        Which output's kernel, 0 to c − 1; of all together if None.

    Examples
    --------
    >>> import torch
    >>> from rgwidgets.core.theory import Theory
    >>> class Doubles:
    ...     shape, layer, smaller = (1, 1, 2), "only", {}
    ...     def __call__(self, weights, *, output=None):
    ...         yield torch.zeros(1, 1), torch.tensor([[[0.0, 2.0]]])
    >>> facts = {"jacobian": Doubles(), "reference": torch.zeros(2)}
    >>> theory = Theory({"weights": torch.ones(1, 2)}, attrs=facts)
    >>> KernelSpectrum().spectrum(theory).values
    tensor([4., 0.], dtype=torch.float64)
    """

    name: ClassVar[str] = "kernel_spectrum"
    summary: ClassVar[str] = "keep the weight directions of the empirical neural tangent kernel"
    citation: ClassVar[str] = (
        "A. Jacot, F. Gabriel, C. Hongler, Neural tangent kernel, NeurIPS 2018, arXiv:1806.07572; "
        "J. Lin, Feature identification via the empirical NTK, arXiv:2510.00468 (2025)"
    )
    quantity: ClassVar[str] = "kernel eigenvalue"
    output: int | None = field(default=None, kw_only=True)

    def height(self, jacobian: Jacobian) -> int:
        """n × c, or n for a single output."""
        n, c, _ = jacobian.shape
        chosen = self.output
        if chosen is None:
            return n * c
        if isinstance(chosen, bool) or not isinstance(chosen, int) or not 0 <= chosen < c:
            raise ParameterError("output", given=chosen, allowed=f"0 to {c - 1}, or None for all")
        return n

    def rows(self, jacobian: Jacobian, weights: Tensor) -> Iterator[tuple[int, Tensor]]:
        """The derivatives as they are."""
        for _, rows in jacobian(weights, output=self.output):
            yield len(rows), in_double(rows).flatten(0, 1)
