"""The four numbers of a discarded subspace: average, resample, attack, certificate."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from rgwidgets.core.bounds import Bound, Influence
from rgwidgets.core.errors import ObservableError
from rgwidgets.core.theory import Observable

from . import confirm
from .attack import Attack, attack
from .certify import Proof, prove
from .fibre import Fibre
from .opaque import Opaque
from .statistics import derangement


def subspace_influence(
    fibre: Fibre, observable: Observable, *, steps: int = 12, restarts: int = 8, seed: int = 0
) -> Influence:
    """What a fibre can do to an observable, by each of the four ways, always together.

    Every number is a mean over samples of the absolute change from the prediction at the cut
    point, and keeps the change of each. Average and resample use tails as they are, also those
    longer than the radius; attack and certificate stay within the radius. Where something is
    proved, the other three are evaluated by the network's own code in double precision; if one of
    them, within the radius, is above what is proved of a sample, the proof is withdrawn.

    Parameters
    ----------
    fibre
        Cut points, discarded directions, and the samples' own tails, whose quantile is the radius.
    observable
        One of `fibre.theory`'s.
    steps, restarts, seed
        Effort of the attack, and the seed of its random starts and of the resampling.

    Raises
    ------
    ObservableError
        If the observable is not finite somewhere it is looked at, or not the same when it is
        looked at again.
    """
    if observable.reduce is not None:
        return Influence.nothing("an observable of several moments has no change by sample")
    if observable.name in cast("frozenset[str]", fibre.theory.attrs.get("unread", ())):
        return Influence.nothing("it does not hang on the layer's output, whatever is cut there")
    own = fibre.own
    if own.shape[1] == 0 or not (fibre.unspanned or fibre.radius or bool(own.any())):
        return Influence.exact("nothing was neglected")
    n, still = len(fibre), _at_the_cut(fibre, observable)
    proof, found = _proof(fibre, observable), None
    if fibre.radius > 0 and not fibre.unspanned:
        found = attack(fibre, observable, steps=steps, restarts=restarts, seed=seed)
    points = {"average": own}
    if n > 1:
        points["resample"] = own[derangement(n, seed).to(own.device)]
    if found is not None:
        points["attack"] = found.point
    changes = _changes(fibre, observable, points, exactly=isinstance(proof, Proof))
    _check_same(observable, still, _at_the_cut(fibre, observable))
    certificate = _certificate(fibre, proof, points, changes)
    if certificate.each is not None and "attack" in changes:  # what is above is so by rounding
        changes["attack"] = changes["attack"].minimum(certificate.each.to(changes["attack"]))
    resample = Bound.none("a single sample has no other tail to borrow")
    if n > 1:
        resample = Bound.of(changes["resample"], "measured", f"tail of another sample, n = {n}")
    average = Bound.of(changes["average"], "measured", f"own tail, n = {n}")
    return Influence(average, resample, _attacked(fibre, found, changes), certificate)


def _proof(fibre: Fibre, observable: Observable) -> Proof | str:
    """What is proved over the ball, or why nothing is."""
    if fibre.unspanned:
        return fibre.unspanned
    if fibre.radius == 0:  # longer tails are measured, and nothing is promised of them
        return Proof(torch.zeros_like(fibre.own[:, 0]), "a single point")
    try:
        return prove(fibre, observable)
    except Opaque as reason:
        return str(reason)


def _changes(
    fibre: Fibre, observable: Observable, points: dict[str, Tensor], *, exactly: bool
) -> dict[str, Tensor]:
    """|o(point) − o(cut)| by sample, and how far that may be off by rounding."""

    def value(z: Tensor) -> Tensor:
        if exactly or fibre.direct(observable):
            return confirm.values(fibre, observable, z)
        with torch.no_grad():
            return fibre.evaluate(observable, z[None])[0][0]

    before = value(torch.zeros_like(fibre.own))
    changes = {name: (value(z).double() - before.double()).abs() for name, z in points.items()}
    changes["rounding"] = confirm.rounding(before)
    return changes


def _at_the_cut(fibre: Fibre, observable: Observable) -> Tensor:
    features = {**fibre.theory.features, fibre.feature: fibre.centre}
    with torch.no_grad():
        return observable.samples(features)


def _check_same(observable: Observable, before: Tensor, after: Tensor) -> None:
    if bool(((after.double() - before.double()).abs() > confirm.rounding(before)).any()):
        raise ObservableError(
            f"observable {observable.name!r}",
            given="another value when it is evaluated again",
            allowed="a function of its input: the same each time",
            mend="switch off noise, clocks, counters and what is carried from call to call",
        )


def _attacked(fibre: Fibre, found: Attack | None, changes: dict[str, Tensor]) -> Bound:
    if fibre.unspanned:
        return Bound.none(fibre.unspanned)
    if found is None:
        zero = torch.zeros(len(fibre))
        return Bound.of(zero, "measured", f"a single point; {fibre.ball_in_words}")
    return Bound.of(changes["attack"], "measured", f"{found.how}; {fibre.ball_in_words}")


def _certificate(
    fibre: Fibre, proof: Proof | str, points: dict[str, Tensor], changes: dict[str, Tensor]
) -> Bound:
    """What is proved, unless something that was evaluated is above it."""
    if isinstance(proof, str):
        return Bound.none(proof)
    allowed = proof.change * (1 + 1e-6) + changes["rounding"]
    for name, z in points.items():
        i = confirm.exceeding(fibre, z, changes[name], allowed)
        if i is not None:
            return Bound.none(
                f"withdrawn: the {name} of sample {i} is {float(changes[name][i]):.4g}, above the "
                f"{float(proof.change[i]):.4g} that {proof.how} allowed"
            )
    return Bound.of(proof.change, "proved", f"{proof.how}; {fibre.ball_in_words}")
