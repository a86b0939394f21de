"""Observables that are sums of products of neighbouring spins: declared, so they can be bounded."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .errors import ObservableError, ParameterError, ShapeError
from .estimate import Reduce
from .theory import Features, Observable

Offset = tuple[int, ...]
Term = tuple[float, tuple[Offset, ...]]


@dataclass(frozen=True)
class LocalObservable(Observable):
    """A translation-invariant polynomial of lattice spins, per site.

    Its value for one configuration s is

        o(s) = (1/N) Σ_sites i  Σ_terms c · Π_offsets r  s[i + r]

    on a periodic lattice of N sites, or |o(s)| with `absolute`. Because the terms are declared, a
    scheme can bound the observable, search its worst case and use it as an operator of Monte
    Carlo renormalisation, without knowing what system it belongs to.

    Attributes
    ----------
    name, unit, tolerance
        As for every observable.
    terms
        Pairs (coefficient, offsets); offsets are distinct lattice vectors, all of one dimension,
        the last axis last: `((-1.0, ((0, 0), (0, 1))), (-1.0, ((0, 0), (1, 0))))` is the energy
        per site of the square-lattice Ising model at J = 1. No offsets: a constant.
    absolute
        Take the absolute value of each sample, as for |m|.
    feature
        Name of the feature that holds the spins, shape (n, *lattice).

    Raises
    ------
    ParameterError
        If there is no term, a coefficient is not finite, or offsets repeat or differ in length.
    ObservableError, ShapeError
        When evaluated on features without the spins, or on a lattice of another dimension.

    Examples
    --------
    >>> bond = LocalObservable("nearest", terms=((0.5, ((0, 0), (0, 1))), (0.5, ((0, 0), (1, 0)))))
    >>> bond.samples({"spins": torch.ones(3, 4, 4, dtype=torch.int8)})
    tensor([1., 1., 1.], dtype=torch.float64)
    """

    function: Callable[[Features], Tensor] = field(init=False, repr=False, compare=False)
    reduce: Reduce | None = field(init=False, default=None, repr=False)
    unit: str = field(default="", kw_only=True)
    tolerance: float | None = field(default=None, kw_only=True)
    terms: tuple[Term, ...] = field(kw_only=True)
    absolute: bool = field(default=False, kw_only=True)
    feature: str = field(default="spins", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        terms = tuple(
            (float(c), tuple(tuple(int(x) for x in offset) for offset in offsets))
            for c, offsets in self.terms
        )
        for coefficient, offsets in terms:
            if not math.isfinite(coefficient) or len(set(offsets)) != len(offsets):
                raise ParameterError(
                    f"terms of {self.name}",
                    given=(coefficient, offsets),
                    allowed="a finite coefficient and distinct offsets",
                    mend="the square of a spin is 1: leave both factors out",
                )
        if not terms or len({len(r) for _, offsets in terms for r in offsets}) > 1:
            raise ParameterError(
                f"terms of {self.name}",
                given=terms,
                allowed="one or more terms, all offsets of one dimension",
            )
        object.__setattr__(self, "terms", terms)
        object.__setattr__(self, "function", self.evaluate)

    @property
    def dimension(self) -> int:
        """Number of lattice axes, 0 if every term is a constant."""
        return max((len(r) for _, offsets in self.terms for r in offsets), default=0)

    @property
    def degree(self) -> int:
        """Largest number of spins multiplied in one term."""
        return max(len(offsets) for _, offsets in self.terms)

    def evaluate(self, features: Features) -> Tensor:
        """One value a sample, shape (n,), float64."""
        if self.feature not in features:
            raise ObservableError(
                f"observable {self.name!r}",
                given=f"features {sorted(features)}",
                allowed=f"features with {self.feature!r}",
            )
        values = self.polynomial(features[self.feature])
        return values.abs() if self.absolute else values

    def polynomial(self, spins: Tensor) -> Tensor:
        """The polynomial before `absolute`: spins (n, *lattice) → (n,) float64.

        Integer spins must be ±1; a floating-point field is allowed and is differentiated through.
        """
        lattice = tuple(range(1, spins.ndim))
        if self.dimension not in (0, len(lattice)) or not lattice:
            raise ShapeError(
                f"spins for {self.name!r}",
                given=tuple(spins.shape),
                allowed=f"(n, {', '.join('yx'[-self.dimension :]) or '*lattice'})",
            )
        total = torch.zeros(len(spins), dtype=torch.float64, device=spins.device)
        for coefficient, offsets in self.terms:
            total = total + coefficient * _mean_product(spins, offsets, lattice)
        return total


def _mean_product(spins: Tensor, offsets: tuple[Offset, ...], axes: tuple[int, ...]) -> Tensor:
    """Mean over sites of the product of spins at these offsets, (n,) float64."""
    if not offsets:
        return torch.ones(len(spins), dtype=torch.float64, device=spins.device)
    origin = offsets[0]
    product = spins
    for offset in offsets[1:]:
        shift = tuple(a - b for a, b in zip(origin, offset, strict=True))
        product = product * spins.roll(shift, axes)
    if product.is_floating_point():
        return product.mean(axes, dtype=torch.float64)
    sites = math.prod(product.shape[1:])
    counter = torch.int32 if sites < 2**31 else torch.int64
    return product.sum(axes, dtype=counter).double() / sites
