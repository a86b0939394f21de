"""Block spins: majority on the triangular lattice, on squares, and what ties do."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from itertools import product

import torch
from torch import Tensor

from ..core.fixed_points import Linearisation, fixed_point, linearise
from ..schemes.blocks import block_sums
from ..schemes.cumulant import Cumulant
from .exercise import Exercise, Route, absolute


@cache
def _triangular(order: int = 1) -> Linearisation:
    """The flow about the non-trivial fixed point of the cumulant expansion."""
    scheme = Cumulant(order)
    start = [0.3, 0.0] if order == 1 else [0.28, 0.0, 0.0, 0.0]
    return linearise(scheme, fixed_point(scheme, start))


def _thermal() -> float:
    """y_t: the exponent along K, the field's being the larger one."""
    return float(_triangular().exponents[1])


def _states(rows: int, columns: int) -> Tensor:
    """Every configuration of a lattice, (2^N, rows, columns) int8."""
    flat = torch.tensor(list(product((1, -1), repeat=rows * columns)), dtype=torch.int8)
    return flat.reshape(-1, rows, columns)


def _ties(count: Callable[[Tensor], Tensor]) -> float:
    return float(count(block_sums(_states(2, 2), 2).flatten()))


def _two_blocks(rule: Callable[[Tensor], Tensor], k: float = 0.4) -> float:
    """⟨S S′⟩ of two 2 × 2 blocks side by side with open ends, spins (256, 2, 4)."""
    spins = _states(2, 4)
    s = spins.double()
    bonds = (s[:, :, 1:] * s[:, :, :-1]).sum((1, 2)) + (s[:, 1] * s[:, 0]).sum(1)
    return float(torch.softmax(k * bonds, 0) @ rule(spins).double().prod(1))


def _majority(spins: Tensor) -> Tensor:
    """Signs of the blocks; a tie broken at random is zero on average."""
    return block_sums(spins, 2)[:, 0].sign()


