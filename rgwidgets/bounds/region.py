"""Certificates over regions of inputs: every point near the cut points, with every tail."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from rgwidgets.core.errors import ParameterError, ShapeError
from rgwidgets.core.outputs import OutputObservable
from rgwidgets.core.progress import tick
from rgwidgets.core.theory import Observable

from . import confirm
from .branch import Refined, Search
from .certify import certify
from .chain import Chain, Ends, through
from .fibre import SubspaceFibre
from .goals import Goal, LossDiffers, Row
from .opaque import Opaque
from .problems import Problem, highest, settled
from .tail import Affine

#: Steps for the bounds of each hidden layer.
_ROUGH = 5
#: Samples that are bounded at a time before the search begins.
_PIECE = 64


def certify_region(
    fibre: SubspaceFibre,
    observable: Observable,
    *,
    reach: float | Tensor,
    seconds: float | None = None,
    nodes: int | None = None,
    tolerance: float = 1e-6,
) -> Refined:
    """A certificate for all inputs near each cut point, by branch and bound; see `tighten`.

    Of sample i it bounds |o(x + basis·z) − o(x)| for every ‖z‖₂ ≤ radius and every x = centre_i +
    U·u with U the directions that are kept and u in a ball ‖u‖₂ ≤ reach, or in a box |u_j| ≤
    reach_j. The network runs twice in one chain, on x + basis·z and on x, and their difference is
    bounded: what both have in common cancels in the slopes. `Refined.point` is (n, K + r): first
    z, then u. The label of a loss is that of the sample, for all of its region.

    Parameters
    ----------
    fibre, observable
        As for `tighten`; features (n, d), one vector a sample.
    reach
        Radius of the ball, or half widths (d − k,) of the box along the directions U, which are
        `kept_directions(fibre)`.
    seconds, nodes, tolerance
        As for `tighten`.

    Raises
    ------
    Opaque, ParameterError
        As `tighten`; `ParameterError` if a reach is negative or not finite.
    ShapeError
        If the box has not as many sides as there are kept directions.

    Examples
    --------
    >>> from rgwidgets import ActivationSpectrum, DigitsMLP
    >>> theory = DigitsMLP(seed=0).train(2).theory(n=80)
    >>> fibre = ActivationSpectrum().coarsen(theory, 32).attrs["fibre"]
    >>> found = certify_region(fibre, theory.observables[2], reach=0.1, nodes=8)
    >>> bool((found.change >= found.attack).all())
    True
    """
    return Search(of_region(fibre, observable, reach), tolerance=tolerance).more(seconds, nodes)


def kept_directions(fibre: SubspaceFibre) -> Tensor:
    """Orthonormal directions (d, d − k) that a fibre's basis leaves."""
    axes: Tensor = torch.linalg.svd(fibre.basis, full_matrices=True)[0]
    return axes[:, fibre.basis.shape[1] :]


def of_region(fibre: SubspaceFibre, observable: Observable, reach: float | Tensor) -> Problem:
    """The problem that `certify_region` searches. Raises as it does."""
    certify(fibre, observable, method="crown")  # compares it with the network's own code
    if fibre.unspanned or fibre.centre.ndim != 2:
        raise Opaque(fibre.unspanned or "regions of features at several positions")
    assert isinstance(observable, OutputObservable)
    kept, sides = kept_directions(fibre).cpu(), torch.as_tensor(reach, dtype=torch.float64).cpu()
    if not bool(((sides >= 0) & (sides < math.inf)).all()):
        raise ParameterError("reach", given=reach, allowed="finite numbers ≥ 0")
    if sides.ndim and sides.shape != kept.shape[1:]:
        raise ShapeError("reach", given=tuple(sides.shape), allowed=f"({kept.shape[1]},)")
    if fibre.radius == 0 or not len(fibre) or not fibre.basis.shape[1]:
        return settled(torch.zeros(len(fibre), fibre.basis.shape[1] + kept.shape[1]).double())
    chain, turned = _doubled(fibre, kept, sides)
    goals = _goals(observable, len(fibre), chain)
    ceiling = torch.stack([_ceiling(chain, goal) for goal in goals])
    points = torch.zeros(len(fibre), fibre.basis.shape[1] + kept.shape[1], dtype=torch.float64)

    def values(point: Tensor) -> Tensor:
        point, discarded = point.to(fibre.basis), fibre.basis.shape[1]
        z, u = point[:, :discarded], point[:, discarded:]
        moved = replace(fibre, centre=fibre.centre + u @ kept.to(u).T)
        both = [confirm.values(moved, observable, one) for one in (z, 0 * z)]
        return (both[0] - both[1]).double().abs().cpu()

    proved, found = ceiling.amax(0).clamp_min(0), 0 * points[:, 0]
    return Problem(chain, goals, proved, found, points, ceiling, lambda z: z @ turned, values)


