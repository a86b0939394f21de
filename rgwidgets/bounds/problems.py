"""What a search by branch and bound works on: a chain, goals, and what is known before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rgwidgets.core.fibre import rounding
from rgwidgets.core.outputs import OutputObservable
from rgwidgets.core.theory import Observable

from . import confirm
from .attack import Attack, attack
from .certify import certify, prove
from .chain import Chain
from .fibre import SubspaceFibre
from .goals import Boxes, Goal, LossFalls, LossRises, Row
from .opaque import Opaque
from .relaxation import Relaxation

#: Steps for the rows that matter to a goal, and for all of them.
_CLOSE, _ROUGH = 30, 3
#: Of e^m that is this much smaller in the logarithm no close bound is needed.
_NEGLIGIBLE = 7.0


@dataclass(frozen=True, eq=False)
class Problem:
    """Goals on a chain, with bounds from above and below that hold already.

    Attributes
    ----------
    chain, goals
        What is computed, and which functions of the outputs are to be bounded.
    proved, found, point
        By sample: what all goals are at most (n,), what one of them has been seen to be (n,), and
        where (n, K).
    ceiling
        What each goal is at most, (G, n).
    lift
        Coordinates (B, d) of the chain to those of the caller, (B, K).
    values
        Points (n, K) to the change there by the network's own code, (n,).
    """

    chain: Chain
    goals: tuple[Goal, ...]
    proved: Tensor
    found: Tensor
    point: Tensor
    ceiling: Tensor
    lift: Callable[[Tensor], Tensor]
    values: Callable[[Tensor], Tensor]

    def confirm(self, point: Tensor, change: Tensor) -> Tensor:
        """The change at points (n, K) by the network's own code; `Opaque` if above `change`."""
        own = self.values(point)
        if not len(own):
            return own
        above = (own > change * (1 + 1e-6) + rounding(own)).nonzero()
        if len(above):
            i = int(above[0])
            raise Opaque(
                f"withdrawn: of sample {i} a change of {float(own[i]):.4g} was found, above the "
                f"{float(change[i]):.4g} that branch and bound allowed"
            )
        return own

    def boxes(self, goal: Goal, sample: Tensor) -> Boxes | None:
        """Bounds (B, s) of a goal's rows, where they are of use."""
        if not goal.boxed:
            return None
        rows = goal.rows(sample)
        high = highest(self.chain, rows, sample, _ROUGH)
        low = -highest(self.chain, -rows, sample, _ROUGH)
        near = (high > high.amax(-1, keepdim=True) - _NEGLIGIBLE).nonzero()
        some = rows.expand(len(sample), -1, -1)[near[:, 0], near[:, 1], None]
        close = highest(self.chain, some, sample[near[:, 0]], _CLOSE)
        high[near[:, 0], near[:, 1]] = high[near[:, 0], near[:, 1]].minimum(close[:, 0])
        return Boxes(low.minimum(high), high)


def highest(chain: Chain, rows: Tensor, sample: Tensor, steps: int) -> Tensor:
    """Upper bounds (B, s) of rows (B, s, c) of what a chain computes."""
    shape = rows.shape[:2]
    numbers = torch.arange(shape.numel())
    chain = chain.at(sample.repeat_interleave(shape[1]))
    nothing = torch.zeros(shape.numel(), dtype=rows.dtype)
    relaxation = Relaxation(chain, Row(nothing, rows.flatten(0, 1)))
    nodes = relaxation.roots(numbers, None, nothing + torch.inf)
    return relaxation.improve(nodes, steps).bound.reshape(shape)


def settled(points: Tensor) -> Problem:
    """Nothing can move, and nothing is left to do; for points (n, K)."""
    zero, nothing = torch.zeros(len(points), dtype=torch.float64), torch.zeros(0, 0).double()
    chain = Chain(nothing, zero[:, None], (), [], zero[:0], torch.zeros(0, dtype=torch.int64))
    ceiling = torch.zeros(0, len(points), dtype=torch.float64)
    return Problem(chain, (), zero, zero, points, ceiling, lambda z: z, lambda _: zero)


def of_fibre(fibre: SubspaceFibre, observable: Observable, known: Attack | None) -> Problem:
    """The change of an observable over a fibre. Raises `Opaque` where no chain can be read."""
    if fibre.unspanned:
        raise Opaque(fibre.unspanned)
    if fibre.radius == 0 or not fibre.own.numel():
        return settled(fibre.own.cpu())
    certify(fibre, observable, method="crown")  # compares it with the network's own code
    assert isinstance(observable, OutputObservable)
    proved = prove(fibre, observable).change.cpu()
    known = attack(fibre, observable) if known is None else known
    chain, turned = _chain(fibre)
    everyone = torch.arange(len(fibre))
    still = torch.zeros(len(fibre), chain.start.shape[1]).to(chain.start)
    goals = _goals(observable, chain.values(still, everyone)[1])
    ceiling = proved.expand(len(goals), -1).clone()
    for i, goal in enumerate(goals):
        if isinstance(goal, LossFalls):  # a loss is never negative
            ceiling[i] = ceiling[i].minimum(goal.now + 1e-10 * (1 + goal.now))
    found, point = known.change.double().cpu(), known.point.cpu()

    def values(z: Tensor) -> Tensor:
        z = z.to(fibre.basis.device)
        now = confirm.values(fibre, observable, torch.zeros_like(z))
        return (confirm.values(fibre, observable, z) - now).double().abs().cpu()

    return Problem(chain, goals, proved, found, point, ceiling, lambda z: z @ turned, values)


def _chain(fibre: SubspaceFibre) -> tuple[Chain, Tensor]:
    """The rest of the network in coordinates of which it depends on each, and (d, K) back."""
    along, _ = fibre.start
    axes, sizes, turned = torch.linalg.svd(along.cpu(), full_matrices=False)
    pieces = fibre.propagations
    centre = torch.cat([piece.centre for piece in pieces]).cpu()
    boxes = [
        (torch.cat(low).cpu(), torch.cat(high).cpu())
        for low, high in (
            zip(*(piece.boxes[j] for piece in pieces), strict=True)
            for j in range(len(pieces[0].layers))
        )
    ]
    layers = tuple(
        (curve, replace(affine, weight=affine.weight.cpu(), bias=affine.bias.cpu()))
        for curve, affine in pieces[0].layers
    )
    radii = torch.tensor([fibre.radius], dtype=torch.float64)
    group = torch.zeros(len(sizes), dtype=torch.int64)
    return Chain(axes * sizes, centre, layers, boxes, radii, group), turned


def _goals(observable: OutputObservable, outputs: Tensor) -> tuple[Goal, ...]:
    if observable.form == "linear":
        assert observable.weights is not None
        row = torch.zeros_like(outputs[:1])
        row[0, : len(observable.weights)] = observable.weights.to(row)
        now = (outputs @ row.T)[:, 0]
        return Row(now, row), Row(-now, -row)
    if observable.form == "cross entropy":
        assert observable.labels is not None
        labels = observable.labels.cpu()
        now = outputs.logsumexp(-1) - outputs.gather(-1, labels[:, None])[:, 0]
        return tuple(kind(now, labels, outputs.shape[1]) for kind in (LossRises, LossFalls))
    raise Opaque(f"branch and bound of {observable.name!r}, neither linear nor a cross entropy")