EXERCISES = (
    Exercise(
        id="3.1",
        prompt=(
            "At which coupling K* between nothing and infinity does the flow of majority spins on "
            "the triangular lattice stand still, to first order of the cumulant expansion?"
        ),
        source=lambda: float(_triangular().point[0]),
        tolerance=absolute(0.0005),
        routes=(
            Route(
                "exact",
                lambda: math.log(3) / 4,
                "That is the exact critical coupling of the triangular lattice. The first "
                "cumulant is an approximation, and lands elsewhere.",
            ),
            Route(
                "second",
                lambda: float(_triangular(2).point[0]),
                "That is K at the fixed point of second order, where it has company.",
            ),
            Route(
                "square",
                lambda: math.log(1 + math.sqrt(2)) / 2,
                "That is the square lattice.",
            ),
            Route(
                "trivial",
                0.0,
                "That is the fixed point of infinite temperature, which is always there. "
                "(If you find no other: each end of a bond between blocks brings its own factor "
                "⟨s⟩.)",
            ),
            Route(
                "half",
                lambda: 2 * float(_triangular().point[0]),
                "Check the exponent: parallel and mixed blocks differ by 4K, not by 2K.",
            ),
        ),
        hints=(
            "Two neighbouring blocks of three are joined by two bonds.",
            "Each bond brings ⟨s⟩ of its spin at either end, averaged within the block at fixed "
            "majority: K′ = 2 ⟨s⟩² K.",
            "⟨s⟩ = (e^{3K} + e^{−K}) / (e^{3K} + 3 e^{−K}) must be 1/√2: solve for e^{4K}.",
        ),
        because="A crude map, and yet within a quarter of the exact coupling.",
        worked=r"""
A block of majority $+$ has one state of weight $e^{3K}$ and three of weight $e^{-K}$, in each of
which one spin points down, so $m = \langle s\rangle = \frac{e^{3K}+e^{-K}}{e^{3K}+3e^{-K}}$. Two
bonds join neighbouring blocks: $K' = 2m^2K$. Apart from $0$ and $\infty$ it stands still where
$m = 1/\sqrt2$, that is $e^{4K^*} = 1+2\sqrt2$ and
$K^* = \tfrac14\ln(1+2\sqrt2) = [[answer:.7f]]$. Exactly it is
$\tfrac14\ln 3 = [[exact:.4f]]$.
""",
    ),
    Exercise(
        id="3.2",
        prompt=(
            "With which exponent y_t, where λ = b^y, does a deviation from that K* grow, to the "
            "same order?"
        ),
        source=_thermal,
        tolerance=absolute(0.002),
        routes=(
            Route(
                "sites",
                lambda: _thermal() / 2,
                "You took b = 3. Three spins become one, but lengths shrink by √3.",
            ),
            Route(
                "two",
                lambda: _thermal() * math.log(3) / math.log(4),
                "You took b = 2. These are blocks of the triangular lattice: √3.",
            ),
            Route(
                "natural",
                lambda: _thermal() * math.log(3) / 2,
                "That is ln λ. Divide by ln b.",
            ),
            Route(
                "eigenvalue",
                lambda: float(_triangular().eigenvalues[1].real),
                "That is the eigenvalue λ itself; it depends on b, and the exponent does not.",
            ),
            Route("nu", lambda: 1 / _thermal(), "That is ν = 1/y_t."),
            Route(
                "field",
                lambda: float(_triangular().exponents[0]),
                "That is the exponent of the field. Take the derivative along K.",
            ),
            Route("exact", 1.0, "That is the exact value. To first order it comes out smaller."),
        ),
        hints=(
            "λ is the slope of K′(K) at K*.",
            "The slope of 2 m² K has two parts, and where K stands still the first of them is 1: "
            "λ = 1 + 4 m K dm/dK.",
            "Divide ln λ by ln √3.",
        ),
        because="Slope and rescaling together make a number that belongs to the critical point, "
        "not to the block.",
        worked=r"""
At the fixed point $2m^2 = 1$, so $\lambda = dK'/dK = 1 + 4mK\,dm/dK = [[eigenvalue:.4f]]$. Three
spins in the plane become one, so lengths shrink by $b = \sqrt3$ and
$y_t = \ln\lambda/\ln\sqrt3 = [[answer:.4f]]$. The exact value is 1.
""",
    ),
    Exercise(
        id="3.3",
        prompt=(
            "At infinite temperature, which share of the 2 × 2 blocks of a square lattice has no "
            "majority?"
        ),
        source=lambda: _ties(lambda sums: (sums == 0).double().mean()),
        tolerance=absolute(0.001),
        routes=(
            Route(
                "count",
                lambda: _ties(lambda sums: (sums == 0).sum()),
                "That is how many of the configurations are tied. The share is asked.",
            ),
            Route(
                "sums",
                lambda: _ties(lambda sums: torch.tensor(1 / len(set(sums.tolist())))),
                "The five possible sums are not equally likely: count configurations.",
            ),
            Route(
                "uneven",
                lambda: _ties(lambda sums: (sums != 0).double().mean()),
                "That is the share that has a majority.",
            ),
            Route(
                "one",
                lambda: _ties(lambda sums: (sums.abs() == 2).double().mean()),
                "That is the share with three spins against one.",
            ),
        ),
        hints=(
            "At infinite temperature all configurations of a block are equally likely.",
            "A tie is two spins up and two down: in how many ways?",
            "Choose two of four, and divide by 2⁴.",
        ),
        because="Ties are common, and so the way in which they are broken matters: at random, or "
        "the flow is of another model.",
        worked=r"""
All $2^4$ configurations are equally likely, and $\binom42 = [[count:g]]$ of them have two spins up
and two down: a share of $[[answer:.3g]]$. To send every tie to $+$ would break the symmetry of
the model; to follow one corner makes it part majority, part decimation.
""",
    ),
    Exercise(
        id="3.4",
        prompt=(
            "On an open lattice of 2 × 4 spins with K = 0.4 each half becomes one spin by "
            "majority, ties broken at random: what is the correlation ⟨S S′⟩ of the two?"
        ),
        source=lambda: _two_blocks(_majority),
        tolerance=absolute(0.0005),
        routes=(
            Route(
                "plus",
                lambda: _two_blocks(lambda s: 2 * (block_sums(s, 2)[:, 0] >= 0).double() - 1),
                "You sent ties to +. That breaks the symmetry: both blocks lean the same way "
                "for no reason of theirs.",
            ),
            Route(
                "corner",
                lambda: _two_blocks(lambda s: s[:, 0, ::2]),
                "That is decimation: one corner stands for each block. A majority asks all four.",
            ),
            Route(
                "untied",
                lambda: _two_blocks(_majority) / _two_blocks(lambda s: _majority(s).abs().double()),
                "You left out the configurations with a tie. They count, with a mean of zero.",
            ),
            Route(
                "strong",
                lambda: _two_blocks(_majority, 0.8),
                "Each bond is there once: with every bond counted from both ends K is doubled.",
            ),
            Route(
                "mean",
                lambda: _two_blocks(lambda s: block_sums(s, 2)[:, 0] / 4),
                "That is the correlation of the blocks' means. A majority has only a sign.",
            ),
        ),
        hints=(
            "There are only 2⁸ configurations: sum over all of them.",
            "Ten bonds in all, each with weight exp(K s s′).",
            "A tie that a coin decides has a mean of zero: let S be the sign of the block's sum, "
            "with sign 0 = 0.",
        ),
        because="Small enough to be exact, and a check on any code that samples.",
        worked=r"""
Sum over all $2^8$ configurations with weight $e^{K\sum ss'}$ over the ten bonds. A tie broken by
a fair coin contributes nothing on average, so $S = \operatorname{sign}(\text{sum of the block})$
with $\operatorname{sign}0 = 0$ does it: $\langle SS'\rangle = [[answer:.4f]]$. Keeping one corner
of each block instead gives $[[corner:.4f]]$; sending ties to $+$, which is wrong, $[[plus:.4f]]$.
""",
    ),
)
