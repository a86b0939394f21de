"""Exact inference on a grammar's tree, and where it stops to recover the root."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import torch
from torch import Tensor

from ..core.errors import ParameterError, ShapeError
from ..core.numeric import whole
from ..core.progress import track

#: Most products of data, nodes and productions that are held at once.
CHUNK = 1 << 22
#: Largest v and s of the mean field: v^s is still a float.
LARGEST = (1 << 15, 64)


class Posterior(NamedTuple):
    """What is known of every hidden symbol, given the evidence.

    Attributes
    ----------
    levels
        For each level, the root first, the marginal probabilities (n, s^l, symbols), float64.
    log_evidence
        (n,): ln of the probability of the evidence.
    """

    levels: tuple[Tensor, ...]
    log_evidence: Tensor


def infer(productions: Sequence[Tensor], evidence: Tensor) -> Posterior:
    """Sum over every derivation: belief propagation, exact because the graph is a tree.

    Upwards, the likelihood of what is below a node with the symbol a is
    β(a) = (1/m) Σ_r Π_q β_q(r_q), over its m tuples r. Downwards, given the symbol a node's tuple
    does not depend on the rest of the tree, so a child's posterior is that of its parent times
    P(r | a, what is below) = Π_q β_q(r_q) / m β(a), summed over the tuples that hold its symbol.
    In logarithms, so that no evidence is too weak to be counted.

    Parameters
    ----------
    productions
        For each level but the last, the equally likely tuples (symbols, m, s) of every symbol.
        The symbols of level 0 are equally likely.
    evidence
        (n, s^L, v): the likelihood of what was seen of each leaf, for every symbol that it may
        have; finite and ≥ 0. All ones where a leaf was erased.

    Raises
    ------
    ShapeError
        If the evidence has another shape.
    ParameterError
        If it is negative or not finite, or if nothing that the grammar generates agrees with it.

    Examples
    --------
    >>> one_rule = torch.tensor([[[0, 1]], [[1, 0]]])  # class 0 is "01", class 1 is "10"
    >>> infer([one_rule], torch.tensor([[[0.9, 0.1], [1.0, 1.0]]])).levels[0]
    tensor([[[0.9000, 0.1000]]], dtype=torch.float64)
    """
    _check(productions, evidence)
    nodes, work = len(evidence[0]), len(productions[-1]) * productions[-1].shape[1]
    work = max(work, len(productions[0]) * productions[0].shape[1])
    pieces = evidence.split(max(1, CHUNK // (nodes * work)))
    parts = [_infer(productions, piece.double()) for piece in track(pieces, label="inference")]
    levels = tuple(torch.cat(level) for level in zip(*(p.levels for p in parts), strict=True))
    found = Posterior(levels, torch.cat([p.log_evidence for p in parts]))
    lost = found.log_evidence.isneginf()
    if lost.any():
        raise ParameterError(
            "evidence",
            given=f"{int(lost.sum())} that no string of the grammar agrees with, the first of "
            f"which is number {int(lost.nonzero()[0])}",
            allowed="evidence of positive probability",
            mend="allow for noise",
        )
    return found


def _check(productions: Sequence[Tensor], evidence: Tensor) -> None:
    branching = productions[-1].shape[2]
    leaves = branching ** len(productions)
    symbols = len(productions[-1]) if len(productions) > 1 else None
    fits = evidence.ndim == 3 and evidence.shape[1] == leaves and len(evidence) > 0
    if (
        not fits
        or evidence.shape[2] <= int(productions[-1].max())
        or (symbols is not None and evidence.shape[2] != symbols)
    ):
        allowed = f"(n, {leaves}, {symbols or 'symbols of a leaf'}), n > 0"
        raise ShapeError("evidence", given=tuple(evidence.shape), allowed=allowed)
    if not evidence.isfinite().all() or (evidence < 0).any():
        raise ParameterError("evidence", given="other values", allowed="finite numbers ≥ 0")


def _infer(productions: Sequence[Tensor], evidence: Tensor) -> Posterior:
    below = evidence.log()
    ways: list[Tensor] = []
    for tuples in reversed(productions):
        branching = tuples.shape[2]
        children = below.unflatten(1, (-1, branching))
        way = sum(children[:, :, q, tuples[:, :, q]] for q in range(branching))
        below = way.logsumexp(-1) - math.log(tuples.shape[1])
        ways.insert(0, way)
    log_evidence = below[:, 0].logsumexp(-1) - math.log(below.shape[2])
    levels = [below.softmax(-1).nan_to_num()]
    symbols = [len(tuples) for tuples in productions[1:]] + [evidence.shape[2]]
    for tuples, way, count in zip(productions, ways, symbols, strict=True):
        share = (levels[-1][..., None] * way.softmax(-1).nan_to_num()).flatten(2)
        children = share.new_zeros(*share.shape[:2], tuples.shape[2], count)
        for q in range(tuples.shape[2]):
            children[:, :, q].index_add_(2, tuples[:, :, q].flatten(), share)
        levels.append(children.flatten(1, 2))
    return Posterior(tuple(levels), log_evidence)


# -- the transition --------------------------------------------------------------------------------


class Transition(NamedTuple):
    """Where noise on the leaves makes the class unrecoverable, in mean field.

    Attributes
    ----------
    probability
        p*, the belief in a leaf's right symbol at the transition; NaN if there is none.
    noise
        ε* = (1 − p*) / (1 − 1/v); NaN if there is none.
    phase
        "transition"; or what holds for every 0 < ε < 1 in its place: "always recovered" or
        "never recovered".
    """

    probability: float
    noise: float
    phase: str


def mean_field(
    probability: float,
    *,
    vocabulary: int,
    rules: int,
    branching: int = 2,
    symbols: int | None = None,
) -> float:
    """Average belief in a node's right symbol when that in each child's right symbol is p.

    The tuple that the node did become has the weight p^s. The beliefs in all v^s tuples sum to 1,
    so another one, drawn at random, has on average (1 − p^s)/(v^s − 1). m − 1 of these belong to
    the same symbol and vm − 1 to any, hence, with the average taken of numerator and denominator
    on their own,

    p' = [p^s + (m − 1) w] / [p^s + (vm − 1) w],   w = (1 − p^s)/(v^s − 1):

    Sclocchi, Favero and Wyart (arXiv:2402.16991), the upward iteration of the ε-process.

    Parameters
    ----------
    probability
        p, from 0 to 1.
    vocabulary, rules, branching
        v, m and s.
    symbols
        How many the node may have; v if None, n_c at the root.

    Examples
    --------
    >>> round(mean_field(7 / 24, vocabulary=32, rules=8), 12) == round(7 / 24, 12)
    True
    """
    v, m, s = _numbers(vocabulary, rules, branching)
    count = v if symbols is None else whole("symbols", symbols, 2)
    if isinstance(probability, bool) or not 0 <= probability <= 1:
        raise ParameterError("probability", given=probability, allowed="a number from 0 to 1")
    right = probability**s
    other = (1 - right) / (v**s - 1)
    return (right + (m - 1) * other) / (right + (count * m - 1) * other)


def transition(*, vocabulary: int, rules: int, branching: int = 2) -> Transition:
    """The noise ε* on the leaves beyond which a deep tree's class is lost, in mean field.

    With the noise ε, a leaf's right symbol has the belief p₀ = 1 − ε + ε/v. `mean_field` is
    iterated from there to the root. Its fixed points obey

    (1 − c) p^{s+1} − (1 − a) p^s + c p − a = 0,   a = (m−1)/(v^s−1),   c = (vm−1)/(v^s−1).

    p = 1 (all is known) and p = 1/v (nothing is) are roots; by Descartes' rule of signs there is
    one more positive root at most. The slopes are s m (v−1)/(v^s−1) at 1 and
    s v^{s−1}(v−1)/m(v^s−1) at 1/v; their product is below 1 (means of 1, v … v^{s−1}), so one of
    the two is always stable. If both are, the third root p* lies between and is unstable: beliefs
    that begin above it grow to 1 with the depth, those below fall to 1/v. For s = 2 the product
    of the roots is a/(1 − c) = (m−1)/(v(v−m)), so p* = (m−1)/(v−m); (v, m) = (32, 8) has
    p* = 7/24 and ε* = (17/24)/(31/32) = 0.7312. If 1 is unstable the class is lost at any noise;
    if 1/v is, it is recovered at any short of ε = 1; then there is no transition.

    Raises
    ------
    ParameterError
        If a number is out of range, 1 ≤ m ≤ v^{s−1}.

    Examples
    --------
    >>> round(transition(vocabulary=32, rules=8).noise, 4)
    0.7312
    >>> transition(vocabulary=4, rules=4).phase
    'never recovered'
    """
    v, m, s = _numbers(vocabulary, rules, branching)
    if s * m * (v - 1) >= v**s - 1:
        return Transition(math.nan, math.nan, "never recovered")
    if s * v ** (s - 1) * (v - 1) >= m * (v**s - 1):
        return Transition(math.nan, math.nan, "always recovered")
    same, every = Fraction(m - 1, v**s - 1), Fraction(v * m - 1, v**s - 1)
    polynomial = [1 - every, same - 1, *[Fraction(0)] * (s - 2), every, -same]
    for root in (Fraction(1), Fraction(1, v)):
        polynomial = _divided(polynomial, root)
    low, high = Fraction(1, v), Fraction(1)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if _at(polynomial, middle) > 0 else (middle, high)
    return Transition(float(low), float((1 - low) / (1 - Fraction(1, v))), "transition")


def _numbers(vocabulary: int, rules: int, branching: int) -> tuple[int, int, int]:
    v, m = whole("vocabulary", vocabulary, 2), whole("rules", rules, 1)
    s = whole("branching", branching, 2)
    if v > LARGEST[0] or s > LARGEST[1]:
        raise ParameterError(
            "vocabulary and branching", given=(v, s), allowed="at most {} and {}".format(*LARGEST)
        )
    if m > v ** (s - 1):
        raise ParameterError("rules", given=m, allowed="at most vocabulary^(branching − 1)")
    return v, m, s


def _divided(polynomial: list[Fraction], root: Fraction) -> list[Fraction]:
    """A polynomial, highest power first, divided by (p − root), which it has."""
    found = [polynomial[0]]
    for coefficient in polynomial[1:-1]:
        found.append(coefficient + root * found[-1])
    return found


def _at(polynomial: list[Fraction], p: Fraction) -> Fraction:
    value = Fraction(0)
    for coefficient in polynomial:
        value = value * p + coefficient
    return value
