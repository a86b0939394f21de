"""What branch and bound has left of one goal: samples that were not begun, and parts of others."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from .chain import Nodes
from .curves import Kinked
from .problems import Problem
from .relaxation import Outcome, Relaxation

#: Steps of the parameters: of a whole ball, of a part, and of one that could not be divided.
_WHOLE, _PART, _AGAIN = 40, 25, 48
#: Visits after which a node that cannot be divided is left as it is.
_VISITS = 4
#: Share of a node's slack below which its parameters are worth more than a division.
_SHARE = 0.05
#: Where, between its ends, an interval may be divided.
_INNER = 0.15


@dataclass(frozen=True, eq=False)
class Round:
    """Nodes to be worked on, and what stays of a front when they are taken from it.

    Attributes
    ----------
    nodes, steps
        The nodes, and for how many steps.
    waiting, rest
        Samples and nodes that stay.
    kind
        Whole balls, parts of them, or nodes that could not be divided.
    """

    nodes: Nodes
    steps: int
    waiting: Tensor
    rest: Nodes
    kind: Literal["whole", "part", "again"]


class Front:
    """The unsettled part of one goal.

    Parameters
    ----------
    problem, goal
        Which of a problem's goals.

    Attributes
    ----------
    waiting
        Samples whose whole ball was not looked at yet, int64.
    nodes
        Parts of balls whose bound is above what was found.
    """

    def __init__(self, problem: Problem, goal: int) -> None:
        self.problem, self.goal = problem, problem.goals[goal]
        self.relaxation = Relaxation(problem.chain, self.goal)
        self._ceiling = problem.ceiling[goal]
        self.waiting = torch.arange(len(self._ceiling))
        self.nodes = self._roots(self.waiting[:0])
        self._closed = torch.full_like(self._ceiling, -math.inf)

    def _roots(self, sample: Tensor) -> Nodes:
        boxes = self.problem.boxes(self.goal, sample)
        return self.relaxation.roots(sample, boxes, self._ceiling[sample])

    def __len__(self) -> int:
        return len(self.waiting) + len(self.nodes)

    @property
    def bounds(self) -> Tensor:
        """What the goal is proved to be at most, (n,)."""
        found = _most(self._closed, self.nodes.sample, self.nodes.bound)
        return _most(found, self.waiting, self._ceiling[self.waiting])

    @property
    def open(self) -> Tensor:
        """How many parts of each sample are not settled, (n,) int64."""
        sample = torch.cat([self.nodes.sample, self.waiting])
        return torch.bincount(sample, minlength=len(self._ceiling))

    def settle(self, enough: Tensor) -> None:
        """Lay aside what is proved to be at most `enough` (n,)."""
        done = self.nodes.bound <= enough[self.nodes.sample]
        bound = self._ceiling[self.waiting]
        ready = bound <= enough[self.waiting]
        closed = _most(self._closed, self.nodes.sample[done], self.nodes.bound[done])
        self._closed = _most(closed, self.waiting[ready], bound[ready])
        self.nodes, self.waiting = self.nodes.at(~done), self.waiting[~ready]

    def furthest(self, found: Tensor) -> float:
        """How far the worst of it is above what was found (n,)."""
        begun = self.nodes.bound - found[self.nodes.sample]
        waiting = self._ceiling[self.waiting] - found[self.waiting]
        both = torch.cat([begun, waiting])
        return float(both.max()) if len(both) else -math.inf

    def take(self, found: Tensor, batch: int) -> Round:
        """Those that are furthest above what was found (n,); nothing changes yet."""
        begun = self.nodes.bound - found[self.nodes.sample]
        unbegun = self._ceiling[self.waiting] - found[self.waiting]
        if len(unbegun) and not bool((begun > unbegun.max()).any()):
            order = unbegun.argsort(descending=True, stable=True)
            chosen, waiting = self.waiting[order[:batch]], self.waiting[order[batch:]]
            return Round(self._roots(chosen), _WHOLE, waiting, self.nodes, "whole")
        again = self.nodes.unit < 0
        kind = again == again[begun.argmax()]
        order = torch.where(kind, begun, -math.inf).argsort(descending=True, stable=True)
        count = min(batch, int(kind.sum()))
        parents, rest = self.nodes.at(order[:count]), self.nodes.at(order[count:])
        if bool(parents.unit[0] < 0):
            return Round(parents, _AGAIN, self.waiting, rest, "again")
        return Round(self._halves(parents), _PART, self.waiting, rest, "part")

    def put(self, work: Round, outcome: Outcome, change: Tensor) -> None:
        """What became of nodes; `change` (B,) is the goal at the places where they are largest."""
        nodes, (unit, split) = work.nodes, self._division(work.nodes, outcome, change)
        better = outcome.bound <= nodes.bound
        nodes = replace(
            nodes,
            bound=nodes.bound.minimum(outcome.bound),
            parameters=torch.where(better[:, None], outcome.parameters, nodes.parameters),
            visits=nodes.visits + 1,
            unit=unit,
            split=split,
        )
        stuck = (unit < 0) & (nodes.visits >= _VISITS)
        closed = _most(self._closed, nodes.sample[stuck], nodes.bound[stuck])
        kept = Nodes.cat([work.rest, nodes.at(~stuck)])
        self.waiting, self.nodes, self._closed = work.waiting, kept, closed

    def _division(self, nodes: Nodes, outcome: Outcome, change: Tensor) -> tuple[Tensor, Tensor]:
        """By which unit to divide nodes, and where: the one that lifts the bound most."""
        gaps = outcome.gaps
        if gaps.shape[1] == 0:
            return nodes.unit, nodes.split
        low, high, kinks = nodes.low, nodes.high, self._kinks
        room = _INNER * (high - low)
        values = self.relaxation.values(outcome.place, nodes.sample)
        split = values.maximum(low + room).minimum(high - room).masked_fill(kinks, 0.0)
        divisible = torch.where(kinks, (low < 0) & (high > 0), high - low > 1e-7)
        few = self.problem.chain.few
        most, unit = torch.where(divisible, gaps, -math.inf).max(1)
        hopeless = most < (_SHARE * (outcome.bound - change)).clamp_min(1e-9)
        # the widest of what can be divided, of the coordinates themselves where there are few
        last = high.shape[1] - few
        width = torch.where(divisible, high - low, -math.inf)
        widest = width[:, last:].max(1) if few else width.max(1)
        unit = torch.where(
            hopeless if few else most < 1e-9, widest.indices + last * (few > 0), unit
        )
        again = hopeless & (nodes.visits == 0) & self.relaxation.whole(nodes)
        unit = torch.where(again | ((unit < 0) | (width.amax(1) <= 0)), -1, unit)
        return unit, split.gather(1, unit.clamp_min(0)[:, None])[:, 0]

    def _halves(self, parents: Nodes) -> Nodes:
        """Both sides of each division; what turns out empty is bounded by −∞."""
        at, split, fresh = parents.unit[:, None], parents.split[:, None], 0 * parents.visits
        above = replace(parents, low=parents.low.scatter(1, at, split), visits=fresh)
        below = replace(parents, high=parents.high.scatter(1, at, split), visits=fresh)
        both = Nodes.cat([above, below])
        if not self.problem.chain.few:
            return both
        low, high = self.relaxation.enclosed(both)
        empty = (low > high + 1e-9 * (1 + high.abs())).any(1)
        bound = both.bound.masked_fill(empty, -math.inf)
        return replace(both, low=low.minimum(high), high=high.maximum(low), bound=bound)

    @property
    def _kinks(self) -> Tensor:
        """Which units are divided at 0 and nowhere else."""
        curves = [curve for curve, _ in self.problem.chain.layers]
        units = zip(self.relaxation.units, [*curves, None, None], strict=True)
        return torch.cat([torch.full((w,), isinstance(c, Kinked)) for w, c in units])


def _most(of: Tensor, sample: Tensor, bound: Tensor) -> Tensor:
    """The larger of what is known by sample (n,) and of bounds of some samples."""
    return of.scatter_reduce(0, sample, bound, "amax")