def _ceiling(chain: Chain, goal: Goal) -> Tensor:
    """A first bound (n,): a loss moves no further than the margin that moves furthest."""
    found = []
    n = len(chain.centre)
    for first in range(0, n, _PIECE):
        tick(first / n, "bounding a region")
        sample = torch.arange(first, min(n, first + _PIECE))
        rows = goal.rows(sample).expand(len(sample), -1, -1)
        if isinstance(goal, LossDiffers):
            rows = rows[:, : goal.classes] - rows[:, goal.classes :]
        found.append(highest(chain, rows, sample, _ROUGH).amax(-1))
    return torch.cat(found)


def _doubled(fibre: SubspaceFibre, kept: Tensor, sides: Tensor) -> tuple[Chain, Tensor]:
    """The network on x + basis·z and on x, of coordinates (z, u), and (d, K + r) back."""
    tail = fibre.tail
    assert tail is not None
    along, centre = (one.cpu() for one in fibre.start)
    coarse = tail.first.weight.cpu() @ kept
    axes, sizes, z_turned = torch.linalg.svd(along, full_matrices=False)
    fine, u_turned = axes * sizes, torch.eye(kept.shape[1], dtype=torch.float64)
    if not sides.ndim:
        axes, sizes, u_turned = torch.linalg.svd(coarse, full_matrices=False)
        coarse = axes * sizes
    start = torch.cat([torch.cat([fine, coarse], 1), torch.cat([0 * fine, coarse], 1)])
    radii = torch.cat([torch.tensor([fibre.radius], dtype=torch.float64), sides.reshape(-1)])
    each = torch.arange(1, coarse.shape[1] + 1) if sides.ndim else torch.ones(coarse.shape[1])
    group = torch.cat([torch.zeros(fine.shape[1]), each]).long()
    layers = tuple((curve, _twice(affine)) for curve, affine in tail.layers)
    chain = Chain(start, torch.cat([centre, centre], 1), layers, [], radii, group)
    return replace(chain, boxes=_boxes(chain)), _diagonal(z_turned, u_turned)


def _twice(affine: Affine) -> Affine:
    weight, bias = affine.weight.cpu(), affine.bias.cpu()
    return Affine(_diagonal(weight, weight), torch.cat([bias, bias]))


def _diagonal(one: Tensor, other: Tensor) -> Tensor:
    """Both as blocks of one matrix."""
    matrix = one.new_zeros(one.shape[0] + other.shape[0], one.shape[1] + other.shape[1])
    matrix[: one.shape[0], : one.shape[1]] = one
    matrix[one.shape[0] :, one.shape[1] :] = other
    return matrix


def _boxes(chain: Chain) -> list[Ends]:
    """Bounds of the inputs of each activation function, layer by layer."""
    groups = torch.nn.functional.one_hot(chain.group, len(chain.radii)).to(chain.start)
    reach = ((chain.start**2) @ groups).sqrt() @ chain.radii
    slack = 1e-10 * (1 + chain.centre.abs() + reach)
    box, boxes = (chain.centre - reach - slack, chain.centre + reach + slack), []
    sample = torch.arange(len(chain.centre))
    for depth, (curve, affine) in enumerate(chain.layers):
        boxes.append(box)
        if depth + 1 == len(chain.layers):
            break
        low, high = through(affine, *curve.extremes(*box))
        part = replace(chain, layers=chain.layers[: depth + 1], boxes=boxes)
        rows = torch.eye(low.shape[1], dtype=low.dtype).expand(len(low), -1, -1)
        box = (
            low.maximum(-highest(part, -rows, sample, _ROUGH)),
            high.minimum(highest(part, rows, sample, _ROUGH)),
        )
    return boxes


def _goals(observable: OutputObservable, n: int, chain: Chain) -> tuple[Goal, ...]:
    width = len(chain.layers[-1][1].bias) if chain.layers else chain.start.shape[0]
    classes, zero = width // 2, torch.zeros(n, dtype=torch.float64)
    if observable.form == "linear":
        assert observable.weights is not None
        row = torch.zeros(1, classes, dtype=torch.float64)
        row[0, : len(observable.weights)] = observable.weights.to(row)
        both = torch.cat([row, -row], 1)
        return Row(zero, both), Row(zero, -both)
    if observable.form == "cross entropy":
        assert observable.labels is not None
        labels = observable.labels.cpu()
        return tuple(LossDiffers(zero, labels, classes, swapped) for swapped in (False, True))
    raise Opaque(f"branch and bound of {observable.name!r}, neither linear nor a cross entropy")
