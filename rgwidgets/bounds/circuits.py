"""The paths through a transformer of one attention head, as tables over its vocabulary."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from rgwidgets.core.errors import ParameterError, ShapeError
from rgwidgets.core.numeric import in_double, whole

from .operations import Operations

_WEIGHTS = ("embed", "position", "query", "key", "value", "output", "unembed")
_ALLOWED = "seven finite matrices that fit: " + ", ".join(_WEIGHTS)
#: rounding of one operation in double precision
UNIT = 2.0**-53
#: how many inputs the tables are compared on, and by how much they may be off
_CHECKED, _CLOSE = 256, 1e-9


@dataclass(frozen=True, eq=False)
class Circuits:
    """What a transformer of one head does, path by path, with what rounding may have changed.

    The last token of an input is its query q. Token t at position i has the score s = scores[q, t]
    + positions[q, i], and the logits are

        direct[q] + Σ_i e^{s_i} (copied[t_i] + copied_position[i]) / Σ_i e^{s_i}.

    So a logit is above another exactly if a sum over positions is positive, in which each term
    knows only q and the token at its own position.

    Attributes
    ----------
    low, high
        Between these lies scores[q, t] of every network that is spoken of, (v, v) each. The
        largest of each row is near zero: what is common to a row does not matter.
    positions
        (v, K), the largest of each row zero.
    direct, copied, copied_position
        (v, v), (v, v) and (K, v): by query, by token and by position, the logits last.
    rounding
        No difference of two logits of direct + copied + copied_position is further off.
    left, right, values
        (v, h), (v, h) and (h,): scores = left @ rightᵀ up to rounding, a singular direction in
        each column, the largest singular value first.
    operations
        What it took to compute this from the weights, the singular directions taken as given.

    References
    ----------
    N. Elhage et al., A mathematical framework for transformer circuits (2021); Gross et al.,
    arXiv:2406.11779, section 4, where these are EQKE, EQKP, EU, EVOU and PVOU.
    """

    low: Tensor
    high: Tensor
    positions: Tensor
    direct: Tensor
    copied: Tensor
    copied_position: Tensor
    rounding: float
    left: Tensor
    right: Tensor
    values: Tensor
    operations: int

    @classmethod
    def of(cls, network: Any) -> Circuits:
        """The tables of a network with these weights, acting from the right as in `MaxOfK`.

        Parameters
        ----------
        network
            A module with embed (v, d), position (K, d), query, key, value (d, h), output (h, d)
            and unembed (d, v). What the tables give is compared with what it computes.

        Raises
        ------
        ShapeError
            If it lacks one of these, they do not fit, or are not finite.
        ParameterError
            If it computes something else than its tables say: nothing is proved of it then.
        """
        weights = _weights(network)
        left, right, values = _singular(weights)
        with torch.no_grad(), Operations() as counted:
            made = _tables(weights, left, right, values)
        made = replace(made, operations=counted.count)
        _check(made, network)
        return made

    @property
    def vocabulary(self) -> int:
        """v."""
        return self.low.shape[0]

    @property
    def length(self) -> int:
        """K."""
        return self.positions.shape[1]

    @property
    def inputs(self) -> int:
        """v^K."""
        return int(self.vocabulary**self.length)

    def cut(self, rank: int) -> Circuits:
        """The same with all networks whose scores differ from the first r directions by so little.

        |scores[q, t] − Σ_{j≤r} left[q, j] right[t, j]| is at most the product of the lengths of
        what is left of the two rows (Cauchy–Schwarz), and what rounding adds. The network itself
        is one of them.

        Raises `ParameterError` if there is no such rank.
        """
        rank = whole("rank", rank, 0, len(self.values))
        with torch.no_grad(), Operations() as counted:
            kept = self.left[:, :rank] @ self.right[:, :rank].T
            rest = self.left[:, rank:].norm(dim=1)[:, None] * self.right[:, rank:].norm(dim=1)
            # what is left of the product and the factors themselves, as computed and by rounding
            both = self.left @ self.right.T
            size = float((self.left.abs() @ self.right.abs().T).max())
            middle, slack = (self.low + self.high) / 2, (self.high - self.low) / 2
            shift = both - middle
            common = shift.amax(1, keepdim=True)
            off = (common - shift).max() + slack.max() + 8 * (len(self.values) + 8) * UNIT * size
            spread = rest * (1 + 1e-9) + off
            kept = kept - common
            low, high = kept - spread, kept + spread
        operations = self.operations + counted.count
        return replace(self, low=low, high=high, operations=operations)

    def logits(self, tokens: Tensor) -> Tensor:
        """Logits (n, v) of tokens (n, K), with the scores in the middle of their bounds."""
        last = tokens[:, -1]
        middle = (self.low + self.high) / 2
        attention = (middle[last[:, None], tokens] + self.positions[last]).softmax(-1)
        moved = self.copied[tokens] + self.copied_position
        return self.direct[last] + (attention[..., None] * moved).sum(1)


def _weights(network: Any) -> dict[str, Tensor]:
    """The seven matrices in double precision."""
    found = {name: getattr(network, name, None) for name in _WEIGHTS}
    kinds = {
        name: tuple(w.shape) if isinstance(w, Tensor) else type(w).__name__
        for name, w in found.items()
    }
    if not all(isinstance(w, Tensor) and w.ndim == 2 and w.numel() for w in found.values()):
        raise ShapeError("network", given=kinds, allowed=_ALLOWED, mend="pass MaxOfK().module")
    weights = {name: in_double(w) for name, w in found.items() if isinstance(w, Tensor)}
    (v, d), h = weights["embed"].shape, weights["query"].shape[1]
    wanted = [(v, d), (len(weights["position"]), d), (d, h), (d, h), (d, h), (h, d), (d, v)]
    finite = all(bool(w.isfinite().all()) for w in weights.values())
    if not finite or list(kinds.values()) != wanted or v < 2:
        raise ShapeError("network", given=kinds, allowed=_ALLOWED, mend="pass MaxOfK().module")
    return weights


def _product(*matrices: Tensor) -> tuple[Tensor, float]:
    """The product, and how far rounding may have moved any of its entries.

    |computed − exact| ≤ γ |A||B|…, γ = nu/(1 − nu) with n the sum of the inner dimensions, in
    whatever order they are multiplied and added up (Higham, Accuracy and Stability of Numerical
    Algorithms, section 3.5). The rest of the factor pays for what made the matrices.
    """
    value = reduce(torch.matmul, matrices)
    size = float(reduce(torch.matmul, [m.abs() for m in matrices]).max())
    return value, 4 * (sum(len(m) for m in matrices[1:]) + 16) * UNIT * size


def _queries(weights: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Rows of the stream at the last position, and the queries, (v, d) and (v, h)."""
    last = weights["embed"] + weights["position"][-1]
    return last, last @ weights["query"] / weights["key"].shape[1] ** 0.5


