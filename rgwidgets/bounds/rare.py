"""How rare: the probability that a tail drawn from a stated law moves an observable beyond ε."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from rgwidgets.core.errors import ObservableError
from rgwidgets.core.numeric import real, whole
from rgwidgets.core.outputs import Readout
from rgwidgets.core.rare import Probability, Rare, coarse_steps
from rgwidgets.core.theory import Observable

from .fibre import SubspaceFibre
from .multilevel import Shell, Swarm, Watch
from .tail_law import TailLaw

#: the two ends of the interval leave out this share together
_OUTSIDE = 0.05
_NORMAL = 1.959963984540054  # the normal law's quantile at 1 − _OUTSIDE / 2
#: steps of the curve smaller than this share of it are left out
_FINE = 0.002
#: weights of a network from which on fewer particles are followed
_LARGE = 10**6
#: at how many places along the curve the family tree is read
_NODES = 48

__all__ = ["Probability", "Rare", "rare_events", "rare_of"]


def rare_events(
    fibre: SubspaceFibre,
    observable: Observable,
    *,
    law: str | TailLaw = "gaussian",
    floor: float = 1e-6,
    epsilon: float | None = None,
    particles: int = 2000,
    moves: int = 3,
    seed: int = 0,
) -> Rare:
    """How rarely a tail drawn from a law moves an observable by more than ε, as a curve over ε.

    P(|o(cut_i + basis·z) − o(cut_i)| > ε), with the input i drawn uniformly from the fibre's n
    and the tail z from the law. Adaptive multilevel splitting (Cérou and Guyader, Stoch. Anal.
    Appl. 25, 417 (2007); for networks Webb et al., ICLR 2019, arXiv:1811.07209): the particles
    are pairs of an input and a tail. In each round the lower half of them, and ties with it, is
    replaced by copies of the upper half, and all are moved by a Metropolis kernel that leaves the
    law as it is, conditioned on the level passed: preconditioned Crank–Nicolson steps
    √(1−s²)·g + s·ξ of the normal numbers g that the tail is computed from, now and then together
    with another input, or another component of a mixture, drawn uniformly. Whoever is left behind
    at a level counts with the share of probability that had reached it, so that all levels give
    one curve.

    An observable with a surrogate, such as an accuracy, is split along the surrogate and counted
    by itself: 0 and 1 leave nothing to climb.

    The interval comes from the family tree of the particles (Chan and Lai, Ann. Statist. 41, 2877
    (2013); Lee and Whiteley, Biometrika 105, 609 (2018)), so that moves which mix badly widen it;
    it is never narrower than perfect mixing would make it. Where all particles end on one plateau
    the rule of three is added to its upper end. It holds at each ε by itself, and knows nothing
    of a region that no particle came near.

    Parameters
    ----------
    fibre
        Cut points, discarded directions and the inputs' own tails.
    observable
        One of `fibre.theory`'s.
    law
        "gaussian": with the mean and covariance of the inputs' own tails. "ball": uniform in the
        ball of the fibre's radius. "data": the own tail of an input drawn at random, smoothed.
        Or a `TailLaw`.
    floor
        The curve goes down to this probability.
    epsilon
        The curve ends here, in the unit of the observable; by default at the floor.
    particles
        How many, at first shared out evenly over the inputs. The relative error at P is about
        √(−2 ln P / particles) or somewhat more.
    moves
        Steps of each particle at each level: all in all about 1.4·moves·particles·(−ln floor)
        evaluations, of single inputs where the rest of the network is known to the fibre, else
        of all n at once.
    seed
        Of all that is drawn (torch's own state is not touched).

    Raises
    ------
    ParameterError
        If a number is out of range, or the law leaves nothing to draw: all tails are zero, say.
    ShapeError
        If a law's tails are not those of the fibre.
    ObservableError
        If the observable is of several moments, or not finite somewhere.
    Cancelled
        When a listener asks to stop; nothing is kept then.

    Examples
    --------
    The sum of two coefficients of variance 1 changes by more than 4 with probability 0.0047:

    >>> from rgwidgets.core.theory import Theory
    >>> x = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]).double()
    >>> total = Observable("total", lambda f: f["x"].sum(1))
    >>> fibre = SubspaceFibre(Theory({"x": x}, (total,)), "x", 0 * x, torch.eye(2).double(), x)
    >>> found = rare_events(fibre, total).at(4.0)
    >>> found.low < math.erfc(4 / 2) < found.high
    True
    """
    _check(observable, floor, epsilon)
    for name, given, least in (
        ("particles", particles, 32),
        ("moves", moves, 1),
        ("seed", seed, 0),
    ):
        whole(name, given, least)
    chosen = TailLaw.of(law, fibre)
    end = math.inf if epsilon is None else epsilon
    with torch.no_grad():
        watch = Watch(fibre, observable)
        swarm = Swarm(watch, chosen, particles, seed)
        swarm.split(floor, end, moves)
    steps, probability = _curve(swarm.shells, floor, end)
    low, high = _interval(swarm.shells, steps, probability, float(watch.most.max()))
    return Rare(
        steps,
        probability,
        low,
        high,
        law=chosen.words,
        inputs=len(fibre),
        how=_how(swarm, moves, watch.calls),
        calls=watch.calls,
        floor=floor,
        end=end,
        unit=observable.unit,
    )


def rare_of(fibre: SubspaceFibre) -> Callable[[Observable], Rare] | None:
    """What an effective theory says of rare events; None where nothing is neglected.

    With a tenth of the particles where a network of over a million weights runs for each of them.
    """
    if not bool(fibre.tails.any()):
        return None

    def measured(observable: Observable) -> Rare:
        known, readout = fibre.theory.observable(observable.name), fibre.theory.attrs.get("readout")
        weights = readout.module.parameters() if isinstance(readout, Readout) else ()
        if fibre.direct(known) or sum(w.numel() for w in weights) <= _LARGE:
            return rare_events(fibre, known)
        return rare_events(fibre, known, particles=200)

    return measured


def _how(swarm: Swarm, moves: int, calls: int) -> str:
    """The method and its effort, in words."""
    levels = len(swarm.shells) - 1
    how = f"multilevel splitting, {swarm.count} particles, {levels} level{'s' * (levels != 1)}, "
    how += f"{moves} move{'s' * (moves > 1)} a level, {calls} evaluations"
    return how + "; no particle left the last plateau" * swarm.stuck


def _check(observable: Observable, floor: float, epsilon: float | None) -> None:
    """Raise what the user gave wrongly."""
    if observable.reduce is not None:
        raise ObservableError(
            f"observable {observable.name!r}",
            given="one of several moments",
            allowed="an observable with a change by sample",
        )
    real("floor", floor, "(0, 1)")
    if epsilon is not None:
        real("epsilon", epsilon, "(0, inf)", mend="pass a change of the observable above 0")


def _curve(shells: list[Shell], floor: float, end: float) -> tuple[Tensor, Tensor]:
    """Where P(|Δ| > ε) steps, (m,), and to what, (m,); down to the floor or the end."""
    change = torch.cat([shell.change[shell.lost] for shell in shells])
    each = [torch.full_like(s.change[s.lost], s.weight / len(s.lost)) for s in shells]
    rising = change.argsort()
    values, counts = np.unique(change.numpy(), return_counts=True)
    steps, upto = torch.from_numpy(values), torch.from_numpy(counts).cumsum(0)
    # the smallest shares first; what stands after the last of equals is strictly above them
    above = torch.cat([torch.cat(each)[rising].flip(0).cumsum(0).flip(0), torch.zeros(1).double()])
    probability = above[upto].clamp_max(1.0)
    if steps[0] > 0:
        steps = torch.cat([torch.zeros(1).double(), steps])
        probability = torch.cat([torch.ones(1).double(), probability])
    keep = int((probability > floor).sum()) + 1
    steps, probability = steps[:keep], probability[:keep]
    keep = max(1, int((steps <= end).sum()))
    steps, probability = steps[:keep], probability[:keep]
    first = coarse_steps(probability, _FINE)
    return steps[first], probability[first]


def _interval(
    shells: list[Shell], steps: Tensor, probability: Tensor, most: float
) -> tuple[Tensor, Tensor]:
    """The 95 % interval at each step, (m,) and (m,), on the scale of log odds."""
    count, p = shells[0].change.numel(), probability
    low, high = torch.zeros_like(p), torch.zeros_like(p)
    some = (p > 0) & (p < 1)
    if bool(some.any()):
        spread = _spread(shells, steps[some], p[some])
        odds = p[some].logit() + spread**2 / 2  # its mean is unbiased, so its median is below
        wide = _NORMAL * spread / (1 - p[some])
        low[some], high[some] = (odds - wide).sigmoid(), (odds + wide).sigmoid()
    low[p == 1], high[p == 1] = (_OUTSIDE / 2) ** (1 / count), 1.0
    high = (high + _unseen(shells, steps, most)).clamp_max(1.0)
    return low.cummin(0).values, high.flip(0).cummax(0).values.flip(0)


def _spread(shells: list[Shell], steps: Tensor, p: Tensor) -> Tensor:
    """Standard error of P over P at each step, (m,), read at some and between them along log P."""
    along = p.log()
    places = torch.linspace(float(along[0]), float(along[-1]), _NODES, dtype=torch.float64)
    chosen = torch.searchsorted(-along, -places).clamp_max(len(p) - 1)
    known = [_relative_variance(shells, float(steps[i])) for i in chosen]
    found = np.interp(-along.numpy(), -along[chosen].numpy(), known)
    return torch.from_numpy(found).sqrt()


def _relative_variance(shells: list[Shell], epsilon: float) -> float:
    """Var P̂ / P² at one ε by the family tree: how unequally the first particles' families count.

    Σ_e (S_e − mean)² of the families' shares S_e; at least that of particles that are independent
    after each level, Σ (1/q − 1) / N over the levels' shares q.
    """
    count = len(shells[0].change)
    family, perfect = torch.zeros(count, dtype=torch.float64), 0.0
    for shell in shells:
        beyond = shell.change > epsilon
        last = bool((beyond | shell.lost).all())  # whoever is left lies beyond
        counted = beyond if last else beyond & shell.lost
        family.index_add_(0, shell.eve, counted.double() * (shell.weight / count))
        if last:
            break
        perfect += (1 / (1 - float(shell.lost.double().mean())) - 1) / count
    p = float(family.sum())
    perfect += max(0.0, shell.weight / p - 1) / count
    return max(float(((family - p / count) ** 2).sum()) / p**2, perfect)


def _unseen(shells: list[Shell], steps: Tensor, most: float) -> Tensor:
    """What may lie beyond the largest change seen, (m,): the rule of three.

    None of N particles was there, of those that stand for the last weight.
    """
    top = max(float(shell.change.max()) for shell in shells)
    possible = shells[-1].weight * -math.log(_OUTSIDE / 2) / len(shells[-1].change)
    return possible * ((steps >= top) & (steps < most - 1e-12)).double()
