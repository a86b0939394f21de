"""φ⁴ at tree level: above four dimensions, where it is exact, u fades and may not be dropped."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ..core.numeric import real
from ..core.relevance import Relevance
from ..core.scheme import CouplingScheme


class MeanField(CouplingScheme):
    """Rescale f(m) = ½ r m² + ¼ u m⁴ − h m about the Gaussian fixed point r = u = h = 0.

    Without fluctuations a step by b only changes units,

        u → b^(4 − d) u,   r → b² r,   h → b^(1 + d/2) h,   m → b^(d/2 − 1) m.

    Above four dimensions u is irrelevant. It is dangerously so for m = √(−r/u) at r < 0, h = 0,
    and not for m = h/r − u h³/r⁴ + … at r > 0: see `danger`.

    Parameters
    ----------
    d
        Dimension > 0, real.
    b
        Length factor > 1, real.

    Raises
    ------
    ParameterError
        For d or b outside these, or a theory with other couplings than u, r, h.

    References
    ----------
    J. Cardy, Scaling and Renormalization in Statistical Physics (1996), sections 3.6 and 5.3; M. E.
    Fisher, in Critical Phenomena, Lecture Notes in Physics 186 (Springer 1983), appendix D.

    Examples
    --------
    >>> from rgwidgets.core.theory import Theory
    >>> coarse = MeanField(d=5).coarsen(Theory(couplings={"r": -0.25, "u": 0.5}), 2)
    >>> {name: float(value) for name, value in coarse.couplings.items()}
    {'u': 0.25, 'r': -1.0, 'h': 0.0}
    >>> coarse.relevance.names, coarse.relevance.values
    (('h', 'r', 'u'), (3.5, 2.0, -1.0))
    """

    name: ClassVar[str] = "mean_field"
    summary: ClassVar[str] = "φ⁴ without fluctuations: u is dangerously irrelevant above d = 4"
    citation: ClassVar[str] = "Fisher, Lecture Notes in Physics 186 (1983), appendix D"
    coupling_names = ("u", "r", "h")

    def __init__(self, d: float = 5, *, b: float = 2) -> None:
        self.d = real("d", d, "(0, inf)", mend="pass d=5")
        self.b = real("b", b, "(1, inf)", mend="pass b=2")

    @property
    def exponents(self) -> tuple[float, ...]:
        """y of u, r and h."""
        return 4 - self.d, 2.0, 1 + self.d / 2

    def transform(self, couplings: Tensor) -> Tensor:
        """(3,) → (3,)."""
        factors = [self.b**y for y in self.exponents]
        return couplings * torch.tensor(factors, dtype=couplings.dtype, device=couplings.device)

    def _relevance(self, couplings: Tensor) -> Relevance:
        """The exponents, which are the same everywhere."""
        return Relevance(self.coupling_names, self.exponents, quantity="scaling exponent y")
