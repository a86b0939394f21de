"""A toy model of renormalisation: spectra with known cliffs, and when each level is learnt."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

from ..core.theory import Theory
from ..schemes.activation_spectrum import ActivationSpectrum
from ..toy.ultrametric import UltrametricTree
from .exercise import WHOLE, Exercise, Route, absolute, relative

_VALUES = (4.0, 2.0, 1.0, 0.5)
_START = 1e-3


def _centred(values: tuple[float, ...] = _VALUES) -> Tensor:
    """Eight samples with these singular values and a mean of zero, (8, 4) float64."""
    signs = torch.ones(1, 1, dtype=torch.float64)
    for _ in range(3):  # Hadamard: orthogonal columns of signs, all but the first of mean zero
        signs = torch.cat([torch.cat([signs, signs], 1), torch.cat([signs, -signs], 1)])
    return signs[:, 1:5] / math.sqrt(8) * torch.tensor(values, dtype=torch.float64)


def _kept(rank: int = 2, values: tuple[float, ...] = _VALUES) -> float:
    effective = ActivationSpectrum().coarsen(Theory({"activation": _centred(values)}), rank)
    return float(str(effective.attrs["kept_variance"]))


@cache
def _tree(branching: int) -> UltrametricTree:
    return UltrametricTree(branching=branching, depth=3)


def _cliff(level: int) -> float:
    values = _tree(3).eigenvalues()
    return values[level] / values[level + 1]


def _time(strength: float) -> float:
    return math.log(strength / _START - 1) / (2 * strength)


def _eigenvalue(level: int) -> float:
    return _tree(2).eigenvalues()[level]


EXERCISES = (
    Exercise(
        id="23.1",
        prompt=(
            "Centred activations have the singular values 4, 2, 1 and 0.5: which share of their "
            "variance is kept at rank 2?"
        ),
        source=_kept,
        tolerance=absolute(0.001),
        routes=(
            Route(
                "linear",
                lambda: _kept(values=tuple(math.sqrt(v) for v in _VALUES)),
                "You added the singular values. Variance is their square.",
            ),
            Route("lost", lambda: 1 - _kept(), "That is the share that is lost."),
            Route(
                "fourth",
                lambda: _kept(values=tuple(v**2 for v in _VALUES)),
                "You squared twice: eigenvalues of the covariance are squares already.",
            ),
            Route("first", lambda: _kept(1), "That is rank 1."),
            Route(
                "norm",
                lambda: math.sqrt(_kept()),
                "That is the share of the norm. Variance is its square.",
            ),
        ),
        hints=(
            "The variance along a direction is the square of its singular value, up to a factor "
            "that all share.",
            "Add up the squares of what is kept, and divide by the sum of all squares.",
            "The sum of all four squares is 21.25.",
        ),
        because="Most of the variance is in few directions. What the rest can do to an observable "
        "is another question.",
        worked=r"""
The variance along a direction is the square of its singular value over the number of samples. At
rank 2 the share kept is $\frac{4^2+2^2}{4^2+2^2+1^2+0.5^2} = [[answer:.4f]]$.
""",
    ),
    Exercise(
        id="23.2",
        prompt=(
            "Data lie on the leaves of a tree of branching 3 and depth 3: at which rank is the "
            "cliff of their covariance spectrum below which only the last level is left?"
        ),
        source=lambda: _tree(3).rank(2),
        tolerance=WHOLE,
        unit="directions",
        routes=(
            Route(
                "mean",
                lambda: _tree(3).rank(2) + 1,
                "You counted the nodes of the level. The mean of the data takes one direction, "
                "and a covariance does not have it.",
            ),
            Route(
                "level",
                lambda: _tree(3).rank(2) - _tree(3).rank(1),
                "Those are the directions of that level alone. The coarser level comes before.",
            ),
            Route(
                "nodes",
                12.0,
                "You added the nodes of both levels. What a level adds are the differences "
                "between siblings: one fewer for each family.",
            ),
            Route(
                "all",
                lambda: _tree(3).rank(3),
                "Those are all the directions that the data have.",
            ),
        ),
        hints=(
            "The root is the mean of all data, and centring takes it away.",
            "Three siblings differ from their mean in two directions.",
            "One family of siblings at the first level, three families at the second.",
        ),
        because="The spectrum falls where a level ends: the ranks of the cliffs count the nodes.",
        worked=r"""
