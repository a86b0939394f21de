"""Branch and bound: certificates that become smaller the longer it is searched."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

import torch
from torch import Tensor

from rgwidgets.core.errors import ParameterError
from rgwidgets.core.progress import tick
from rgwidgets.core.theory import Observable

from .attack import Attack
from .fibre import SubspaceFibre
from .front import Front, Round
from .newton import polish
from .problems import Problem, of_fibre

#: Nodes of a round, and numbers in all their parameters.
_BATCH, _ROOM = 64, 2**21
#: Coordinates up to which Newton's steps are cheap enough.
_NEWTON = 8
#: Steps of ascents from where bounds are largest, and how many parts begin one in a round.
_CLIMB, _CLIMBERS = 20, 8


@dataclass(frozen=True, eq=False)
class Refined:
    """What branch and bound has proved when it was stopped.

    Attributes
    ----------
    change
        sup |o(x) − o(cut)| is at most this, by sample, (n,) float64.
    attack, point
        The largest change that was found, (n,), and the coefficients (n, K) that make it.
    open
        Parts of each sample's set whose bound is above what was found, (n,) int64; 0 where change
        and attack are equal up to the tolerance.
    nodes, seconds
        Bounds computed and time spent, in all.
    proved
        All of it in a sentence.
    """

    change: Tensor
    attack: Tensor
    point: Tensor
    open: Tensor
    nodes: int
    seconds: float
    _search: Search = field(repr=False)

    @property
    def proved(self) -> str:
        n, left = len(self.change), int((self.open > 0).sum())
        said = f"branch and bound, {self.nodes:,} nodes: {n - left} of {n} samples settled"
        if not left:
            return said
        slack = float((self.change - self.attack)[self.open > 0].max())
        return (
            f"{said}; {int(self.open.sum()):,} parts of {left} are open, "
            f"at most {slack:.2g} above what was found"
        )

    def more(self, seconds: float | None = None, nodes: int | None = None) -> Refined:
        """Continue where it was stopped; see `Search.more`."""
        return self._search.more(seconds, nodes)


def tighten(
    fibre: SubspaceFibre,
    observable: Observable,
    *,
    seconds: float | None = None,
    nodes: int | None = None,
    tolerance: float = 1e-6,
    known: Attack | None = None,
) -> Refined:
    """A certificate over a fibre by branch and bound, until it is exact or told to stop.

    Begins with the bounds of `prove` and works on the samples whose certificate is furthest above
    the attack. It knows linear observables and the loss, of networks whose rest is a chain of
    affine maps and activation functions. Where attention, layer normalisation or softmax follow,
    it refuses, and what `prove` makes of affine forms is all there is, as in Shi et al. (ICLR 2020,
    arXiv:2002.06622) and DeepT (Bonaert et al., PLDI 2021, doi:10.1145/3453483.3454056), which do
    not divide either. `Search` keeps what is proved when it is cancelled.

    As in β-CROWN (Wang et al., NeurIPS 2021, arXiv:2103.06624) kinks are divided by their sign and
    the bounds of many parts are optimised at once; smooth activation functions are divided by their
    inputs, the loss by the margins between classes, and up to four coordinates by themselves. The
    bound of each part is `Relaxation`'s, which on a ball is closer than β-CROWN's.

    Parameters
    ----------
    fibre
        Cut points, discarded directions and radius.
    observable
        One of `fibre.theory`'s, linear or a cross entropy.
    seconds, nodes
        When to stop; until all is settled if None. Rounds are finished.
    tolerance
        Of a settled sample, relative to 1 + its attack.
    known
        An attack, if there is one already.

    Raises
    ------
    Opaque
        If no chain can be read, or the observable is neither.
    ParameterError
        If a budget or the tolerance is out of range.

    Examples
    --------
    >>> from rgwidgets import ActivationSpectrum, DigitsMLP
    >>> theory = DigitsMLP(seed=0).train(2).theory(n=80)
    >>> fibre = ActivationSpectrum().coarsen(theory, 16).attrs["fibre"]
    >>> found = tighten(fibre, theory.observable("logit 3 − 8"), nodes=160)
    >>> bool((found.change >= found.attack).all())
    True
    >>> bool(found.change.max() < 1.1 * found.attack.max())
    True
    """
    return Search(fibre, observable, tolerance=tolerance, known=known).more(seconds, nodes)


class Search:
    """A branch and bound that can be stopped, asked, and continued.

    Parameters
    ----------
    of
        A fibre, or a `Problem` such as of a region of inputs.
    observable
        One of the fibre's theory's; None with a problem.
    tolerance, known
        As for `tighten`.

    Raises
    ------
    Opaque, ParameterError
        As `tighten`.

    Examples
    --------
    >>> from rgwidgets import ActivationSpectrum, DigitsMLP
    >>> theory = DigitsMLP(seed=0).train(2).theory(n=80)
    >>> fibre = ActivationSpectrum().coarsen(theory, 16).attrs["fibre"]
    >>> search = Search(fibre, theory.observable("logit 3 − 8"))
    >>> before, after = search.refined.change, search.more(nodes=50).change
    >>> bool((after <= before).all())
    True
    """

    def __init__(
        self,
        of: SubspaceFibre | Problem,
        observable: Observable | None = None,
        *,
        tolerance: float = 1e-6,
        known: Attack | None = None,
    ) -> None:
        if not 0 < tolerance < math.inf:
            raise ParameterError("tolerance", given=tolerance, allowed="a finite number > 0")
        if isinstance(of, SubspaceFibre):
            if observable is None:
                raise ParameterError("observable", given=None, allowed="one of the fibre's theory")
            of = of_fibre(of, observable, known)
        self._problem, self._tolerance = of, tolerance
        self._fronts = [Front(of, goal) for goal in range(len(of.goals))]
        self._found, self._point = of.found.clone(), of.point.clone()
        self._nodes, self._seconds = 0, 0.0

    @property
    def refined(self) -> Refined:
        """What is proved so far. Raises `Opaque` if the network's own code exceeds it."""
        change = self._problem.proved
        if self._fronts:
            bounds = torch.stack([front.bounds for front in self._fronts]).amax(0)
            change = change.minimum(bounds.clamp_min(0))
            left = torch.stack([front.open for front in self._fronts]).sum(0)
        else:
            left = torch.zeros(len(change), dtype=torch.int64)
        attack = self._problem.confirm(self._point, change).minimum(change)
        return Refined(change, attack, self._point, left, self._nodes, self._seconds, self)

    def more(self, seconds: float | None = None, nodes: int | None = None) -> Refined:
        """Go on until all is settled, or for some seconds or nodes; rounds are finished.

        Progress is reported; if it is cancelled, the round that was begun is forgotten and all
        else is kept.
        """
        for name, given in (("seconds", seconds), ("nodes", nodes)):
            if given is not None and not given >= 0:
                raise ParameterError(name, given=given, allowed="a number ≥ 0, or None")
        before, first = self._seconds, self._nodes
        while True:
            spent = (self._seconds - before) / seconds if seconds else float(seconds == 0)
            count = (self._nodes - first) / nodes if nodes else float(nodes == 0)
            if max(spent, count) >= 1 or not self._settle():
                return self.refined
            tick(max(spent, count) if seconds or nodes else None, "branch and bound")
            begin = time.monotonic()
            try:
                self._round()
            finally:
                self._seconds += time.monotonic() - begin

    def _settle(self) -> bool:
        """Whether anything is left that is above what was found."""
        enough = self._found + self._tolerance * (1 + self._found)
        for front in self._fronts:
            front.settle(enough)
        return any(len(front) for front in self._fronts)

    def _round(self) -> None:
        """Improve and divide the worst nodes of the goal that has them."""
        front = max(self._fronts, key=lambda one: one.furthest(self._found))
        relaxation = front.relaxation
        batch = max(1, min(_BATCH, _ROOM // max(1, relaxation.size)))
        work: Round = front.take(self._found, batch)
        sample = work.nodes.sample
        if work.kind == "again" and relaxation.chain.start.shape[1] <= _NEWTON:
            outcome = polish(relaxation, work.nodes, work.steps)
        else:
            outcome = relaxation.improve(work.nodes, work.steps * (1 + 2 * (work.kind == "again")))
        outcome = outcome._replace(place=relaxation.chain.inside(outcome.place))
        change = relaxation.change(outcome.place, sample)
        front.put(work, outcome, change)
        self._look(change, sample, outcome.place)
        # from where the bound is largest it is not far to a maximum
        whole = work.kind == "whole"
        some = outcome.bound.topk(len(sample) if whole else min(_CLIMBERS, len(sample))).indices
        place, which = outcome.place[some], sample[some]
        place = relaxation.climbed(place, which, _CLIMB, 1.0 if whole else 0.02)
        self._look(relaxation.change(place, which), which, place)
        self._nodes += len(work.nodes)

    def _look(self, change: Tensor, sample: Tensor, place: Tensor) -> None:
        """Keep what is larger than was found so far."""
        largest = self._found.scatter_reduce(0, sample, change, "amax")
        hit = ((change == largest[sample]) & (change > self._found[sample])).nonzero()[:, 0]
        self._point[sample[hit]] = self._problem.lift(place[hit])
        self._found = largest
