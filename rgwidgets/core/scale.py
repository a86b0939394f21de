"""What a dial turns: a named, ordered set of cutoffs from fine (UV) to coarse (IR)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from .errors import CutoffError, choose
from .numeric import as_float, described, instance, several

Direction = Literal["increasing", "decreasing"]


@dataclass(frozen=True)
class Scale:
    """A model-natural scale with the cutoffs that it admits.

    Attributes
    ----------
    name, symbol, unit
        As an axis shows them: "block size", "b^k", "spins".
    cutoffs
        In order from UV to IR; the first leaves the theory as it is wherever the scheme can.
    direction
        Whether the numbers grow ("increasing", block size) or shrink ("decreasing", rank) towards
        the IR.

    Raises
    ------
    CutoffError
        If there are no cutoffs, or they are not finite and strictly ordered.
    ParameterError
        If the direction is neither of the two, a word is no text, or the cutoffs no sequence.

    Examples
    --------
    >>> scale = Scale("block size", "b", "spins", (1, 2, 4, 8))
    >>> scale.index(4)
    2
    >>> scale.check(5)
    Traceback (most recent call last):
    ...
    rgwidgets.core.errors.CutoffError: block size b: got 5; allowed: 1, 2, 4, 8 spins. \
Mend: the nearest is 4.
    """

    name: str
    symbol: str
    unit: str
    cutoffs: tuple[float, ...]
    direction: Direction = "increasing"

    def __post_init__(self) -> None:
        for part in ("name", "symbol", "unit"):
            instance(f"{part} of a scale", getattr(self, part), str, "a text")
        cutoffs = several(f"cutoffs of {self.name}", self.cutoffs, "a sequence of numbers")
        object.__setattr__(self, "cutoffs", cutoffs)
        choose(f"direction of {self.name}", self.direction, ("increasing", "decreasing"))
        sign = 1 if self.direction == "increasing" else -1
        numbers = [as_float(cutoff) for cutoff in self.cutoffs]
        ordered = all(sign * (b - a) > 0 for a, b in pairwise(numbers))
        if not numbers or not ordered or not all(map(math.isfinite, numbers)):
            raise CutoffError(
                f"cutoffs of {self.name}",
                given=self.cutoffs,
                allowed=f"one or more finite numbers, strictly {self.direction}",
            )

    def __len__(self) -> int:
        return len(self.cutoffs)

    def check(self, cutoff: float) -> float:
        """Return the admitted cutoff equal to `cutoff`, or raise `CutoffError`."""
        return self.cutoffs[self.index(cutoff)]

    def index(self, cutoff: float) -> int:
        """Position of `cutoff`, 0 = finest."""
        number = as_float(cutoff)
        if number in self.cutoffs:
            return self.cutoffs.index(number)
        for position, admitted in enumerate(self.cutoffs):
            if math.isclose(number, admitted, rel_tol=1e-9):  # b^k rounds differently elsewhere
                return position
        raise CutoffError(
            f"{self.name} {self.symbol}".strip(),
            given=described(cutoff),
            allowed=f"{self._listed()} {self.unit}".strip(),
            mend=self._nearest(number),
        )

    def select(self, cutoffs: Sequence[float]) -> Scale:
        """The same scale with only these of its cutoffs."""
        wanted = several("cutoffs", cutoffs, "a sequence of cutoffs")
        chosen = sorted({self.index(c) for c in wanted})
        kept = tuple(self.cutoffs[i] for i in chosen)
        return Scale(self.name, self.symbol, self.unit, kept, self.direction)

    def _listed(self) -> str:
        shown = [f"{c:g}" for c in self.cutoffs]
        return ", ".join(shown if len(shown) <= 12 else [*shown[:3], "…", *shown[-3:]])

    def _nearest(self, number: float) -> str:
        if not math.isfinite(number):
            return "pass a finite number"
        near = min(self.cutoffs, key=lambda c: abs(c - number))
        return f"the nearest is {near:g}"
