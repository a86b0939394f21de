"""The general tool: what a neglected tail can do on average, under attack, and at most."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import nn

from ..bounds.certify import certify
from ..bounds.fibre import SubspaceFibre
from ..bounds.lipschitz import norm_of
from ..core.outputs import OutputObservable
from ..core.share import CONFIDENCE, Share
from ..systems.capture import capture
from ..toy.learning import linear
from .exercise import Exercise, Route, absolute, relative

_VALUES = (4.0, 2.0, 1.0, 0.5)
_OUTER, _INPUT = 1.5, 3.0
_READOUT = (12.0, 4.0, -3.0)
_RADIUS, _DIMENSION = 0.3, 100
_HELD_OUT = 100


def _bound(kept: int = 2) -> float:
    """What cutting a layer of these singular values to a rank can change after ReLU and outer."""
    tail = torch.diag(torch.tensor((0.0,) * kept + _VALUES[kept:], dtype=torch.float64))
    outer = _OUTER * torch.eye(len(_VALUES), dtype=torch.float64)
    chain = (linear(tail), nn.ReLU(), linear(outer))
    return _INPUT * math.prod(norm_of(layer) for layer in chain)


def _frobenius() -> float:
    return _INPUT * _OUTER * math.hypot(*_VALUES[2:])


@cache
def _certificate(kept: int = 1) -> float:
    """The library's proof for a linear readout after so many directions are kept."""
    eye = torch.eye(3, dtype=torch.float64)
    first, score = linear(eye), linear(torch.tensor([_READOUT], dtype=torch.float64))
    whole = OutputObservable(
        "score",
        of_outputs=lambda z: z[..., 0],
        form="linear",
        weights=torch.ones(1, dtype=torch.float64),
    )
    theory = capture(
        nn.Sequential(first, score).requires_grad_(False),
        torch.zeros(1, 3, dtype=torch.float64),
        "0",
        whole,
    )
    basis = eye[:, kept:]
    tails = torch.zeros(1, 3 - kept, dtype=torch.float64)
    fibre = SubspaceFibre(
        theory, "activation", torch.zeros(1, 3).double(), basis, tails, ball=_RADIUS
    )
    return float(certify(fibre, theory.observables[0]))


def _share(dimension: int = _DIMENSION) -> float:
    """Mean |z · u| over directions z of the unit sphere, by quadrature of the polar angle."""
    angle = torch.linspace(0, math.pi, 20_001, dtype=torch.float64)
    weight = torch.sin(angle) ** (dimension - 2)
    return float((weight * angle.cos().abs()).sum() / weight.sum())


