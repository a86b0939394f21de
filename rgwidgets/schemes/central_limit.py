"""The central limit as a flow: add numbers in blocks, rescale, and watch the Gaussian come."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from ..core.bounds import Influence
from ..core.errors import GeometryError, ParameterError, ShapeError
from ..core.fibre import Fibre, Found
from ..core.numeric import in_double, real, whole
from ..core.relevance import Relevance
from ..core.scale import Scale
from ..core.scheme import CouplingScheme
from ..core.theory import EffectiveTheory, Features, Observable, Theory

#: Pixels along an edge of the histogram, and across one of its bars.
SIDE, BAR = 195, 3  # an odd number of bars, so that one stands at the middle
BARS, LIMIT = -1.0, 1.0  # values of its pixels; 0 is the background
MOST = 2**19  # numbers on which bounds are taken, in samples evenly spread


class CentralLimit(CouplingScheme):
    """Replace b independent numbers by their sum over b^{1/α}, again and again.

    Cumulants of independent numbers add, and so one step takes each on its own, exactly:

        κ_k → b^{1 − k/α} κ_k,   with exponent y_k = 1 − k/α.

    At α = 2 the mean is relevant (y = ½), the variance marginal, κ₃ irrelevant (−½), κ₄ more so
    (−1): what is left is the Gaussian, a line of fixed points, one for each variance. At α = 1
    numbers are averaged and the variance is irrelevant too: the law of large numbers. A law that
    has no variance can have its fixed point elsewhere, Cauchy's at α = 1, where it stays as it is
    and no cumulant exists to say so.

    A theory may hold cumulants as couplings, numbers as a feature, or both:

    `couplings`
        kappa3, kappa4, …, variance, mean: the irrelevant ones first, so that the flow plane shows
        them fall into the origin.
    `features["x"]`
        Numbers (n, N), independent within each of n samples. They become sums (n, N / size), and
        the feature "histogram" is a picture of these: bars are −1, the Gaussian of the same mean
        and variance +1 (at α = 2), the background 0. It shows the same interval at every scale:
        `attrs["window"]`, or the median ± 4 standard deviations (by the quartiles).

    `lift` spreads each sum evenly over its block. `bounds` answer for what differs within blocks.
    `relevance` holds the exponents y_k.

    Parameters
    ----------
    b
        How many numbers become one, an integer ≥ 2.
    alpha
        Index 0 < α ≤ 2 of the limit: 2 for the Gaussian, 1 for averages and for Cauchy's law.
    highest
        Order of the highest cumulant, from 3 to 12.

    Raises
    ------
    ParameterError
        If a parameter is out of range, or a theory has couplings that are no such cumulants.
    ShapeError
        On use, if features hold no "x" of finite real numbers (n, N).
    GeometryError
        On use, if b does not divide N.

    References
    ----------
    G. Jona-Lasinio, Nuovo Cimento B 26, 99 (1975); B. V. Gnedenko and A. N. Kolmogorov, Limit
    Distributions for Sums of Independent Random Variables (1954), chapter 7, for α < 2.

    Examples
    --------
    Uniform numbers of variance 1 have κ₄ = −1.2, five pairings later −1.2 / 32:

    >>> uniform = Theory(couplings={"variance": 1.0, "kappa4": -1.2})
    >>> coarse = CentralLimit().coarsen(uniform, 2**5)
    >>> {name: round(float(value), 6) for name, value in coarse.couplings.items()}
    {'kappa3': 0.0, 'kappa4': -0.0375, 'variance': 1.0, 'mean': 0.0}
    >>> coarse.relevance.names, coarse.relevance.values
    (('mean', 'variance', 'kappa3', 'kappa4'), (0.5, 0.0, -0.5, -1.0))
    """

    name: ClassVar[str] = "central_limit"
    summary: ClassVar[str] = "adds independent numbers in blocks and rescales: the Gaussian's basin"
    citation: ClassVar[str] = "Jona-Lasinio, Nuovo Cimento B 26, 99 (1975)"

    def __init__(self, b: int = 2, *, alpha: float = 2.0, highest: int = 4) -> None:
        self.b = self.numbers = whole("b", b, 2)
        self.alpha = real("alpha", alpha, "(0, 2]", mend="2 leads to the Gaussian, 1 averages")
        self.highest = whole("highest", highest, 3, 12)
        self._orders = (*range(3, self.highest + 1), 2, 1)
        self.coupling_names = tuple(
            {1: "mean", 2: "variance"}.get(k, f"kappa{k}") for k in self._orders
        )

    def __repr__(self) -> str:
        return f"CentralLimit({self.numbers}, alpha={self.alpha:g}, highest={self.highest})"

    @property
    def exponents(self) -> tuple[float, ...]:
        """y = 1 − k/α of each cumulant, in the order of `coupling_names`."""
        return tuple(1 - k / self.alpha for k in self._orders)

    def transform(self, couplings: Tensor) -> Tensor:
        """Cumulants of one scale → those of the next, (k,) → (k,)."""
        factors = [self.numbers**y for y in self.exponents]
        return couplings * torch.tensor(factors, dtype=couplings.dtype, device=couplings.device)

    def step(self, x: Tensor) -> Tensor:
        """One step on bare numbers: (n, N) → (n, N / b).

        >>> CentralLimit(alpha=1).step(torch.tensor([[1.0, 2.0, 3.0, 5.0]]))
        tensor([[1.5000, 4.0000]])
        """
        return x.unflatten(-1, (-1, self.numbers)).sum(-1) / self.numbers ** (1 / self.alpha)

    def scale(self, theory: Theory) -> Scale:
        """How many numbers became one: b^k while b divides N, k = 0 … 12 where there are none."""
        steps = self.steps
        if theory.features:
            count = _numbers(theory).shape[1]
            steps = 0
            while count % self.numbers ** (steps + 1) == 0:
                steps += 1
            if steps == 0 and count > 1:
                divisors = [str(d) for d in range(2, 10) if count % d == 0]
                raise GeometryError(
                    f"b for {count} numbers",
                    given=self.numbers,
                    allowed=", ".join(divisors) or "a divisor",
                    mend="take a power of b of them",
                )
        sizes = tuple(float(self.numbers**k) for k in range(steps + 1))
        return Scale("block size", "b", "numbers", sizes)

    def coarsen(self, theory: Theory, cutoff: float) -> EffectiveTheory:
        """Blocks of `cutoff` numbers of `theory`, which may itself be effective.

        Raises `CutoffError` for a block size that is not on the scale.
        """
        level = self.scale(theory).index(cutoff)
        if not theory.features:
            return super().coarsen(theory, cutoff)
        x = fine = _numbers(theory)
        couplings = self.vector(theory) if theory.couplings else torch.zeros(0)
        for _ in range(level):
            x = self.step(x)
            couplings = self.transform(couplings) if len(couplings) else couplings
        window = _window(theory, fine)
        raised = _Lift(self.numbers**level, self.alpha)

        return EffectiveTheory(
            {"x": x, "histogram": histogram(x, window, limit=self.alpha == 2)},
            theory.observables,
            couplings=dict(zip(self.coupling_names, couplings.tolist(), strict=False)),
            name=theory.name,
            attrs={"picture": "histogram", **theory.attrs, "window": window},
            cutoff=float(raised.size),
            relevance=self._relevance(couplings),
            parent=theory,
            influence=_SumFibre(theory, fine, x, raised).influence,
            raised=raised,
        )

    def _relevance(self, couplings: Tensor) -> Relevance:
        """The exponents, which are the same everywhere."""
        return Relevance(self.coupling_names, self.exponents, quantity="scaling exponent y")


def histogram(x: Tensor, window: tuple[float, float], *, limit: bool = True) -> Tensor:
    """Picture of a histogram, (n, side, side) float32, the same for each of n samples.

    Bars of all numbers (n, N) within the window, as densities; with `limit` the Gaussian of the
    same mean and variance. The higher of the two fills nine tenths of the height.
    """
    values = in_double(x)
    low, high = window
    bars = SIDE // BAR
    inside = values[(values >= low) & (values <= high)]
    counts = torch.histc(inside, bins=bars, min=low, max=high)
    density = (counts / (values.numel() * (high - low) / bars)).repeat_interleave(BAR)
    normal = torch.zeros_like(density)
    deviation = float(values.std(correction=0))
    if limit and deviation > 0:
        middle = low + (high - low) * (torch.arange(SIDE, device=values.device) + 0.5) / SIDE
        away = (middle - values.mean()) / deviation
        normal = torch.exp(-(away**2) / 2) / (deviation * math.sqrt(2 * math.pi))
    top = float(torch.maximum(density, normal).max()) / 0.9 or 1.0
    height = (SIDE - torch.arange(SIDE, device=values.device)[:, None]) / SIDE * top
    picture = torch.where(height <= density, BARS, 0.0)
    if limit and deviation > 0:
        picture = torch.where(_line(normal / top * SIDE, SIDE), LIMIT, picture)
    return picture.float().expand(len(x), SIDE, SIDE)


def _line(heights: Tensor, side: int) -> Tensor:
    """Pixels (side, side) of a line two pixels thick that joins these heights, column by column."""
    rows = side - heights
    left = torch.cat([rows[:1], (rows[:-1] + rows[1:]) / 2])
    right = torch.cat([left[1:], rows[-1:]])
    upper, lower = torch.minimum(left, right), torch.maximum(left, right)
    pixels = torch.arange(side, device=heights.device)[:, None] + 0.5
    return (pixels >= upper - 1) & (pixels <= lower + 1)


def _numbers(theory: Theory) -> Tensor:
    x = theory.features.get("x")
    if x is None or x.ndim != 2 or min(x.shape) < 1 or not x.is_floating_point():
        raise ShapeError(
            "x",
            given=sorted(theory.features) if x is None else f"{x.dtype} {tuple(x.shape)}",
            allowed="a feature 'x' of real numbers (n, N)",
        )
    if not bool(torch.isfinite(x).all()):
        raise ShapeError("x", given="NaN or infinity among them", allowed="finite numbers")
    return x


def _window(theory: Theory, x: Tensor) -> tuple[float, float]:
    """The interval that is pictured: the theory's own, or the median ± 4 standard deviations."""
    given = theory.attrs.get("window")
    if given is None:
        few = in_double(x).flatten()[:: max(1, x.numel() // 100_000)]
        points = torch.tensor([0.25, 0.5, 0.75], dtype=few.dtype, device=few.device)
        lower, middle, upper = torch.quantile(few, points).tolist()
        half = 4 * (upper - lower) / 1.349 or 1.0  # of a Gaussian: quartiles 1.349 σ apart
        return middle - half, middle + half
    if isinstance(given, (tuple, list)) and len(given) == 2:
        low, high = float(given[0]), float(given[1])
        if math.isfinite(low) and math.isfinite(high) and low < high:
            return low, high
    raise ParameterError("window", given=given, allowed="two finite numbers, the lower first")


class _Lift:
    """Each sum spread evenly over its block: {"x": (n, m)} → {"x": (n, m · size)}."""

    def __init__(self, size: int, alpha: float) -> None:
        self.size, self.share = size, size ** (1 / alpha - 1)

    def __call__(self, features: Features) -> dict[str, Tensor]:
        return {"x": (features["x"] * self.share).repeat_interleave(self.size, -1)}


class _SumFibre(Fibre):
    """All numbers (n, N) whose blocks have the same sums (n, m)."""

    own_in_words: ClassVar[str] = "each with its own numbers within blocks"
    drawn_in_words: ClassVar[str] = "each with the deviations within blocks of another"
    all_in_words: ClassVar[str] = own_in_words + " or those of another"

    def __init__(self, theory: Theory, fine: Tensor, coarse: Tensor, lift: _Lift) -> None:
        count = min(len(fine), max(2, MOST // fine.shape[1]))
        chosen = torch.linspace(0, len(fine) - 1, count).round().long().to(fine.device)
        self.theory, self._size, self._fine = theory, lift.size, fine[chosen]
        self._lifted: Tensor = lift({"x": coarse[chosen]})["x"]

    @property
    def lifted(self) -> Tensor:
        return self._lifted

    @property
    def own(self) -> Tensor:
        return self._fine

    @property
    def fresh(self) -> bool:
        return self.theory.chains is None

    def known(self, observable: Observable) -> Influence | None:
        return self.untouched("nothing is neglected") if self._size == 1 else None

    def value(self, observable: Observable, point: Tensor, *, exactly: bool = False) -> Tensor:
        return in_double(observable.samples({"x": point}))

    def drawn(self) -> Tensor | str:
        if len(self) == 1:
            return "one sample leaves no other to draw from"
        blocks = self._fine.unflatten(-1, (-1, self._size))
        deviations = (blocks - blocks.mean(-1, keepdim=True)).flatten(-2)
        return self._lifted + deviations.roll(len(self) // 2, 0)

    def attack(self, observable: Observable) -> Found:
        return Found((), "the larger of the two")

    def certify(self, observable: Observable) -> str:
        return "numbers of one sum can lie as far apart as one likes"
