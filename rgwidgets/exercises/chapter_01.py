"""Coarse-grain and rescale: what the sum of many numbers remembers of one."""

from __future__ import annotations

import math

import torch

from ..core.theory import Theory
from ..schemes.central_limit import CentralLimit
from .exercise import Exercise, Route, absolute


def _pairings(steps: int, variance: float, **cumulants: float) -> dict[str, float]:
    """Cumulants after so many pairings, each sum divided by √2."""
    fine = Theory(couplings={"variance": variance, **cumulants})
    coarse = CentralLimit().coarsen(fine, 2.0**steps)
    return {name: float(value) for name, value in coarse.couplings.items()}


def _kurtosis(steps: int = 5) -> float:
    found = _pairings(steps, 1 / 12, kappa4=-1 / 120)
    return found["kappa4"] / (found["variance"] * found["variance"])


def _skewness(steps: int = 6) -> float:
    found = _pairings(steps, 1.0, kappa3=2.0, kappa4=6.0)
    return found["kappa3"] / math.pow(found["variance"], 1.5)


def _stable(numbers: int = 8, alpha: float = 1.5) -> float:
    """What the sum of so many numbers is divided by."""
    ones = torch.ones(1, numbers, dtype=torch.float64)
    return numbers / float(CentralLimit(numbers, alpha=alpha).step(ones))


EXERCISES = (
    Exercise(
        id="1.1",
        prompt=(
            "Numbers drawn uniformly from an interval are added in pairs and divided by √2, five "
            "times over: what is the excess kurtosis of the numbers that result?"
        ),
        source=_kurtosis,
        tolerance=absolute(0.0002),
        routes=(
            Route(
                "plain",
                lambda: 3 + _kurtosis(),
                "That is the kurtosis itself. The excess is what is left of it beyond the "
                "Gaussian's 3.",
            ),
            Route(
                "linear",
                lambda: _kurtosis(0) / 5,
                "You divided by the number of pairings, but each pairing divides anew: the "
                "factors multiply.",
            ),
            Route(
                "skewed",
                lambda: _pairings(5, 1.0, kappa3=_kurtosis(0))["kappa3"],
                "That is the rate of the third cumulant. The fourth falls faster: what power of "
                "the block size goes with order four?",
            ),
            Route(
                "bare",
                lambda: _pairings(5, 1 / 12, kappa4=-1 / 120)["kappa4"],
                "That is the fourth cumulant for an interval of length one. Divide it by the "
                "square of the variance: kurtosis has no unit.",
            ),
            Route(
                "unsigned",
                lambda: -_kurtosis(),
                "Mind the sign: are the tails of a uniform law heavier or lighter than a "
                "Gaussian's?",
            ),
        ),
        hints=(
            "Cumulants of independent numbers add.",
            "A sum of two, divided by √2: the fourth cumulant is doubled by the sum and divided "
            "by √2 four times over.",
            "A uniform law on an interval of length one has variance 1/12 and fourth cumulant "
            "−1/120. Take their excess kurtosis and halve it at each pairing.",
        ),
        because="The fourth cumulant is irrelevant: every pairing halves it, and the Gaussian "
        "is what remains.",
        worked=r"""
Cumulants of independent numbers add, and $\kappa_k(ax) = a^k\kappa_k(x)$. One pairing therefore
multiplies $\kappa_k$ by $2\cdot 2^{-k/2} = 2^{1-k/2}$: the variance stays and $\kappa_4$ is halved.
A uniform law of length one has $\kappa_2 = 1/12$ and $\kappa_4 = -1/120$, so it starts at an excess
of $\kappa_4/\kappa_2^2 = -6/5$. Five pairings leave $-\tfrac65\,2^{-5} = [[answer:.4f]]$.
""",
    ),
    Exercise(
        id="1.2",
        prompt=(
            "Waiting times with an exponential law are added in pairs, centred and divided by √2, "
            "six times over: what is the skewness of the numbers that result?"
        ),
        source=_skewness,
        tolerance=absolute(0.002),
        routes=(
            Route(
                "fourth",
                lambda: _pairings(6, 1.0, kappa4=2.0)["kappa4"],
                "That is how fast the fourth cumulant falls. The third is less irrelevant: its "
                "factor at each pairing is larger.",
            ),
            Route(
                "linear",
                lambda: _skewness(0) / 6,
                "You divided by the number of pairings, but each pairing divides anew: the "
                "factors multiply.",
            ),
            Route(
                "kurtosis",
                lambda: _pairings(6, 1.0, kappa4=6.0)["kappa4"],
                "That is the excess kurtosis. The skewness is the third cumulant over the "
                "variance to the power 3/2.",
            ),
            Route(
                "start",
                lambda: _skewness(0),
                "That is the skewness of a single waiting time, before any pairing.",
            ),
        ),
        hints=(
            "The kth cumulant of an exponential law of mean one is (k − 1)!.",
            "A pairing doubles the third cumulant and divides it by √2 three times over.",
            "Multiply the skewness of one waiting time by the factor 2^(1 − 3/2), once for each "
            "pairing.",
        ),
        because="The third cumulant is the least irrelevant one, and so it is what one sees last "
        "of where the numbers came from.",
        worked=r"""
An exponential law of mean one has $\kappa_k = (k-1)!$, so its skewness is
$\kappa_3/\kappa_2^{3/2} = 2$. Each pairing multiplies $\kappa_3$ by $2^{1-3/2} = 1/\sqrt2$ and
leaves the variance, and six of them make $2/\sqrt{2}^{\,6} = [[answer:.4g]]$.
""",
    ),
    Exercise(
        id="1.3",
        prompt=(
            "Symmetric numbers whose tails fall as P(|x| > t) ~ t^(−3/2) are added eight at a "
            "time: by what must the sum be divided for its law to approach a fixed one?"
        ),
        source=_stable,
        tolerance=absolute(0.01),
        routes=(
            Route(
                "gauss",
                lambda: _stable(alpha=2.0),
                "That is right where there is a variance. These tails have none.",
            ),
            Route(
                "mean",
                lambda: _stable(alpha=1.0),
                "That makes a mean: right for tails that fall as 1/t, and too much for these.",
            ),
            Route(
                "inverted",
                lambda: _stable(alpha=2 / 3),
                "The exponent is upside down: heavier tails, of smaller α, need a larger divisor "
                "than 8^(1/2), but how much larger?",
            ),
        ),
        hints=(
            "Where the variance is infinite the largest of the numbers decides.",
            "How large is the largest of b numbers: at which t is b · P(|x| > t) about one?",
            "A stable law of index α is kept by sums of b over b^(1/α); the tails tell α.",
        ),
        because="Which rescaling has a fixed point is the law's own affair: it fixes α, and α "
        "fixes what is irrelevant.",
        worked=r"""
The largest of $b$ such numbers is where $b\,t^{-\alpha}\approx 1$, that is $t\sim b^{1/\alpha}$,
and it sets the size of the whole sum. With $\alpha = 3/2$ and $b = 8$ the divisor is
$8^{2/3} = [[answer:g]]$, and the limit is the symmetric stable law of index $3/2$. Dividing by
$\sqrt8 = [[gauss:.3f]]$ the sums would spread without end; dividing by $8$ they would shrink to a
point.
""",
    ),
)