def _singular(weights: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Singular directions of queries · keysᵀ, each factor with the root of the values."""
    queries, keys = _queries(weights)[1], weights["embed"] @ weights["key"]
    if len(queries) < queries.shape[1]:  # no more directions than tokens
        u, values, v = torch.linalg.svd(queries @ keys.T, full_matrices=False)
    else:
        (a, r), (b, s) = torch.linalg.qr(queries), torch.linalg.qr(keys)
        u, values, v = torch.linalg.svd(r @ s.T)
        u, v = a @ u, v @ b.T
    return u * values.sqrt(), v.T * values.sqrt(), values


def _tables(w: dict[str, Tensor], left: Tensor, right: Tensor, values: Tensor) -> Circuits:
    last, _ = _queries(w)
    root = w["key"].shape[1] ** 0.5
    scores, off = _product(last, w["query"] / root, w["key"].T, w["embed"].T)
    placed, placed_off = _product(last, w["query"] / root, w["key"].T, w["position"].T)
    off += placed_off + 8 * UNIT * float(scores.abs().max() + placed.abs().max())
    scores, placed = (x - x.amax(1, keepdim=True) for x in (scores, placed))
    direct, a = _product(last, w["unembed"])
    copied, b = _product(w["embed"], w["value"], w["output"], w["unembed"])
    copied_position, c = _product(w["position"], w["value"], w["output"], w["unembed"])
    size = float(direct.abs().max() + copied.abs().max() + copied_position.abs().max())
    return Circuits(
        scores - off, scores + off, placed, direct, copied, copied_position,
        2 * (a + b + c) + 16 * UNIT * size, left, right, values, 0,
    )  # fmt: skip


def _check(circuits: Circuits, network: Any) -> None:
    """Run the network in double precision beside its tables; raise if they do not agree."""
    generator = torch.Generator().manual_seed(0)
    shape = (_CHECKED, circuits.length)
    tokens = torch.randint(circuits.vocabulary, shape, generator=generator)
    with torch.no_grad():
        own, said = copy.deepcopy(network).double()(tokens), circuits.logits(tokens)
    close = _CLOSE + 4 * float((circuits.high - circuits.low).max())
    off = float((own - said).abs().max()) if own.shape == said.shape else float("inf")
    if not off <= close * (1 + float(said.abs().max())):
        raise ParameterError(
            "network",
            given=f"logits that are up to {off:.3g} off its tables",
            allowed="one softmax head read at the last position; no norm, no bias, no MLP",
            mend="pass MaxOfK().module, trained or not",
        )
