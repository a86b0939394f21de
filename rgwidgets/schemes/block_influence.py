"""What the spins within blocks can still do to an observable: average, resample, attack, proof."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from ..core.bounds import Bound, Influence
from ..core.local import LocalObservable
from ..core.progress import tick
from ..core.theory import Observable, Theory
from . import block_certificate as certificate
from .block_fibre import Fibre

MOST = 16  # samples on which resample, attack and certificate are taken, evenly spread …
SITES = 2**20  # … or as many as have this many sites together, and at least one
_ALONE = "one sample of a real field leaves no other to draw from"


class Blocks(Protocol):
    """What a block-spin scheme says of itself."""

    @property
    def b(self) -> int:
        """Block side of one step."""

    @property
    def rule(self) -> str:
        """majority, mean or decimation."""

    @property
    def seed(self) -> int:
        """Of the draws."""


def influence(
    observable: Observable, theory: Theory, coarse: Tensor, scheme: Blocks, level: int
) -> Influence:
    """Bounds on one observable of `theory`, whose block spins after `level` steps are `coarse`.

    The prediction is the observable on the lifted lattice; each number is the mean over samples
    of its absolute change. Observables that only the ensemble has (with `reduce`) are compared as
    values of the ensemble, and have no attack and no certificate.
    """
    if level == 0:
        return Influence.exact("nothing is neglected")
    fine = theory.features["spins"]
    whole = Fibre(fine, coarse, scheme.b, scheme.rule, level, scheme.seed)
    generator = torch.Generator().manual_seed(scheme.seed)
    if observable.reduce is not None:
        return _ensemble(observable, whole, generator)
    average = _measured(_change(observable, whole)(fine), theory, "own spins within blocks")
    tick(0.2, "bounds")
    count = min(len(fine), MOST, max(1, SITES // fine[0].numel()))
    chosen = torch.linspace(0, len(fine) - 1, count).round().long().to(fine.device)
    part = Fibre(fine[chosen], coarse[chosen], scheme.b, scheme.rule, level, scheme.seed)
    moved = _change(observable, part)
    drawn = part.draw(generator)
    changes = [moved(part.fine)]
    resample = Bound.none(_ALONE)
    if drawn is not None:
        changes.append(moved(drawn))
        resample = _measured(changes[1], theory, f"drawn at random, {len(chosen)} samples")
    how = "best of the fields at hand"
    if part.ising:
        changes += [moved(spins) for spins in part.extremes(observable)]
        how = "best arrangement" if part.rule == "mean" else "best climb within the fibre"
    attack = _measured(torch.stack(changes).amax(0), theory, f"{how}, {len(chosen)} samples")
    tick(1.0, "bounds")
    return Influence(average, resample, attack, _certificate(observable, theory, part))


def _change(observable: Observable, fibre: Fibre) -> Callable[[Tensor], Tensor]:
    """Spins → |o(spins) − o(lifted)| by sample, float64 on the CPU."""
    device = fibre.fine.device
    predicted = observable.samples({"spins": fibre.lifted}).detach().double().cpu()

    def change(spins: Tensor) -> Tensor:
        values = observable.samples({"spins": spins.to(device)}).detach().double().cpu()
        return (values - predicted).abs()

    return change


def _measured(changes: Tensor, theory: Theory, how: str) -> Bound:
    mean = theory.mean(changes)
    return Bound(mean.value, "measured", how, mean.error, changes)


def _certificate(observable: Observable, theory: Theory, part: Fibre) -> Bound:
    """Proved mean over samples of the largest change, or none with the reason."""
    if not isinstance(observable, LocalObservable):
        return Bound.none("the observable declares no local terms")
    if observable.degree <= 1 and part.rule == "mean":
        size = sum(abs(c) for c, _ in observable.terms) * float(part.fine.abs().max())
        real = part.coarse.dtype if part.coarse.is_floating_point() else torch.float64
        rounding = 8 * part.level * torch.finfo(real).eps * size
        every = torch.full((len(part.fine),), rounding, dtype=torch.float64)
        return Bound(rounding, "proved", "a mean keeps the sum, up to rounding", 0.0, every)
    if not part.ising:
        return Bound.none("real fields with these blocks are not bounded")
    low, high, how = _range(observable, part)
    if observable.absolute:
        inside = (low <= 0) & (high >= 0)
        least = torch.minimum(low.abs(), high.abs()).masked_fill(inside, 0.0)
        low, high = least, torch.maximum(low.abs(), high.abs())
    predicted = observable.samples({"spins": part.lifted}).double().cpu()
    largest = torch.maximum(high - predicted, predicted - low).clamp_min(0)
    return replace(_measured(largest, theory, how), kind="proved")


def _range(observable: LocalObservable, part: Fibre) -> tuple[Tensor, Tensor, str]:
    """Lower and upper bound (n,) of the polynomial over each fibre, and the theorem."""
    if part.rule == "mean":
        low, high = certificate.counting_range(observable, part.coarse.double().mean((1, 2)))
        return low.cpu(), high.cpu(), "counting the terms that hold a minority spin"
    where = (part.coarse.cpu(), part.b, part.rule, part.level)
    high = certificate.upper_bound(observable, *where, sign=1)
    low = -certificate.upper_bound(observable, *where, sign=-1)
    if observable.degree <= 1:
        return low, high, "exact: each block alone"
    if certificate.is_windowed(observable, part.b):
        return low, high, "best of all windows of 2 × 2 blocks, level by level"
    return low, high, "the sum of the terms' sizes"


def _ensemble(observable: Observable, whole: Fibre, generator: torch.Generator) -> Influence:
    """Changes of what only the whole ensemble has, such as Binder's cumulant."""

    def value(spins: Tensor) -> float:
        samples = observable.samples({"spins": spins.to(whole.fine.device)}).detach().double()
        return float(observable.reduce(samples.mean(0))) if observable.reduce else math.nan

    predicted = value(whole.lifted)

    def bound(spins: Tensor | None, how: str) -> Bound:
        if spins is None:
            return Bound.none(_ALONE)
        change = abs(value(spins) - predicted)
        if not math.isfinite(change):
            return Bound.none("the observable is not finite on one of the two lattices")
        return Bound(change, "measured", f"change of the ensemble's value, {how}")

    reason = "a property of the ensemble: no single sample has it"
    return Influence(
        bound(whole.fine, "own spins within blocks"),
        bound(whole.draw(generator), "drawn at random"),
        Bound.none(reason),
        Bound.none(reason),
    )
