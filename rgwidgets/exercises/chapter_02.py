"""Decimation: the chain of Ising spins, solved by summing out every other one."""

from __future__ import annotations

import math

import torch

from ..schemes.decimation import Decimation
from .exercise import Exercise, Route, absolute


def _coupling(spins: int, *, k: float = 1.0) -> float:
    """K when `spins` have become one."""
    return float(Decimation(spins).transform(torch.tensor([k, 0.0], dtype=torch.float64))[0])


def _length(k: float) -> float:
    """Correlation length −1 / ln tanh K in lattice spacings."""
    return -1 / math.log(math.tanh(k))


def _field(k: float = 1.0, h: float = 0.1) -> float:
    point = Decimation().transform(torch.tensor([k, h], dtype=torch.float64))
    return float(point[1])


EXERCISES = (
    Exercise(
        id="2.1",
        prompt=(
            "In an Ising chain with K = 1 and no field every other spin is summed out: what is "
            "the coupling K′ between those that stay?"
        ),
        source=lambda: _coupling(2),
        tolerance=absolute(0.0005),
        routes=(
            Route(
                "half",
                0.5,
                "The coupling is not halved: it is the correlation length that is.",
            ),
            Route(
                "tanh",
                lambda: math.tanh(1.0) ** 2,
                "That is tanh K′. One step is missing: the inverse hyperbolic tangent.",
            ),
            Route(
                "quarter",
                lambda: _coupling(2) / 2,
                "A factor of two is missing: s s′ is +1 or −1, so the ratio of the two weights is "
                "exp 2K′, not exp 4K′.",
            ),
            Route(
                "three",
                lambda: _coupling(3),
                "That is the coupling after two of every three spins are summed out.",
            ),
            Route(
                "decimal",
                lambda: _coupling(2) / math.log(10),
                "That is the decimal logarithm. Couplings are defined with the natural one.",
            ),
        ),
        hints=(
            "Write out the sum over the spin between two others that stay.",
            "The sum is 2 cosh(K (s + s′)): it takes one value where s = s′ and another where "
            "they differ. Match both with A exp(K′ s s′).",
            "The ratio of the two values is cosh 2K = exp 2K′.",
        ),
        because="The coupling falls at each step whatever it was, and no finite K stays: no "
        "order in one dimension.",
        worked=r"""
Summing out a spin between $s$ and $s'$ gives $2\cosh K(s+s') = A\,e^{K'ss'}$. With $s=s'$ the left
side is $2\cosh 2K$, with $s=-s'$ it is $2$, and their ratio is $e^{2K'} = \cosh 2K$. So
$K' = \tfrac12\ln\cosh 2 = [[answer:.7f]]$; the same as $\tanh K' = \tanh^2 K = [[tanh:.4f]]$.
""",
    ),
    Exercise(
        id="2.2",
        prompt="And when the same decimation is done once more, beginning at K = 1: what is K″?",
        source=lambda: _coupling(4),
        tolerance=absolute(0.0005),
        routes=(
            Route(
                "once",
                lambda: _coupling(2),
                "That is the coupling after one step. Put it into the same map again.",
            ),
            Route(
                "cubed",
                lambda: _coupling(3),
                "Two steps are no third power: tanh K is squared, and squared again.",
            ),
            Route(
                "thrice",
                lambda: _coupling(8),
                "That is one step too many.",
            ),
            Route(
                "squared",
                lambda: _coupling(2) ** 2,
                "It is tanh K that is squared at each step, not K.",
            ),
        ),
        hints=(
            "The map is the same at every step: apply it to its own result.",
            "In t = tanh K a step is a square, so that two steps are a fourth power.",
            "K″ is the inverse hyperbolic tangent of tanh⁴ 1.",
        ),
        because="Two steps of two are one step of four: decimation composes.",
        worked=r"""
In $t=\tanh K$ each step squares, so two steps give
$K'' = \operatorname{artanh}\tanh^4 1 = [[answer:.7f]]$. Summing out three of every four spins at
once leads to the same: the steps form a semi-group.
""",
    ),
    Exercise(
        id="2.3",
        prompt=(
            "Beginning at K = 1, what is the correlation length after one decimation, measured in "
            "spacings of the new lattice?"
        ),
        source=lambda: _length(_coupling(2)),
        tolerance=absolute(0.002),
        unit="spacings of the new lattice",
        routes=(
            Route(
                "old",
                lambda: _length(1.0),
                "That is the length in spacings of the old lattice. Distances do not change, but "
                "the unit does.",
            ),
            Route(
                "doubled",
                lambda: 2 * _length(1.0),
                "The spacing grew, so the number of spacings must shrink.",
            ),
            Route(
                "ratio",
                lambda: _length(1.0) * _coupling(2),
                "The length is not in proportion to K. Put K′ into the formula for it.",
            ),
            Route(
                "decimal",
                lambda: _length(_coupling(2)) * math.log(10),
                "That is the decimal logarithm: correlations fall as exp(−r/ξ).",
            ),
        ),
        hints=(
            "On the chain ⟨s₀ s_r⟩ = tanh^r K.",
            "So ξ = −1 / ln tanh K. What does decimation do to tanh K?",
            "tanh K is squared, so that its logarithm doubles.",
        ),
        because="Lengths in lattice spacings shrink by exactly b: that is what makes it a change "
        "of scale.",
        worked=r"""
$\langle s_0s_r\rangle = \tanh^r K = e^{-r/\xi}$ with $\xi = -1/\ln\tanh K$, which is
$[[old:.4f]]$ at $K = 1$. Decimation squares $\tanh K$, so $\ln\tanh K$ doubles and
$\xi' = \xi/2 = [[answer:.4f]]$ spacings of the new lattice, exactly.
""",
    ),
    Exercise(
        id="2.4",
        prompt=(
            "With K = 1 and a weak field h = 0.1 on every spin, what is the field h′ after one "
            "decimation?"
        ),
        source=_field,
        tolerance=absolute(0.0005),
        routes=(
            Route(
                "kept",
                0.1,
                "The spins that are summed out felt the field too, and hand it on to their "
                "neighbours.",
            ),
            Route(
                "twice",
                0.2,
                "So it would be at zero temperature, where a spin follows its neighbours without "
                "fail.",
            ),
            Route(
                "unhalved",
                lambda: 2 * _field() - 0.1,
                "Each spin that stays has two neighbours that go, and each of those divides what "
                "it hands on between two: check the factor ½ before the logarithm.",
            ),
            Route(
                "one",
                lambda: 0.5 * (0.1 + _field()),
                "You counted the spin that goes on one side only. There is one on each side.",
            ),
        ),
        hints=(
            "The spin that goes now contributes cosh(K (s + s′) + h).",
            "Match its logarithm with a constant + K′ s s′ + δ (s + s′) / 2; a spin that stays "
            "has such a neighbour on either side.",
            "h′ = h + ½ ln[cosh(2K + h) / cosh(2K − h)].",
        ),
        because="At low temperature a block's field adds up: the field is relevant, and nearly "
        "doubles.",
        worked=r"""
A spin that goes contributes $2\cosh(K(s+s')+h)$. Its part odd in the neighbours is
$\tfrac14(s+s')\ln\frac{\cosh(2K+h)}{\cosh(2K-h)}$, and every spin that stays receives it from both
sides: $h' = h + \tfrac12\ln\frac{\cosh(2K+h)}{\cosh(2K-h)} = [[answer:.4f]]$, to first order
$h\,(1+\tanh 2K)$. Only at $K=\infty$ is it doubled.
""",
    ),
)
