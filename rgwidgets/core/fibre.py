"""Fibres: the fine configurations that share their coarse features, and all that they can do."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from .bounds import Bound, Influence
from .errors import ObservableError
from .progress import tick
from .share import Share
from .theory import Observable, Theory


@dataclass(frozen=True, eq=False)
class Found:
    """Points of a fibre that a search thinks extreme, and the search in words.

    Attributes
    ----------
    points
        One or more, each a configuration of every sample.
    how
        Method and effort.
    """

    points: Sequence[Tensor]
    how: str


@dataclass(frozen=True, eq=False)
class Proof:
    """An upper bound on what a fibre can do, and how it was found.

    Attributes
    ----------
    change
        sup |o(x) − o(cut)| over the fibre is at most this, by sample, (n,) float64.
    how
        The method; of several, the number of samples of each.
    """

    change: Tensor
    how: str


class Fibre(ABC):
    """For each of n samples the fine configurations that share its coarse features.

    A point is a tensor that holds one configuration of each sample. A scheme says where the points
    are, how to draw, search and prove; `influence` makes of it the four numbers.

    Attributes
    ----------
    theory
        Whose observables change.
    noun
        What a sample is called: "input", "lattice".
    own_in_words, drawn_in_words, all_in_words
        Which points average and resample take, and which attack and certificate are about.
    fresh
        Whether the samples are independent and had no say in what is cut.
    """

    theory: Theory
    noun: str = "sample"
    own_in_words: ClassVar[str]
    drawn_in_words: ClassVar[str]

    @property
    @abstractmethod
    def lifted(self) -> Tensor:
        """The point for which the effective theory stands."""

    @property
    @abstractmethod
    def own(self) -> Tensor:
        """The samples' own fine configurations."""

    @property
    @abstractmethod
    def all_in_words(self) -> str: ...

    @property
    def fresh(self) -> bool:
        return False

    @abstractmethod
    def drawn(self) -> Tensor | str:
        """Configurations from elsewhere, or why there are none."""

    @abstractmethod
    def attack(self, observable: Observable) -> Found | str:
        """Where a search finds large changes, or why none is made."""

    @abstractmethod
    def certify(self, observable: Observable) -> Proof | str:
        """What is proved, or why nothing is."""

    @abstractmethod
    def value(self, observable: Observable, point: Tensor, *, exactly: bool = False) -> Tensor:
        """The observable's own values at a point, by sample; `exactly` as proofs compare them."""

    def holds(self, point: Tensor) -> Tensor:
        """Of which samples a point lies in what attack and certificate are about, (n,) bool."""
        return torch.ones(len(self), dtype=torch.bool, device=point.device)

    def part(self) -> Fibre:
        """The fibre of those samples on which all four are afforded."""
        return self

    def known(self, observable: Observable) -> Influence | None:
        """The influence where nothing needs to be measured."""
        return None

    def __len__(self) -> int:
        return len(self.lifted)

    def influence(self, observable: Observable) -> Influence:
        """What the fibre can do to an observable, by each of the four ways, always together.

        Each keeps the absolute change of every sample from the lifted point. Where something is
        proved, the other three are evaluated as the proof is; if one of them, in what the proof is
        about, is above what is proved of a sample, the proof is withdrawn. The attack counts
        every point of the fibre that was looked at, in whatever way it was found.

        Raises
        ------
        ObservableError
            If the observable is not finite somewhere it is looked at, or not the same when it is
            looked at again.
        """
        known = self.known(observable)
        if known is not None:
            return known
        if observable.reduce is not None:
            return self._of_ensemble(observable)
        few = self.part()
        still = few.value(observable, few.lifted)
        proof, found, drawn = few.certify(observable), few.attack(observable), few.drawn()
        seen = _Seen(few, observable, exactly=isinstance(proof, Proof))
        own = seen.look("average", few.own)
        other = drawn if isinstance(drawn, str) else seen.look("resample", drawn)
        if isinstance(found, Found):
            for point in found.points:
                seen.look("attack", point)
        _check_same(observable, still, few.value(observable, few.lifted))
        if few is not self:
            own = (self.value(observable, self.own) - self.value(observable, self.lifted)).abs()
        tick(1.0, "bounds")
        certificate = seen.unless_above(proof)
        return Influence(
            self._mean(own, self.own_in_words),
            Bound.none(other) if isinstance(other, str) else few._mean(other, few.drawn_in_words),
            seen.attacked(found, certificate),
            certificate,
            self._outside(),
            self.fresh,
        )

    def _mean(self, changes: Tensor, points: str) -> Bound:
        changes = changes.detach().double().cpu()
        error = self.theory.mean(changes).error
        whom = self.whom(points)
        return Bound.of(changes, "measured", "", statistic="mean", whom=whom, error=error)

    def untouched(self, how: str) -> Influence:
        """Where lifted and own are the same, and nothing else is in the fibre."""
        return replace(Influence.exact(how, self.many(len(self)), len(self)), fresh=self.fresh)

    def whom(self, points: str) -> str:
        """So many samples and which points of each, in words."""
        return f"{self.many(len(self))}, {points}"

    def many(self, n: int) -> str:
        """So many samples, in words."""
        return f"one {self.noun}" if n == 1 else f"{n:,} {self.noun}s"

    def _outside(self) -> Share:
        return Share(int((~self.holds(self.own)).sum()), len(self))

    def _of_ensemble(self, observable: Observable) -> Influence:
        """Changes of what only the whole ensemble has, such as Binder's cumulant."""

        def ensemble(point: Tensor) -> float:
            values = self.value(observable, point).detach().double().cpu()
            return float(observable.reduce(values.mean(0))) if observable.reduce else math.nan

        predicted = ensemble(self.lifted)

        def bound(point: Tensor | str, words: str) -> Bound:
            if isinstance(point, str):
                return Bound.none(point)
            change = abs(ensemble(point) - predicted)
            if not math.isfinite(change):
                return Bound.none("the observable is not finite on one of the two ensembles")
            return Bound(change, "measured", whom=f"the ensemble of {self.whom(words)}")

        reason = "a property of the ensemble: no single sample has it"
        return Influence(
            bound(self.own, self.own_in_words),
            bound(self.drawn(), self.drawn_in_words),
            Bound.none(reason),
            Bound.none(reason),
        )


