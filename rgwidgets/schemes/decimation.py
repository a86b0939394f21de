"""Exact decimation of the one-dimensional Ising chain."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ..core.errors import ParameterError
from ..core.scheme import CouplingScheme


class Decimation(CouplingScheme):
    """Sum out all but every b-th spin of an Ising chain, −βH = K Σ s s' + h Σ s. Exact.

    The couplings (K, h) become those of the b-th power of the transfer matrix; for b = 2

        K' = ¼ ln[ch(2K+h) ch(2K−h) / ch²h],   h' = h + ½ ln[ch(2K+h) / ch(2K−h)].

    At h = 0 the correlation length ξ = −1/ln tanh K shrinks by exactly b.

    Parameters
    ----------
    b
        How many spins become one, an integer ≥ 2.

    Raises
    ------
    ParameterError
        If b is no integer ≥ 2, or a theory has couplings other than K and h.

    References
    ----------
    D. R. Nelson and M. E. Fisher, Ann. Phys. 91, 226 (1975).

    Examples
    --------
    >>> scheme, point = Decimation(), torch.tensor([1.0, 0.0], dtype=torch.float64)
    >>> for _ in range(3):
    ...     point = scheme.transform(point)
    ...     print(round(float(point[0]), 7))
    0.6625014
    0.3500611
    0.1136721
    """

    name: ClassVar[str] = "decimation"
    summary: ClassVar[str] = "sums out all but every b-th spin of an Ising chain, exactly"
    citation: ClassVar[str] = "Nelson and Fisher, Ann. Phys. 91, 226 (1975)"
    coupling_names = ("K", "h")

    def __init__(self, b: int = 2) -> None:
        if isinstance(b, bool) or not isinstance(b, int) or b < 2:
            raise ParameterError("b", given=b, allowed="an integer ≥ 2", mend="pass b=2")
        self.b = self.spins = b

    def transform(self, couplings: Tensor) -> Tensor:
        """(K, h) of b spins together, shape (2,) → (2,), for any sign and size of K and h."""
        k, h = couplings[0], couplings[1]
        plus, mixed, minus = _power((k + h, -k, k - h), self.spins)
        coupling = torch.where(
            k.abs() < 1, self._weak(k.clamp(-1, 1), mixed), self._strong(k, plus, mixed, minus)
        )
        return torch.stack([coupling, 0.5 * (plus - minus)])

    def _weak(self, k: Tensor, mixed: Tensor) -> Tensor:
        """e^{4K'} − 1 = det Tᵇ / (Tᵇ)²₊₋: no cancellation, however weak the new coupling is."""
        ratio = (2 * torch.sinh(2 * k) * torch.exp(-2 * mixed / self.b)) ** self.b
        return 0.25 * torch.log1p(ratio)

    def _strong(self, k: Tensor, plus: Tensor, mixed: Tensor, minus: Tensor) -> Tensor:
        """The same in logarithms, and with e^{−4K'} where the determinant is negative."""
        size = torch.where(k.abs() < 1, torch.ones_like(k), k.abs())
        determinant = self.b * (2 * size + torch.log(-torch.expm1(-4 * size)))
        zero = torch.zeros_like(k)
        positive = torch.logaddexp(determinant - 2 * mixed, zero)
        negative = -torch.logaddexp(determinant - plus - minus, zero)
        return 0.25 * torch.where((k < 0) & (self.b % 2 == 1), negative, positive)


Symmetric = tuple[Tensor, Tensor, Tensor]


def _power(matrix: Symmetric, exponent: int) -> Symmetric:
    """Logarithms (++, +−, −−) of the entries of a power of a symmetric positive 2 × 2 matrix."""
    if exponent == 1:
        return matrix
    half = _power(matrix, exponent // 2)
    square = _product(half, half)
    return _product(square, matrix) if exponent % 2 else square


def _product(left: Symmetric, right: Symmetric) -> Symmetric:
    """Product of two powers of one matrix, which commute, so that it is symmetric again."""
    return (
        torch.logaddexp(left[0] + right[0], left[1] + right[1]),
        torch.logaddexp(left[0] + right[1], left[1] + right[2]),
        torch.logaddexp(left[1] + right[1], left[2] + right[2]),
    )
