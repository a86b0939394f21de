"""Decimation of the square lattice, the couplings that it generates, and what becomes of them."""

from __future__ import annotations

import math
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from ..core.errors import ParameterError, choose
from ..core.relevance import Relevance
from ..core.scheme import CouplingScheme

Truncation = Literal["none", "drop", "add"]
_LOG_2 = math.log(2)


class NaiveDecimation(CouplingScheme):
    """Sum out every other spin of a square Ising lattice, −βH = K Σ s s', as on a chessboard.

    Each spin that goes couples its four neighbours, which makes, exactly,

        K'  = ¼ ln ch 4K                  between nearest neighbours, √2 further apart,
        K₂' = ⅛ ln ch 4K                  between next-nearest ones, along the diagonals,
        K₄' = ⅛ ln ch 4K − ½ ln ch 2K     = ⅛ ln(1 − tanh⁴ 2K) ≤ 0, of four spins round a square.

    The map leads out of the models that it is defined on: with K₂ or K₄ a spin that goes meets
    others that go, and no second step can be taken exactly. What is done about it is the
    truncation:

    "none"
        Nothing. The couplings are K, K2, K4; there is one step, exact, from K alone.
    "drop"
        K₂' and K₄' are forgotten: K' = ¼ ln ch 4K < K. There is no fixed point but 0 and ∞, and
        so no phase transition: what decimation generates is what makes order.
    "add"
        K₂' is added to K', as both favour parallel spins; K₄' is forgotten: K' = ⅜ ln ch 4K.
        K* = 0.50698102 (exactly ½ ln(1 + √2) = 0.44068679), y_t = 1.069961 (exactly 1).

    Parameters
    ----------
    truncation
        "add", "drop" or "none".

    Raises
    ------
    ParameterError
        If the truncation is unknown, a theory has couplings that it does not know, or the exact
        map is asked for a second step.

    References
    ----------
    K. G. Wilson, Rev. Mod. Phys. 47, 773 (1975); H. J. Maris and L. P. Kadanoff,
    Am. J. Phys. 46, 652 (1978), who add.

    Examples
    --------
    >>> from rgwidgets.core.fixed_points import fixed_point, linearise
    >>> scheme = NaiveDecimation()
    >>> point = fixed_point(scheme, 0.5)
    >>> round(float(point), 8), round(float(linearise(scheme, point).exponents[0]), 6)
    (0.50698102, 1.069961)
    >>> K = torch.tensor([0.4, 0.0, 0.0], dtype=torch.float64)
    >>> [round(float(k), 4) for k in NaiveDecimation("none").transform(K)]
    [0.2367, 0.1184, -0.027]
    """

    name: ClassVar[str] = "naive_decimation"
    summary: ClassVar[str] = (
        "sums out every other spin of a square lattice, and cuts what that makes"
    )
    citation: ClassVar[str] = "Maris and Kadanoff, Am. J. Phys. 46, 652 (1978)"
    b = math.sqrt(2)

    def __init__(self, truncation: Truncation = "add") -> None:
        choose("truncation", truncation, get_args(Truncation))
        self.truncation = truncation
        exact = truncation == "none"
        self.coupling_names = ("K", "K2", "K4") if exact else ("K",)
        self.steps = 1 if exact else CouplingScheme.steps

    def __repr__(self) -> str:
        return f"NaiveDecimation({self.truncation!r})"

    def transform(self, couplings: Tensor) -> Tensor:
        """(K,) → (1,); without truncation (K, 0, 0) → (K', K₂', K₄')."""
        made = self.generated(couplings[0])
        if self.truncation == "add":
            return made[:1] + made[1:2]
        if self.truncation == "drop":
            return made[:1]
        if bool((couplings[1:] != 0).any()):
            raise ParameterError(
                "couplings of naive_decimation",
                given=couplings.tolist(),
                allowed="K alone, with K2 = K4 = 0: the exact map has no second step",
                mend='close it with truncation="add"',
            )
        return made

    def generated(self, k: Tensor) -> Tensor:
        """K', K₂' and K₄' of the nearest-neighbour coupling K, exactly: () → (3,).

        >>> NaiveDecimation().generated(torch.tensor(1.0, dtype=torch.float64))
        tensor([ 0.8268,  0.4134, -0.2491], dtype=torch.float64)
        """
        size = k.abs()  # all three are even: a chessboard of flips undoes the sign
        weak = size < 0.5
        small, large = size.clamp(max=0.5), size.clamp(min=0.5)
        log_cosh = torch.where(
            weak, 0.5 * torch.log1p(torch.sinh(4 * small) ** 2), _log_cosh(4 * large)
        )
        four = torch.where(
            weak,
            torch.log1p(-(torch.tanh(2 * small) ** 4)) / 8,
            _log_cosh(4 * large) / 8 - _log_cosh(2 * large) / 2,
        )
        return torch.stack([log_cosh / 4, log_cosh / 8, four])

    def _relevance(self, couplings: Tensor) -> Relevance | None:
        """Empty without truncation: a map that cannot be repeated has no exponents."""
        if self.truncation == "none":
            return Relevance((), ())
        return super()._relevance(couplings)


def _log_cosh(x: Tensor) -> Tensor:
    """ln ch x for x > 0 without overflow."""
    return x + torch.log1p(torch.exp(-2 * x)) - _LOG_2
