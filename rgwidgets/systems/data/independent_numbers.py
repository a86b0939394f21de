"""Independent numbers of a known law: what the central limit theorem is about."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import ClassVar

import torch
from torch import Tensor

from ...core.errors import choose
from ...core.numeric import real, whole
from ...core.system import System
from ...core.theory import Features, Observable, Theory

#: law → its third and fourth cumulant at mean 0 and variance 1; None where it has none
LAWS: Mapping[str, tuple[float, float] | None] = {
    "uniform": (0.0, -1.2),
    "exponential": (2.0, 6.0),
    "coin": (0.0, -2.0),
    "laplace": (0.0, 3.0),
    "normal": (0.0, 0.0),
    "cauchy": None,
}
_MOST = 1 << 26


class IndependentNumbers(System):
    """Samples of N independent numbers, all of one law of mean 0 and variance 1.

    ===========  =================================  =======  =======
    law          density                            κ₃       κ₄
    ===========  =================================  =======  =======
    uniform      1 / √12 within ±√3                 0        −6/5
    exponential  e^{−(x+1)} beyond −1               2        6
    coin         ½ at each of ±1                    0        −2
    laplace      e^{−√2 |x|} / √2                   0        3
    normal       e^{−x²/2} / √(2π)                  0        0
    cauchy       1 / [π (1 + x²)]                   none, nor mean, nor variance
    ===========  =================================  =======  =======

    The theory's feature is "x", (samples, numbers) float64. Its observables are the mean, the
    variance, the skewness and the excess kurtosis with their errors (not for Cauchy's law, where
    averages of them would mean nothing), and the share of the numbers within ±1. Its couplings
    are the exact cumulants.

    Parameters
    ----------
    law
        One of these.
    samples, numbers
        n ≥ 1 and N ≥ 1, at most 2²⁶ numbers together.
    mean
        Added to every number; any finite one.
    seed
        0 ≤ seed < 2⁶³. torch's global generator is neither read nor set.

    Raises
    ------
    ParameterError
        If the law is unknown or a number is out of range.

    Examples
    --------
    >>> theory = IndependentNumbers("uniform", samples=1000, numbers=64).theory()
    >>> kurtosis = theory.observe()["excess kurtosis"]
    >>> abs(kurtosis.value + 1.2) < 4 * kurtosis.error < 0.05
    True
    >>> dict(theory.couplings)
    {'mean': 0.0, 'variance': 1.0, 'kappa3': 0.0, 'kappa4': -1.2}
    """

    name: ClassVar[str] = "independent_numbers"
    summary: ClassVar[str] = "independent numbers: uniform, exponential, a coin, Cauchy's law …"
    citation: ClassVar[str] = (
        "W. Feller, An Introduction to Probability Theory and Its Applications II (1971), ch. VIII"
    )

    def __init__(
        self,
        law: str = "uniform",
        *,
        samples: int = 4096,
        numbers: int = 1024,
        mean: float = 0.0,
        seed: int = 0,
    ) -> None:
        choose("law", law, LAWS)
        self.law, self.mean = law, real("mean", mean, "(-inf, inf)")
        self.numbers = whole("numbers", numbers, 1, _MOST)
        self.samples = whole("samples", samples, 1, _MOST // self.numbers)
        self.seed = whole("seed", seed, 0, 2**63 - 1)

    def __repr__(self) -> str:
        return (
            f"IndependentNumbers({self.law!r}, samples={self.samples}, numbers={self.numbers}, "
            f"mean={self.mean:g}, seed={self.seed})"
        )

    def theory(self) -> Theory:
        """The numbers with what is measured of them."""
        x = _drawn(self.law, (self.samples, self.numbers), self.seed) + self.mean
        higher = LAWS[self.law]
        exists = higher is not None
        couplings = {"mean": self.mean, "variance": 1.0} if exists else {}
        if higher is not None:
            couplings |= {"kappa3": higher[0], "kappa4": higher[1]}
        half = 4.0 if exists else 8.0
        return Theory(
            {"x": x},
            (*(MOMENTS if exists else ()), WITHIN),
            couplings=couplings,
            name=f"{self.samples} × {self.numbers} numbers, {self.law}",
            attrs={"window": (-half, half), "palette": "diverging", "law": self.law},
        )


def _drawn(law: str, shape: tuple[int, int], seed: int) -> Tensor:
    """Numbers of mean 0 and variance 1, or of Cauchy's law, by inversion where that is short."""
    generator = torch.Generator().manual_seed(seed)
    if law == "normal":
        return torch.randn(shape, generator=generator, dtype=torch.float64)
    # never 0 or 1, where logarithms and tangents end
    u = torch.rand(shape, generator=generator, dtype=torch.float64).add_(2.0**-54)
    if law == "uniform":
        return (2 * u - 1) * math.sqrt(3)
    if law == "exponential":
        return -torch.log(u) - 1
    if law == "coin":
        return 2.0 * (u < 0.5).double() - 1
    if law == "laplace":
        v = 2 * u - 1
        return -v.sign() * torch.log1p(-v.abs()) / math.sqrt(2)
    return torch.tan(math.pi * (u - 0.5))


def _powers(highest: int) -> Callable[[Features], Tensor]:
    """Features → mean of x, x², … of each sample, (n, highest)."""

    def powers(features: Features) -> Tensor:
        x = features["x"].double()
        power, means = x, [x.mean(-1)]
        for _ in range(highest - 1):
            power = power * x
            means.append(power.mean(-1))
        return torch.stack(means, 1)

    return powers


def _variance(m: Tensor) -> Tensor:
    return m[1] - m[0] ** 2


def _skewness(m: Tensor) -> Tensor:
    return (m[2] - 3 * m[0] * m[1] + 2 * m[0] ** 3) / _variance(m) ** 1.5


def _excess(m: Tensor) -> Tensor:
    fourth = m[3] - 4 * m[0] * m[2] + 6 * m[0] ** 2 * m[1] - 3 * m[0] ** 4
    return fourth / _variance(m) ** 2 - 3


MOMENTS = (
    Observable("mean", lambda f: f["x"].double().mean(-1)),
    Observable("variance", _powers(2), reduce=_variance),
    Observable("skewness", _powers(3), reduce=_skewness),
    Observable("excess kurtosis", _powers(4), reduce=_excess),
)
WITHIN = Observable("share within ±1", lambda f: (f["x"].abs() <= 1).double().mean(-1))
