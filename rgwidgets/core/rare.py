"""How rare: the probability that fine features drawn from a law move an observable beyond ε."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .errors import ParameterError
from .numeric import real
from .progress import track

if TYPE_CHECKING:
    from .theory import EffectiveTheory

COLUMNS = ("epsilon", "probability", "low", "high")


@dataclass(frozen=True)
class Probability:
    """A probability with its 95 % interval; 0 where nothing was found, and `high` then says more.

    >>> print(Probability(6.3e-5, 5.2e-5, 7.6e-5), "or", Probability(0.0, 0.0, 1e-6))
    6.3e-05 (5.2e-05 to 7.6e-05) or < 1e-06
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        if self.value == 0:
            return f"< {self.high:.2g}" if self.high else "0"
        return f"{self.value:.2g} ({self.low:.2g} to {self.high:.2g})"


@dataclass(frozen=True, eq=False)
class Rare:
    """The curve ε ↦ P(|Δ| > ε), which falls by steps and is continuous from the right.

    The probability is over both an input, drawn uniformly from the fibre's n, and a tail, drawn
    from the stated law; Δ is the change of the observable from the input's cut point.

    Attributes
    ----------
    epsilon
        Where the curve steps, (m,) float64, rising from 0, in the unit of the observable. Steps
        of less than 0.2 % are left out.
    probability
        P(|Δ| > ε) from each of them up to the next, (m,) float64, falling.
    low, high
        The 95 % interval of each, (m,) float64, pointwise.
    law
        What the tail is drawn from, in words.
    inputs
        From how many the input is drawn, n.
    how
        The method and its effort, in words.
    calls
        How many evaluations of the network, of one input with one tail each, were made.
    floor
        The curve was followed down to this probability.
    end
        And up to this ε, in the unit of the observable.
    unit
        That unit.

    Examples
    --------
    >>> two = Rare(torch.tensor([0.0, 1.0]), torch.tensor([0.3, 0.0]), torch.tensor([0.2, 0.0]),
    ...            torch.tensor([0.4, 0.1]), law="a coin", inputs=1, how="", calls=10)
    >>> print(two.at(0.5), "and", two.at(1.0))
    0.3 (0.2 to 0.4) and < 0.1
    >>> two.quantile(0.1)
    1.0
    """

    epsilon: Tensor
    probability: Tensor
    low: Tensor
    high: Tensor
    law: str
    inputs: int
    how: str
    calls: int
    floor: float = 0.0
    end: float = math.inf
    unit: str = ""

    def __post_init__(self) -> None:
        curves = [getattr(self, curve) for curve in COLUMNS]
        whole = len({len(curve) for curve in curves}) == 1 and len(self.epsilon) > 0
        whole = whole and all(bool(torch.isfinite(curve).all()) for curve in curves)
        if not whole or float(self.epsilon[0]) != 0 or bool((self.epsilon.diff() <= 0).any()):
            raise ParameterError("epsilon", given=self.epsilon, allowed="numbers that rise from 0")
        ordered = bool((self.low <= self.probability).all() & (self.probability <= self.high).all())
        if not ordered or bool((self.probability.diff() > 0).any()):
            raise ParameterError(
                "probability", given=self.probability, allowed="falling, within its interval"
            )
        if float(self.low.min()) < 0 or float(self.high.max()) > 1:
            raise ParameterError("interval", given="numbers beyond 0 or 1", allowed="[0, 1]")

    @property
    def quantifier(self) -> str:
        """Of what it is the probability, in words."""
        inputs = f"one of {self.inputs} inputs at random" if self.inputs > 1 else "the one input"
        return f"over {inputs} and a tail drawn by its law: {self.law}"

    def at(self, epsilon: float) -> Probability:
        """P(|Δ| > ε); beyond the step to the floor 0, with the last upper end.

        Raises
        ------
        ParameterError
            If ε is not a positive number, or beyond the `end` of the curve.
        """
        allowed = "(0, inf)" if self.end == math.inf else f"(0, {self.end!r}]"
        epsilon = real("epsilon", epsilon, allowed)
        i = int(torch.searchsorted(self.epsilon, epsilon, right=True)) - 1
        found, beyond = self._step(i), epsilon > float(self.epsilon[-1])
        return Probability(0.0, 0.0, found.high) if beyond and found.value <= self.floor else found

    def quantile(self, probability: float) -> float:
        """The smallest ε that is exceeded with at most that probability, in the observable's unit.

        Raises
        ------
        ParameterError
            If the probability is not in (0, 1], or below the smallest that was reached.
        """
        p = real("probability", probability, "(0, 1]")
        below = (self.probability <= p).nonzero()
        if not len(below):
            reached = float(self.probability[-1])
            raise ParameterError(
                "probability",
                given=p,
                allowed=f"at least {reached:.3g}, the smallest that was reached",
                mend="lower the floor, or pass no epsilon",
            )
        return float(self.epsilon[below[0, 0]])

    @property
    def last(self) -> tuple[float, float]:
        """The ε that is exceeded at most so rarely as the floor, or as was reached, and how rarely.

        >>> sure = Rare(*torch.tensor([[0.0, 2.0], [1.0, 1e-6], [1.0, 0.0], [1.0, 1e-5]]).double(),
        ...             law="a coin", inputs=1, how="", calls=10, floor=1e-5)
        >>> sure.last
        (2.0, 1e-05)
        """
        reached = max(self.floor, float(self.probability[-1]))
        return (self.quantile(reached) if reached else float(self.epsilon[-1])), reached

    def thinned(self, share: float) -> Rare:
        """The same curve without steps smaller than that share of it; what is left is exact.

        `last` stays as it is.

        >>> steps = torch.tensor([[0.0, 1.0, 2.0], [1.0, 0.5, 0.499]]).double()
        >>> curve = Rare(*steps, steps[1], steps[1], law="", inputs=1, how="", calls=3)
        >>> curve.thinned(0.1).epsilon.tolist(), curve.thinned(1e-4).epsilon.tolist()
        ([0.0, 1.0, 2.0], [0.0, 1.0, 2.0])
        """
        kept = coarse_steps(self.probability, share)
        kept[(self.probability <= self.floor).nonzero()[:1]] = True  # what `last` reads
        return replace(self, **{curve: getattr(self, curve)[kept] for curve in COLUMNS})

    def __str__(self) -> str:
        ends = [float(self.epsilon[i]) for i in (0, -1)]
        first, last = (self._step(i) for i in (0, len(self.epsilon) - 1))
        unit = f" {self.unit}" if self.unit else ""
        said = f"P(|Δ| > 0): {first}"
        if ends[1] > 0:
            start = "" if first.value == 1 else f"from {first} at ε = 0 "
            said = f"P(|Δ| > ε) falls {start}to {last} at ε = {ends[1]:.4g}{unit}"
        if last.value == 0 and last.high > self.floor:
            said += f"; {self.floor:.2g} is not reached, as nothing was found beyond"
        return f"{said}; {self.quantifier}; {self.how}"

    def _step(self, i: int) -> Probability:
        return Probability(*(float(x[i]) for x in (self.probability, self.low, self.high)))


def coarse_steps(probability: Tensor, share: float) -> Tensor:
    """Which of falling values, (m,) bool, to keep: both ends, and the first within each share."""
    bins = (probability.clamp_min(1e-300).log() / share).floor()
    first = torch.ones_like(bins, dtype=torch.bool)
    first[1:-1] = bins[1:-1] != bins[:-2]
    return first


def how_rare(effective: EffectiveTheory) -> Mapping[str, Rare]:
    """{observable: Rare} of what an effective theory neglects, where its scheme states a law.

    What only the whole ensemble has, such as Binder's cumulant, has no change by sample, and is
    left out. Costs seconds an observable; progress is told, and it can be stopped.
    """
    measure = effective.rare
    if measure is None:
        return {}
    observables = (effective.parent or effective).observables
    several = [o for o in observables if o.reduce is None]
    return {o.name: measure(o) for o in track(several, label="rare events")}