EXERCISES = (
    Exercise(
        id="24.1",
        prompt=(
            "A layer with singular values 4, 2, 1 and 0.5 is cut to rank 2, ReLU and a matrix of "
            "norm 1.5 follow, and inputs have ‖x‖ ≤ 3: by how much, proved with the norms, can "
            "the output change at most?"
        ),
        source=_bound,
        tolerance=absolute(0.01),
        unit="units of the output",
        routes=(
            Route(
                "kept",
                lambda: _bound(1),
                "You took the last singular value that is kept. The tail begins with the next.",
            ),
            Route(
                "whole",
                lambda: _bound(0),
                "That bounds the whole output. Only what is neglected changes it.",
            ),
            Route(
                "frobenius",
                _frobenius,
                "True, but looser than need be: you took the Frobenius norm of the tail, and its "
                "spectral norm is enough.",
            ),
            Route(
                "last",
                lambda: _bound(3),
                "That is rank 3: you left out a singular value that is neglected too.",
            ),
            Route(
                "summed",
                lambda: _bound() + _bound(3),
                "You added the neglected singular values. An input has one direction at a time: "
                "the largest of them is the norm.",
            ),
            Route(
                "unit",
                lambda: _bound() / _INPUT,
                "That is for inputs of length one.",
            ),
        ),
        hints=(
            "Follow the change from the layer to the output, and bound each step.",
            "The tail maps x to a vector no longer than its largest singular value times ‖x‖.",
            "ReLU lengthens no difference; the matrix lengthens it by its norm at most.",
        ),
        because="A proof for every input at once, and for that it may be far above what any input "
        "does.",
        worked=r"""
Cutting $W$ to rank 2 changes its output by $\|W_{\text{tail}}x\|\le\sigma_3\|x\| = 1\cdot3$. ReLU
is 1-Lipschitz and the matrix after it stretches by at most 1.5, so the output changes by at most
$1.5\cdot1\cdot1\cdot3 = [[answer:g]]$. The Frobenius norm of the tail would prove only
$[[frobenius:.3f]]$.
""",
    ),
    Exercise(
        id="24.2",
        prompt=(
            "A score w·x with w = (12, 4, −3) is read from three features, of which the last two "
            "are neglected, with a tail of norm at most ρ = 0.3: by how much can the score change "
            "at most?"
        ),
        source=_certificate,
        tolerance=absolute(0.005),
        unit="units of the score",
        routes=(
            Route(
                "whole",
                lambda: _certificate(0),
                "You took the norm of all of w. What is kept does not change: project w on the "
                "tail first.",
            ),
            Route(
                "box",
                lambda: _RADIUS * sum(abs(w) for w in _READOUT[1:]),
                "You let each neglected feature reach ρ by itself: a box. The norm of both "
                "together is bounded: a ball.",
            ),
            Route(
                "signed",
                lambda: _RADIUS * abs(sum(_READOUT[1:])),
                "You moved both features alike. An adversary chooses each one's sign and size.",
            ),
            Route(
                "slope",
                lambda: _certificate() / _RADIUS,
                "That is for a tail of length one: multiply by ρ.",
            ),
        ),
        hints=(
            "Only Bᵀw counts, where B holds the neglected directions.",
            "The largest w·z over ‖z‖ ≤ ρ is where z points along Bᵀw.",
            "ρ ‖Bᵀw‖, with Bᵀw = (4, −3).",
        ),
        because="For a linear readout the bound is reached: attack and certificate are one number.",
        worked=r"""
The score changes by $w\cdot Bz = (B^\top w)\cdot z$, and by Cauchy and Schwarz its largest value
over $\|z\|\le\rho$ is $\rho\|B^\top w\| = 0.3\sqrt{4^2+3^2} = [[answer:g]]$. It is reached at
$z = \rho\,B^\top w/\|B^\top w\|$, so the certificate is exact. All of $w$ would prove only
$[[whole:g]]$.
""",
    ),
    Exercise(
        id="24.3",
        prompt=(
            "The tail has 100 dimensions and every sample's own tail has the same norm ρ in a "
            "direction at random: which share of the worst case does a linear readout change on "
            "average?"
        ),
        source=_share,
        tolerance=relative(0.015),
        routes=(
            Route(
                "rms",
                lambda: 1 / math.sqrt(_DIMENSION),
                "That is the root of the mean square. The average here is the mean of the "
                "absolute change.",
            ),
            Route(
                "square",
                1 / _DIMENSION,
                "That is the mean square. Take the mean of the absolute change.",
            ),
            Route(
                "plane",
                lambda: _share(2),
                "That is for two dimensions. In many, most directions are nearly at right angles "
                "to any given one.",
            ),
            Route(
                "gauss",
                lambda: math.sqrt(2 / math.pi),
                "That is the mean of |g| for one Gaussian number of variance 1. Here each "
                "coordinate shares the norm with the others.",
            ),
            Route(
                "signed",
                0.0,
                "With its sign the change is zero on average. Its size is not.",
            ),
        ),
        hints=(
            "The change is ρ‖Bᵀw‖ times the cosine between tail and readout.",
            "In k dimensions one coordinate of a random unit vector is nearly Gaussian, of "
            "variance 1/k.",
            "The mean of |g| is √(2/π) standard deviations.",
        ),
        because="An average over random tails flatters by √k: the worst case hides in one "
        "direction of many.",
        worked=r"""
The change is $\rho\|B^\top w\|\,|\cos\theta|$, and the worst case has $\cos\theta=1$. One
coordinate of a random unit vector in $k$ dimensions has variance $1/k$ and is nearly Gaussian, so
$\langle|\cos\theta|\rangle\approx\sqrt{2/\pi k}$; the integral over the sphere gives
$[[answer:.4f]]$ at $k = 100$. So the average shows less than a tenth of what an adversary can do.
""",
    ),
    Exercise(
        id="24.4",
        prompt=(
            "The certificates of 100 held-out inputs are all within the tolerance: which share of "
            "new inputs like them may still be over, at most, at 95 % confidence?"
        ),
        source=lambda: Share(0, _HELD_OUT).upper(),
        tolerance=relative(0.02),
        routes=(
            Route(
                "seen",
                0.0,
                "That is the share among those that you looked at. Others may differ.",
            ),
            Route(
                "doubt",
                1 - CONFIDENCE,
                "That is the doubt that you allow yourself, not the share.",
            ),
            Route(
                "one",
                1 / _HELD_OUT,
                "If one input in a hundred were over, none would come up in a hundred draws more "
                "than one time in three.",
            ),
            Route(
                "two",
                lambda: Share(0, _HELD_OUT).upper((1 + CONFIDENCE) / 2),
                "That is the end of a two-sided interval. Only the upper side is asked for.",
            ),
        ),
        hints=(
            "Suppose that a share p of all inputs is over. How likely is it to draw a hundred that "
            "are not?",
            "(1 − p) to the power of 100.",
            "Set it to 0.05 and solve for p.",
        ),
        because="About three over the number of inputs, whatever the certificates are.",
        worked=r"""
If a share $p$ of all inputs is over, $n = 100$ independent ones are all within with probability
$(1-p)^n$. Below $0.05$ that is no longer believed, so $p \le 1 - 0.05^{1/n} = [[answer:.4f]]$,
close to $3/n$. The two-sided interval would end at $[[two:.4f]]$.
""",
    ),
)
