"""Dangerously irrelevant: what fades along the flow, and yet its effect does not fade with it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import ParameterError, ShapeError
from .numeric import real, several

#: Exponents up to this are taken for none: corrections to scaling bend a law over few decades.
RESOLVED = 0.1


@dataclass(frozen=True)
class Danger:
    """How the effect of a feature on an observable scales with the feature's size.

    Attributes
    ----------
    exponent
        θ in effect ∝ sizeᶿ towards size 0; inf where the effect ends at a finite size.
    error
        Standard error of the fit.
    """

    exponent: float
    error: float

    @property
    def dangerous(self) -> bool:
        """Whether the effect does not vanish with the size: θ ≤ 0 as far as that can be told."""
        return self.exponent <= max(RESOLVED, 2 * self.error)

    def __str__(self) -> str:
        return f"effect ∝ size^({self.exponent:.2g} ± {self.error:.1g})"


def danger(sizes: Sequence[float], effects: Sequence[float]) -> Danger:
    """Whether a feature that shrinks along a flow may be dropped at its end.

    Scaling takes an observable to o(b^y g), with y < 0 for an irrelevant g, the other couplings
    held at their matching point. Dropping g is to put o(0) there, which is right only if o is
    regular: g |∂o/∂g|, or |o(g) − o(0)| where that is finite, then goes as gᶿ with θ = 1, or some
    other θ > 0. Where θ ≤ 0 the effect stays or grows however small g has become: g is dangerously
    irrelevant for o, whose scaling dimension is x − θ y in place of x. In a network g scales the
    part of a layer that was cut, and θ ≤ 0 says that the gain, effect / size, grows at least as
    fast as that part shrinks.

    The exponent is the slope of ln effect against ln size, by least squares over the smaller half
    of the sizes, three at least.

    Parameters
    ----------
    sizes
        Of the feature, three or more, all different and > 0: along a flow, over training times,
        over data of falling variance, or of one feature scaled down.
    effects
        On one observable, as many, finite and ≥ 0, in any unit.

    Raises
    ------
    ShapeError
        If there are fewer than three sizes, or not as many effects.
    ParameterError
        If a number is out of range, or a size is given twice.

    References
    ----------
    M. E. Fisher, in Critical Phenomena, Lecture Notes in Physics 186 (Springer 1983), appendix D;
    D. J. Amit and L. Peliti, On dangerous irrelevant operators, Ann. Phys. 140, 207 (1982).

    Examples
    --------
    In mean field u is irrelevant above four dimensions. The magnetisation √(−r/u) at r = −1 has
    u |∂m/∂u| = ½ u^(−1/2); that of r m + u m³ = h at r = 1 is h − u h³ to first order:

    >>> sizes = [2.0**-k for k in range(8)]
    >>> print(danger(sizes, [0.5 * u**-0.5 for u in sizes]))
    effect ∝ size^(-0.5 ± 0)
    >>> danger(sizes, [u * 0.1**3 for u in sizes]).dangerous
    False
    """
    allowed = "a sequence of three sizes or more, and an effect of each"
    sizes, effects = several("sizes", sizes, allowed), several("effects", effects, allowed)
    if len(sizes) < 3 or len(sizes) != len(effects):
        raise ShapeError("sizes, effects", given=(len(sizes), len(effects)), allowed=allowed)
    pairs = sorted(
        (real("size", s, "(0, inf)"), real("effect", e, "[0, inf)"))
        for s, e in zip(sizes, effects, strict=True)
    )
    if len({s for s, _ in pairs}) < len(pairs):
        raise ParameterError("sizes", given=sizes, allowed="different sizes")
    small = pairs[: max(3, len(pairs) // 2)]
    if not all(e for _, e in small):
        return Danger(math.inf, 0.0)
    return Danger(*_slope([math.log(s) for s, _ in small], [math.log(e) for _, e in small]))


def _slope(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """Slope of the line of least squares, and its standard error."""
    n = len(x)
    middle, height = math.fsum(x) / n, math.fsum(y) / n
    spread = math.fsum((a - middle) ** 2 for a in x)
    slope = math.fsum((a - middle) * (b - height) for a, b in zip(x, y, strict=True)) / spread
    rest = [b - height - slope * (a - middle) for a, b in zip(x, y, strict=True)]
    error = math.sqrt(math.fsum(r * r for r in rest) / (n - 2) / spread)
    return slope, error if error > 1e-9 else 0.0
