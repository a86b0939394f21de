"""Migdal–Kadanoff bond moving for the Ising model in d dimensions, any real b > 1."""

from __future__ import annotations

import math
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from ..core.errors import choose
from ..core.numeric import real
from ..core.scheme import CouplingScheme

Order = Literal["move-decimate", "decimate-move"]


class MigdalKadanoff(CouplingScheme):
    """Move b^(d−1) bonds together, then sum out b − 1 spins of each chain, or the other way round.

    With D_b(K) = artanh(tanhᵇ K), the decimation of a chain of b bonds,

        move-decimate:  K' = D_b(b^(d−1) K)          decimate-move:  K' = b^(d−1) D_b(K).

    The two orders are one map seen from two places: their fixed points differ by b^(d−1), their
    exponents agree. Uncontrolled, but exact in d = 1, and the b → 1 limit has the exact critical
    point in d = 2. Antiferromagnetic couplings follow by flipping one sublattice. A field is not
    taken along: where it goes when bonds move is a convention, not a consequence.

    Parameters
    ----------
    d
        Dimension ≥ 1, real.
    b
        Length factor > 1, real. For the limit b → 1 see `beta`.
    order
        "move-decimate" or "decimate-move".

    Raises
    ------
    ParameterError
        For d, b or order outside these, or a theory with couplings other than K.

    References
    ----------
    A. A. Migdal, Sov. Phys. JETP 42, 413 and 743 (1975); L. P. Kadanoff, Ann. Phys. 100, 359
    (1976), eqs. 3.13 to 3.20.

    Examples
    --------
    >>> K = torch.tensor([0.3046889], dtype=torch.float64)
    >>> round(float(MigdalKadanoff().transform(K)), 6)
    0.304689
    """

    name: ClassVar[str] = "migdal_kadanoff"
    summary: ClassVar[str] = "moves bonds together and decimates: Ising couplings in d dimensions"
    citation: ClassVar[str] = (
        "Migdal, Sov. Phys. JETP 42, 743 (1975); Kadanoff, Ann. Phys. 100, 359 (1976)"
    )
    coupling_names = ("K",)

    def __init__(self, d: float = 2, *, b: float = 2, order: Order = "move-decimate") -> None:
        real("d", d, "[1, inf)", mend="pass d=2")
        real("b", b, "(1, inf)", mend="for b → 1 use the differential form, `beta`")
        choose("order", order, get_args(Order))
        self.d, self.b, self.order = d, b, order

    def transform(self, couplings: Tensor) -> Tensor:
        """(1,) → (1,)."""
        bonds = float(self.b ** (self.d - 1))
        if self.order == "move-decimate":
            return _decimated(bonds * couplings, self.b)
        return bonds * _decimated(couplings, self.b)

    def beta(self, couplings: Tensor) -> Tensor:
        """dK / d ln b for b → 1, the same for both orders and independent of b: (1,) → (1,).

        β(K) = (d − 1) K + ½ sinh 2K ln tanh K. In d = 2 it vanishes at the exact K_c =
        ½ ln(1 + √2), with slope y_t = 0.7535.

        >>> K_c = torch.tensor([math.log(1 + math.sqrt(2)) / 2], dtype=torch.float64)
        >>> abs(float(MigdalKadanoff().beta(K_c))) < 1e-15
        True
        """
        size = couplings.abs().clamp_min(1e-300)
        return (self.d - 1) * couplings - couplings.sign() * torch.sinh(2 * size) * _dual(size)


def _dual(k: Tensor) -> Tensor:
    """Kramers–Wannier: −½ ln tanh K for K > 0, accurate at both ends."""
    return 0.5 * torch.log1p(2 * torch.exp(-2 * k) / -torch.expm1(-2 * k))


def _decimated(k: Tensor, b: float) -> Tensor:
    """artanh(tanhᵇ K), odd in K; b adds up the dual coupling, so tanh is never formed."""
    size = k.abs()
    # e^{-4K} is below the rounding of K beyond 20 + ln b, and the dual of its dual would underflow
    strong = size > 20 + math.log(b)
    safe = torch.where(strong | (size == 0), torch.ones_like(k), size)
    chain = torch.where(size == 0, torch.zeros_like(k), _dual(b * _dual(safe)))
    return k.sign() * torch.where(strong, size - 0.5 * math.log(b), chain)
