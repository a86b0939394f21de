"""Compact proofs: how many of all inputs a one-head transformer answers rightly, at least."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product

import torch
from torch import Tensor

from rgwidgets.core.errors import ShapeError, choose
from rgwidgets.core.progress import tick

from .circuits import Circuits
from .operations import Operations

#: what rounding may take of a sum of terms, in units of their sizes; exp is right to 2⁻⁴⁵, say
_SLACK = 2.0**-40
#: below this a term may have been lost to underflow
_TINY = 1e-290
#: in how many parts what is sure is cut, to be spent on the other tokens
_COINS = 32
_CHUNK = 1 << 14
Holds = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Guarantee:
    """So many of all inputs are answered by their largest token, proved.

    Attributes
    ----------
    strategy
        How it was proved: see `guarantee`.
    proved, inputs
        How many, of how many: v^K.
    operations
        The length of the proof, from the weights on: see `Operations`.

    Examples
    --------
    >>> print(Guarantee("cubic", 60, 64, 12_345, lambda tokens: tokens[:, 0] > 3))
    93.8 % of all 64 inputs, cubic proof of 1.2e+04 operations
    """

    strategy: str
    proved: int
    inputs: int
    operations: int
    member: Holds = field(repr=False)

    @property
    def accuracy(self) -> float:
        """The accuracy over all inputs is at least this."""
        return self.proved / self.inputs

    def holds(self, tokens: Tensor) -> Tensor:
        """Of which inputs (n, K) it is proved that they are answered rightly, (n,) bool."""
        return self.member(tokens)

    def __str__(self) -> str:
        return (
            f"{100 * self.accuracy:.3g} % of all {self.inputs:,} inputs, "
            f"{self.strategy} proof of {self.operations:.1e} operations"
        )


def guarantee(circuits: Circuits, strategy: str = "cubic") -> Guarantee:
    """A lower bound on the accuracy over all v^K inputs, each of the same weight.

    Right is an input whose largest token m has the strictly largest logit. Against another output
    o it is, with s, direct, copied and copied_position of `Circuits`, if

        Σ_i e^{s_i} c_i(o) > 0,    c_i(o) = x_i[m] − x_i[o],
        x_i = direct[q] + copied[t_i] + copied_position[i],

    where each term knows only the query q and the token at its own position. A score between low
    and high counts as low where its c is positive, as high where it is negative, so what is
    proved holds of every network between. The length is in operations: v tokens, K positions.

    "brute force"
        Every input and output by itself: K v^(K+1). Nothing is lost but to rounding.
    "cubic"
        The output o that is worst for each position is taken, c_i = min_o c_i(o): a table over
        query, token and largest token. For each query, largest token, and set of positions that
        hold it, what these contribute is cut into 32 coins. Each other token costs so many of
        them, rounded up, and every combination that costs less than all is right; how many there
        are follows from histograms of the costs. K 2^K v² (v + 32²).
    "quadratic"
        The minimum of c_i is taken in its three parts. Of tokens up to n, the largest score and
        the smallest copied part count, two tables of running extremes; the largest n that is
        right for each query, largest token and set is found by bisection. 2^K v² ln v, besides
        the products of matrices that make the tables.

    All arithmetic is in double precision with rounding allowed for: matrix products by Higham's
    bound, sums and exponentials by 2⁻⁴⁰ of their sizes. It is assumed that torch.exp is right to
    2⁻⁴⁵. The network is the one in exact arithmetic with these weights.

    Raises
    ------
    ParameterError
        If there is no such strategy.

    References
    ----------
    Gross et al., arXiv:2406.11779, sections 4.1 to 4.3: brute force, cubic and subcubic proofs.
    The strategies here are of the same kind, but not the same: the sum over positions, which
    separates, takes the place of bounds on the attention.

    Examples
    --------
    >>> class Network(torch.nn.Module):  # all tokens alike, and the last is copied
    ...     def __init__(self):
    ...         super().__init__()
    ...         names = ("position", "query", "key", "value", "output")
    ...         sizes = ((2, 3), (3, 1), (3, 1), (3, 1), (1, 3))
    ...         for name, size in zip(names, sizes):
    ...             setattr(self, name, torch.nn.Parameter(torch.zeros(size)))
    ...         self.embed = self.unembed = torch.nn.Parameter(torch.eye(3))
    ...     def forward(self, tokens):
    ...         return self.embed[tokens[:, -1]] @ self.unembed
    >>> print(guarantee(Circuits.of(Network()), "brute force"))  # the last of two is the larger
    66.7 % of all 9 inputs, brute force proof of ... operations
    """
    choose("strategy", strategy, STRATEGIES)
    with torch.no_grad(), Operations() as counted:
        proved, member = STRATEGIES[strategy](circuits)

    def holds(tokens: Tensor) -> Tensor:
        _check_tokens(tokens, circuits)
        with torch.no_grad():
            return member(tokens)

    operations = circuits.operations + counted.count
    return Guarantee(strategy, proved, circuits.inputs, operations, holds)


def advantages(circuits: Circuits, tokens: Tensor) -> Tensor:
    """c_i(o), what each position of (n, K) tokens says for the largest over o, (n, K, v).

    Less what rounding may have added.
    """
    largest = tokens.amax(1)[:, None, None].expand(-1, circuits.length, 1)
    x = circuits.direct[tokens[:, -1:]] + circuits.copied[tokens] + circuits.copied_position
    difference: Tensor = x.gather(2, largest) - x - circuits.rounding
    return difference


def worst_sums(circuits: Circuits, tokens: Tensor) -> Tensor:
    """Σ_i e^{s_i} c_i(o) for the worst scores between low and high, less rounding, (n, v).

    Infinite for the largest token itself, which has no other to beat.
    """
    q, largest = tokens[:, -1], tokens.amax(1, keepdim=True)
    low, high = (s[q[:, None], tokens][..., None] for s in (circuits.low, circuits.high))
    terms = _least(advantages(circuits, tokens), low, high)
    sums = _safe(terms * circuits.positions[q].exp()[..., None], dim=1)
    return sums.scatter(1, largest, torch.inf)


def _least(c: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """The least that e^s c can be with s from low to high."""
    return torch.where(c > 0, low, high).exp() * c


def _safe(terms: Tensor, dim: int = 0) -> Tensor:
    """Their sum, less all that rounding may have added to it."""
    return terms.sum(dim) - _SLACK * terms.abs().sum(dim) - _TINY


def _brute_force(circuits: Circuits) -> tuple[int, Holds]:
    def member(tokens: Tensor) -> Tensor:
        return (worst_sums(circuits, tokens) > 0).all(1)

    v, k, proved = circuits.vocabulary, circuits.length, 0
    places = v ** torch.arange(k - 1, -1, -1)
    for start in range(0, circuits.inputs, _CHUNK):
        tick(start / circuits.inputs, f"{circuits.inputs:,} inputs")
        numbers = torch.arange(start, min(start + _CHUNK, circuits.inputs))
        proved += int(member(numbers[:, None] // places % v).sum())
    return proved, member


def _over_others(x: Tensor) -> Tensor:
    """x[…, m] less the largest of the others, for every m."""
    two = x.topk(2, dim=-1).values
    return x - torch.where(x == two[..., :1], two[..., 1:], two[..., :1])


def _cubic(circuits: Circuits) -> tuple[int, Holds]:
    terms = _terms(circuits)
    last = terms[-1].diagonal(dim1=0, dim2=1).T
    at_largest = terms.diagonal(dim1=2, dim2=3)
    v = torch.arange(circuits.vocabulary)
    smaller, is_largest = v[:, None] < v, v[:, None] == v  # by token and largest
    proved, tables = 0, []
    for held, allowed in _classes(circuits):
        rest = [i for i, is_held in enumerate(held) if not is_held]
        sure = _safe(torch.cat([last[None], at_largest[:-1][list(held)]]))
        cost = torch.where(is_largest, 0, _COINS).expand(len(held), len(v), -1, -1).clone()
        coins = (-terms[rest] / (sure / _COINS)[:, None]).ceil()
        affordable = smaller & (coins < _COINS)
        cost[rest] = torch.where(affordable, coins.clamp_min(0), _COINS).long()
        good = allowed & (sure > 0)
        proved += int((_combinations(cost[rest]) * good).sum() if rest else good.sum())
        tables.append(torch.where(good[:, None], cost, _COINS).to(torch.int8))
    table = torch.stack(tables)

    def member(tokens: Tensor) -> Tensor:
        code, q, m = (x[:, None] for x in _class_of(tokens))
        position = torch.arange(circuits.length - 1)
        return table[code, position, q, tokens[:, :-1], m].sum(1) < _COINS

    return proved, member


def _terms(circuits: Circuits) -> Tensor:
    """e^s c with the worst output for each, by position, query, token and largest token."""
    low, high, terms = circuits.low[..., None], circuits.high[..., None], []
    for weight, placed in zip(circuits.positions.exp().T, circuits.copied_position, strict=True):
        c = _over_others(circuits.direct[:, None] + circuits.copied + placed) - circuits.rounding
        terms.append(_least(c, low, high) * weight[:, None, None])
    return torch.stack(terms)


def _combinations(cost: Tensor) -> Tensor:
    """How many choices of a token for each position cost less than all coins together.

    Costs by position, query, token and largest token → (query, largest token).
    """
    q, v = cost.shape[1:3]
    total = torch.zeros(q, v, _COINS, dtype=torch.float64)  # whole numbers, far below 2⁵³
    total[..., 0] = 1
    for one in cost.transpose(2, 3):
        empty = torch.zeros(q, v, _COINS + 1, dtype=torch.float64)
        number = empty.scatter_add(2, one, torch.ones(()).double().expand(one.shape))
        before = torch.nn.functional.pad(total, (_COINS - 1, 0)).unfold(2, _COINS, 1)
        total = (before @ number[..., :_COINS].flip(2)[..., None])[..., 0]
    return total.sum(2).long()


def _quadratic(circuits: Circuits) -> tuple[int, Holds]:
    weights = circuits.positions.exp().T[..., None]  # by position, query, largest
    direct, copied = _over_others(circuits.direct), _over_others(circuits.copied)
    apart = _over_others(circuits.copied_position)[:, None] + direct - circuits.rounding
    at_largest = weights * _least(apart + copied.diagonal(), circuits.low, circuits.high)
    own = (circuits.low.diagonal()[:, None], circuits.high.diagonal()[:, None])
    last = weights[-1] * _least(apart[-1] + copied, *own)
    highest, least = circuits.high.cummax(1).values, copied.cummin(0).values
    v = torch.arange(circuits.vocabulary)
    proved, limits = 0, []
    for held, allowed in _classes(circuits):
        rest = [i for i, is_held in enumerate(held) if not is_held]
        known = torch.cat([last[None], at_largest[:-1][list(held)]])

        def right(n: Tensor, known: Tensor = known, rest: list[int] = rest) -> Tensor:
            """Whether all inputs are whose other tokens are the first n, by query and largest."""
            at = (n - 1).clamp_min(0)
            c = (apart[rest] + least[at, v]).clamp_max(0)
            return _safe(torch.cat([known, weights[rest] * highest.gather(1, at).exp() * c])) > 0

        limit = _largest(right, v.expand_as(allowed)) if rest else (_safe(known) > 0).long()
        proved += int((limit ** max(1, len(rest)) * allowed).sum())
        limits.append(limit * allowed)
    table = torch.stack(limits)

    def member(tokens: Tensor) -> Tensor:
        code, q, m = _class_of(tokens)
        others = tokens[:, :-1].masked_fill(tokens[:, :-1] == m[:, None], -1).amax(1)
        limit: Tensor = table[code, q, m]
        return (others < limit) & (limit > 0)

    return proved, member


def _largest(right: Callable[[Tensor], Tensor], most: Tensor) -> Tensor:
    """The largest n ≤ most with right(n), by bisection; 0 where there is none."""
    low, high = torch.zeros_like(most), most.clone()
    for _ in range(int(most.max()).bit_length()):
        middle = (low + high + 1) // 2
        good = right(middle)
        low, high = torch.where(good, middle, low), torch.where(good, high, middle - 1)
    return low.minimum(most)


def _classes(circuits: Circuits) -> Iterator[tuple[tuple[bool, ...], Tensor]]:
    """Which of the first K − 1 positions hold the largest token, and for which q and m (v, v).

    Every input is in one of them: the largest is there, or at the last position, or both.
    """
    v = torch.arange(circuits.vocabulary)
    for held in product((False, True), repeat=circuits.length - 1):
        yield held, v[:, None] <= v if any(held) else v[:, None] == v


def _class_of(tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Number of the class, query and largest token of each input, (n,) each."""
    largest = tokens.amax(1)
    places = 2 ** torch.arange(tokens.shape[1] - 2, -1, -1)
    code = ((tokens[:, :-1] == largest[:, None]) * places).sum(1)
    return code, tokens[:, -1], largest


def _check_tokens(tokens: Tensor, circuits: Circuits) -> None:
    v, k = circuits.vocabulary, circuits.length
    whole = isinstance(tokens, Tensor) and tokens.dtype == torch.int64
    fits = whole and tokens.ndim == 2 and tokens.shape[1] == k
    if not fits or bool(((tokens < 0) | (tokens >= v)).any()):
        given = f"{tokens.dtype} {tuple(tokens.shape)}" if isinstance(tokens, Tensor) else tokens
        raise ShapeError("tokens", given=given, allowed=f"int64 (n, {k}), from 0 to {v - 1}")


STRATEGIES: Mapping[str, Callable[[Circuits], tuple[int, Holds]]] = {
    "brute force": _brute_force,
    "cubic": _cubic,
    "quadratic": _quadratic,
}
