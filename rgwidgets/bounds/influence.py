"""The four numbers of a discarded subspace: average, resample, attack, certificate."""

from __future__ import annotations

import torch
from torch import Tensor

from rgwidgets.core.bounds import Bound, Influence
from rgwidgets.core.theory import Observable

from .attack import attack
from .certify import prove
from .fibre import Fibre
from .opaque import Opaque
from .statistics import derangement, measured


def subspace_influence(
    fibre: Fibre, observable: Observable, *, steps: int = 12, restarts: int = 8, seed: int = 0
) -> Influence:
    """What a fibre can do to an observable, by each of the four ways, always together.

    Every number is a mean over samples of the absolute change from the prediction at the cut
    point. Average and resample use tails as they are, also those longer than the radius; attack
    and certificate stay within the radius.

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
        If the observable is not finite somewhere it is looked at, or the network's weights have
        changed since its features were captured.
    """
    if observable.reduce is not None:
        return Influence.nothing("an observable of several moments has no change by sample")
    if fibre.own.shape[1] == 0 or (fibre.radius == 0 and not bool(fibre.own.any())):
        return Influence.exact("nothing was neglected")
    n, own = len(fibre), fibre.own
    with torch.no_grad():
        before = fibre.evaluate(observable, torch.zeros_like(own)[None])[0]
        average = measured(_change(fibre, observable, own, before), f"own tail, n = {n}")
        if n > 1:
            other = own[derangement(n, seed).to(own.device)]
            resample = measured(
                _change(fibre, observable, other, before), f"tail of another sample, n = {n}"
            )
        else:
            resample = Bound.none("a single sample has no other tail to borrow")
    attacked, certificate = _worst(fibre, observable, steps=steps, restarts=restarts, seed=seed)
    return Influence(average, resample, attacked, certificate)


def _worst(
    fibre: Fibre, observable: Observable, *, steps: int, restarts: int, seed: int
) -> tuple[Bound, Bound]:
    """Attack and certificate over the ball; both exactly zero where it is a point."""
    ball = f"‖tail‖ ≤ {fibre.radius:.3g}"
    if fibre.ball is None:
        ball += f", the {fibre.quantile:.0%} quantile of measured tails"
    if fibre.radius == 0:  # longer tails are measured, and nothing is promised of them
        how = f"a single point; {ball}"
        return Bound(0.0, "measured", how, 0.0), Bound(0.0, "proved", how)
    found = attack(fibre, observable, steps=steps, restarts=restarts, seed=seed)
    change, certificate = found.change, _certificate(fibre, observable, ball)
    if certificate and not fibre.direct(observable):
        # the search ran in the network's own precision, the proof is of exact numbers
        change = _in_double(fibre, observable, found.point)
    way = (
        f"PGD, {steps} steps, {restarts} restarts"
        if found.differentiable
        else "points tried: the observable has no gradient"
    )
    return measured(change, f"{way}; {ball}"), certificate


def _change(fibre: Fibre, observable: Observable, z: Tensor, before: Tensor) -> Tensor:
    return (fibre.evaluate(observable, z[None])[0] - before)[0]


def _certificate(fibre: Fibre, observable: Observable, ball: str) -> Bound:
    try:
        proof = prove(fibre, observable)
    except Opaque as reason:
        return Bound.none(str(reason))
    return Bound(float(proof.change.mean()), "proved", f"{proof.how}; {ball}")


def _in_double(fibre: Fibre, observable: Observable, z: Tensor) -> Tensor:
    """|o(point) − o(cut)| as proofs see it, in double precision."""
    return (
        fibre.enclosure.exactly(observable, z) - fibre.enclosure.exactly(observable, 0 * z)
    ).abs()
