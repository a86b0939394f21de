"""Flows, fixed points and relevance: bonds moved together, and what a field does."""

from __future__ import annotations

import math
from functools import cache

from ..core.fixed_points import Linearisation, fixed_point, linearise
from ..schemes.cumulant import Cumulant
from ..schemes.migdal_kadanoff import MigdalKadanoff, Order
from ..schemes.naive_decimation import NaiveDecimation
from .exercise import Exercise, Route, absolute, relative


@cache
def _moved(
    d: float = 2, *, b: float = 2, order: Order = "move-decimate", start: float = 0.3
) -> Linearisation:
    """The flow about the non-trivial fixed point of Migdal and Kadanoff."""
    scheme = MigdalKadanoff(d, b=b, order=order)
    return linearise(scheme, fixed_point(scheme, start))


def _point(d: float = 2, **options: float) -> float:
    return float(_moved(d, **options).point[0])


def _triangular_field() -> Linearisation:
    scheme = Cumulant()
    return linearise(scheme, fixed_point(scheme, [0.3, 0.0]))


def _field() -> float:
    """y_h on the triangular lattice, first cumulant."""
    return float(_triangular_field().exponents[0])


EXERCISES = (
    Exercise(
        id="4.1",
        prompt=(
            "On the square lattice bonds are moved together in pairs and then every other spin of "
            "the chains is summed out: at which coupling K* does this map part the phases?"
        ),
        source=_point,
        tolerance=absolute(0.0005),
        routes=(
            Route(
                "other",
                lambda: float(_moved(order="decimate-move", start=0.6).point[0]),
                "That is the other order: spins summed out first, bonds moved after.",
            ),
            Route(
                "exact",
                lambda: math.log(1 + math.sqrt(2)) / 2,
                "That is the exact critical coupling. Moving bonds is an approximation.",
            ),
            Route(
                "naive",
                lambda: float(fixed_point(NaiveDecimation(), 0.5)),
                "That is decimation of the square lattice with the diagonals added, not the "
                "moving of bonds.",
            ),
            Route(
                "chain", 0.0, "That is where a chain flows to. Here the bonds are doubled first."
            ),
            Route(
                "three",
                lambda: _point(b=3),
                "That is for b = 3: bonds moved in threes, and two of every three spins summed "
                "out.",
            ),
        ),
        hints=(
            "Moving doubles the bonds that stay; decimating squares tanh of what is there.",
            "K′ = artanh tanh² 2K. Look for K′ = K away from zero and infinity.",
            "With x = e^{4K} the map is x′ = (x + 1/x)² / 4: solve x′ = x numerically, from x = 3.",
        ),
        because="Bonds that are moved make up for the order that decimation loses: a fixed point "
        "appears.",
        worked=r"""
Moving one bond onto its neighbour makes it $2K$, and decimating a chain of two such bonds gives
$\tanh K' = \tanh^2 2K$. Solving $\tanh K = \tanh^2 2K$ by Newton from $0.3$ gives
$K^* = [[answer:.7f]]$. The other order of the two moves gives $[[other:.7f]]$, twice that: the same
map seen from its other half. The exact value, $[[exact:.4f]]$, lies between.
""",
    ),
    Exercise(
        id="4.2",
        prompt="Which exponent ν of the correlation length follows from the slope at that K*?",
        source=lambda: _moved().nu,
        tolerance=absolute(0.003),
        routes=(
            Route(
                "inverse",
                lambda: 1 / _moved().nu,
                "That is y_t. The correlation length diverges with its inverse.",
            ),
            Route(
                "root",
                lambda: _moved().nu / 2,
                "You took b = √2. Here lengths shrink by 2.",
            ),
            Route(
                "natural",
                lambda: _moved().nu / math.log(2),
                "That is 1/ln λ: ν is ln b / ln λ.",
            ),
            Route(
                "eigenvalue",
                lambda: float(_moved().eigenvalues[0].real),
                "That is the slope λ itself.",
            ),
            Route("exact", 1.0, "That is the exact value, which moving bonds does not reach."),
        ),
        hints=(
            "λ = dK′/dK at K*, by hand, by finite differences or by autodiff.",
            "λ = b^y, with b = 2.",
            "ξ shrinks by b while the deviation grows by λ: ν = ln b / ln λ.",
        ),
        because="An exponent from a slope: near the fixed point nothing else of the model is left.",
        worked=r"""
The slope at the fixed point is $\lambda = [[eigenvalue:.4f]]$, so $y_t = \ln\lambda/\ln 2 =
[[inverse:.6f]]$. One step divides $\xi$ by 2 and multiplies the deviation from $K^*$ by $\lambda$,
so $\xi\sim|K-K^*|^{-\nu}$ with $\nu = 1/y_t = [[answer:.4f]]$. Exactly $\nu = 1$.
""",
    ),
    Exercise(
        id="4.3",
        prompt=(
            "The same in three dimensions with b = 2, bonds moved first: where is the fixed point "
            "K* now?"
        ),
        source=lambda: _point(3, start=0.07),
        tolerance=relative(0.005),
        routes=(
            Route(
                "plane", _point, "That is the square lattice: in three dimensions more bonds move."
            ),
            Route(
                "three",
                lambda: _point(1 + math.log2(3), start=0.1),
                "You moved three bonds together. A bond collects those of a square of b × b: "
                "b^(d−1).",
            ),
            Route(
                "cube",
                lambda: _point(4, start=0.015),
                "You moved eight bonds together. That is b^d; a bond lies along one axis, and "
                "moves along the others: b^(d−1).",
            ),
            Route(
                "other",
                lambda: float(_moved(3, order="decimate-move", start=0.26).point[0]),
                "That is the other order: spins summed out first, bonds moved after.",
            ),
            Route(
                "simulated",
                0.22165,
                "That is the exact critical coupling as simulations know it. Moving bonds is an "
                "approximation, and a rough one here.",
            ),
        ),
        hints=(
            "In d dimensions a bond collects b^(d−1) bonds, itself among them.",
            "K′ = artanh tanh²(b^(d−1) K).",
            "Couplings are weak now: tanh(K) ≈ K gives a first guess of 1/16.",
        ),
        because="More neighbours, and so a weaker coupling is enough to order.",
        worked=r"""
In three dimensions $2^{d-1}$ bonds are moved together, so $\tanh K' = \tanh^2 4K$ and
$K^* = [[answer:.7f]]$. For weak coupling $K'\approx16K^2$, which puts it near $1/16$. The exact
value, known from simulations, is $[[simulated:.4f]]$: moving bonds grows worse with dimension.
""",
    ),
    Exercise(
        id="4.4",
        prompt=(
            "On the triangular lattice the first cumulant gives h′ = 3⟨s⟩h for the field: how "
            "relevant is it, with which exponent y_h, at the critical fixed point?"
        ),
        source=_field,
        tolerance=absolute(0.003),
        routes=(
            Route(
                "sites",
                lambda: _field() / 2,
                "You took b = 3. Three spins become one, but lengths shrink by √3.",
            ),
            Route(
                "two",
                lambda: _field() * math.log(3) / math.log(4),
                "You took b = 2. These are blocks of the triangular lattice: √3.",
            ),
            Route(
                "eigenvalue",
                lambda: float(_triangular_field().eigenvalues[0].real),
                "That is the eigenvalue. Divide its logarithm by ln b.",
            ),
            Route(
                "cold",
                2.0,
                "That is zero temperature, where ⟨s⟩ = 1 and the exponent is d. Take ⟨s⟩ at K*.",
            ),
            Route(
                "thermal",
                lambda: float(_triangular_field().exponents[1]),
                "That is the exponent of K. The field has one of its own.",
            ),
            Route("exact", 15 / 8, "That is the exact value. To first order it comes out smaller."),
        ),
        hints=(
            "At the fixed point 2⟨s⟩² = 1.",
            "So the field is multiplied by 3/√2 at each step.",
            "Divide the logarithm of that by ln √3.",
        ),
        because="Two relevant directions, temperature and field: that is why two knobs must be "
        "set to see a critical point, and no more.",
        worked=r"""
At $K^*$ the average of a spin in a block of majority $+$ is $\langle s\rangle = 1/\sqrt2$, so
$\lambda_h = 3/\sqrt2 = [[eigenvalue:.4f]]$ and $y_h = \ln\lambda_h/\ln\sqrt3 = [[answer:.4f]]$,
against $y_t = [[thermal:.4f]]$: the field is the more relevant of the two. The exact values are
$15/8$ and 1.
""",
    ),
)