class _Seen:
    """The changes at points that were looked at, and the largest of each sample."""

    def __init__(self, fibre: Fibre, observable: Observable, *, exactly: bool) -> None:
        self._fibre, self._observable, self._exactly = fibre, observable, exactly
        self._before = fibre.value(observable, fibre.lifted, exactly=exactly).detach()
        self._changes: list[tuple[str, Tensor, Tensor]] = []

    def look(self, name: str, point: Tensor) -> Tensor:
        """|o(point) − o(lifted)| by sample."""
        value = self._fibre.value(self._observable, point, exactly=self._exactly).detach()
        change = (value.double() - self._before.double()).abs()
        self._changes.append((name, change, self._fibre.holds(point).to(change.device)))
        return change

    def attacked(self, found: Found | str, certificate: Bound) -> Bound:
        """The largest change in the fibre, by sample."""
        if isinstance(found, str):
            return Bound.none(found)
        largest = torch.stack([c.masked_fill(~inside, 0.0) for _, c, inside in self._changes])
        each = largest.amax(0)
        if certificate.each is not None:  # what is above is so by rounding
            each = each.minimum(certificate.each.to(each))
        whom = self._fibre.whom(self._fibre.all_in_words)
        return Bound.of(each, "measured", found.how, whom=whom)

    def unless_above(self, proof: Proof | str) -> Bound:
        """What is proved, unless something that was evaluated is above it."""
        if isinstance(proof, str):
            return Bound.none(proof)
        allowed = proof.change * (1 + 1e-6) + rounding(self._before).to(proof.change)
        for name, change, inside in self._changes:
            above = (inside & (change > allowed.to(change))).nonzero()
            if len(above):
                i = int(above[0])
                return Bound.none(
                    f"withdrawn: the {name} of sample {i} is {float(change[i]):.4g}, above the "
                    f"{float(proof.change[i]):.4g} that {proof.how} allowed"
                )
        whom = self._fibre.whom(self._fibre.all_in_words)
        return Bound.of(proof.change, "proved", proof.how, whom=whom)


def rounding(own: Tensor) -> Tensor:
    """How far values (n,) may be off by the precision in which they were computed."""
    eps = torch.finfo(own.dtype).eps if own.is_floating_point() else 0.0
    close: Tensor = eps**0.5 * (1 + own.double().abs().max())
    return close


def _check_same(observable: Observable, before: Tensor, after: Tensor) -> None:
    if bool(((after.double() - before.double()).abs() > rounding(before)).any()):
        raise ObservableError(
            f"observable {observable.name!r}",
            given="another value when it is evaluated again",
            allowed="a function of its input: the same each time",
            mend="switch off noise, clocks, counters and what is carried from call to call",
        )