A family of three siblings adds two directions, the differences from their mean. Level 1 has one
family and level 2 has three: $2 + 6 = [[answer:g]] = 3^2-1$. In general the cliffs are at the ranks
$b^j-1$.
""",
    ),
    Exercise(
        id="23.3",
        prompt=(
            "If every level of that tree has the same amplitude σ = 1, how many times larger is "
            "an eigenvalue of level 2 than one of level 3, the leaves'?"
        ),
        source=lambda: _cliff(2),
        tolerance=absolute(0.02),
        routes=(
            Route(
                "branching",
                3.0,
                "You compared σ₂²/9 with σ₃²/27. A direction between nodes of level 2 also holds "
                "what the leaves below them share.",
            ),
            Route(
                "singular",
                lambda: math.sqrt(_cliff(2)),
                "That is the ratio of singular values. The eigenvalues are their squares.",
            ),
            Route("above", lambda: _cliff(1), "That is the cliff between levels 1 and 2."),
            Route("inverse", lambda: 1 / _cliff(2), "That is the inverse: how many times smaller."),
        ),
        hints=(
            "An eigenvalue is the variance of a direction over all 27 leaves.",
            "λ_j = Σ over l from j to the leaves of σ_l² b^(−l): finer levels add their share.",
            "λ₃ = 1/27, and λ₂ has a term for its own level besides.",
        ),
        because="Finer levels add to coarser ones, so that the cliff is higher than the branching.",
        worked=r"""
A direction that tells nodes of level $j$ apart sees the vectors of that level, each shared by
$b^{L-j}$ leaves, and what is left of all finer ones: $\lambda_j = \sum_{l\ge j}\sigma_l^2b^{-l}$.
So $\lambda_3 = 1/27$, $\lambda_2 = 1/9 + 1/27$, and their ratio is $[[answer:g]]$.
""",
    ),
    Exercise(
        id="23.4",
        prompt=(
            "A deep linear network learns a binary tree of depth 3 with σ = 1 at every level, all "
            "modes starting at a₀ = 0.001: when has it learnt half of the finest level?"
        ),
        source=lambda: _tree(2).learning_times(_START)[3],
        tolerance=relative(0.01),
        unit="units of 1/(learning rate × steps)",
        routes=(
            Route(
                "eigenvalue",
                lambda: _time(_eigenvalue(3)),
                "You took the eigenvalue λ of the covariance. The strength of a mode is its "
                "singular value √λ.",
            ),
            Route(
                "doubled",
                lambda: 2 * _time(math.sqrt(_eigenvalue(3))),
                "A factor 2 is missing: both layers grow, and the product grows at the rate 2s.",
            ),
            Route(
                "coarse",
                lambda: _tree(2).learning_times(_START)[1],
                "That is the coarsest level. Strong modes come first, and the finest last.",
            ),
            Route(
                "own",
                lambda: _time(math.sqrt(_eigenvalue(2))),
                "That is the level above the leaves.",
            ),
        ),
        hints=(
            "Each mode follows a(t) = s e^{2st} / (e^{2st} − 1 + s/a₀), with s its singular value.",
            "Half of it is learnt at t = ln(s/a₀ − 1) / 2s.",
            "For the leaves λ = 2^(−3), and s = √λ.",
        ),
        because="Training is a flow of its own: it passes the levels in the order of the spectrum, "
        "coarse ones first.",
        worked=r"""
For the leaves $\lambda_3 = 2^{-3}$ and $s = \sqrt{\lambda_3}$. A mode that starts at $a_0$ grows as
$a(t) = s e^{2st}/(e^{2st}-1+s/a_0)$ (Saxe, McClelland and Ganguli) and is at $s/2$ when
$t = \ln(s/a_0-1)/2s = [[answer:.3f]]$. The coarsest level was there at $[[coarse:.3f]]$.
""",
    ),
)
