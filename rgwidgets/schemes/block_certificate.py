"""Proved ranges of local observables over all lattices with given block spins.

An observable whose terms fit a 2 × 2 plaquette is a sum of one function t of the four spins of a
plaquette. Cover the lattice by overlapping windows of 2 × 2 blocks, share each plaquette out among
the windows that hold it, and maximise each window alone: the sum of the maxima bounds the maximum
of the sum. A window's maximum depends on its four block spins only, so it is again a function t'
of a plaquette, one level up, and the bound iterates exactly as the block spins do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.fibre import Proof
from ..core.local import LocalObservable, Offset, Term
from ..core.theory import Observable

if TYPE_CHECKING:
    from .block_fibre import BlockFibre

Table = tuple[float, ...]  # 16 values; bits 0 to 3 of the index: s00, s01, s10, s11 up
LARGEST_WINDOW = 3  # a window's rows have 2^(2b) states, and pairs of rows are compared
_SITES = ((0, 0), (0, 1), (1, 0), (1, 1))


def plaquette_table(observable: LocalObservable) -> Table | None:
    """The observable as a function of plaquettes, whose mean it is; None if a term is wider."""
    if not all(is_narrow(offsets) for _, offsets in observable.terms):
        return None
    return _table(observable.terms)


def is_narrow(offsets: Sequence[Offset]) -> bool:
    """Whether these sites lie within one plaquette."""
    return all(max(axis) - min(axis) <= 1 for axis in zip(*offsets, strict=True))


def _table(terms: Sequence[Term]) -> Table:
    table = np.zeros(16)
    signs = 2.0 * ((np.arange(16)[:, None] >> np.arange(4)) & 1) - 1
    for coefficient, offsets in terms:
        low = [min((r[axis] for r in offsets), default=0) for axis in (0, 1)]
        places = [(y - low[0], x - low[1]) for y, x in offsets]
        height, width = (max((p[axis] for p in places), default=0) for axis in (0, 1))
        shifts = [(y, x) for y in range(2 - height) for x in range(2 - width)]
        for dy, dx in shifts:
            sites = [_SITES.index((y + dy, x + dx)) for y, x in places]
            table += coefficient / len(shifts) * signs[:, sites].prod(1)
    return tuple(table.tolist())


@lru_cache(maxsize=4096)
def raised_table(table: Table, b: int, rule: str) -> Table:
    """Largest share of a window of 2 × 2 blocks by its four block spins: t' from t.

    Row by row over the 2b rows of the window, keeping the best sum for each last row and each
    state (the number of + spins, or the kept spin) of the left and the right block.
    """
    width, rows = 2 * b, 1 << (2 * b)
    spins = (np.arange(rows)[:, None] >> np.arange(width)) & 1
    pair = _row_pairs(np.asarray(table), spins, b)
    states = b * b + 1 if rule == "majority" else 2
    result = np.empty(16)
    start = np.full((rows, states, states), -math.inf)
    start[np.arange(rows), *_entered(spins, b, rule)] = 0.0
    upper = _rows(start, pair, spins, b, rule)
    for code in range(4):
        entry = np.full_like(start, -math.inf)
        crossing = (_accepted(upper, code, b, rule)[:, None] + pair).max(0)
        entry[np.arange(rows), *_entered(spins, b, rule)] = crossing
        lower = _rows(entry, pair, spins, b, rule)
        for other in range(4):
            result[code + 4 * other] = _accepted(lower, other, b, rule).max()
    return tuple(result.tolist())


def upper_bound(
    observable: LocalObservable, coarse: Tensor, b: int, rule: str, level: int, sign: int
) -> Tensor:
    """Bound on the largest value of sign × polynomial in the fibre of coarse spins (n, y, x).

    Returns (n,) float64, for iterated majority or decimation by b of spins ±1, `level` times.
    """
    linear = sum(c for c, offsets in observable.terms if len(offsets) == 1) * sign
    rest = [(c * sign, offsets) for c, offsets in observable.terms if len(offsets) != 1]
    # each site enters alone, so blocks decouple and the bound is attained
    alone = linear_bound(linear, coarse, b, rule, level)
    if not rest:
        return alone
    separate = alone + _bound(LocalObservable("rest", terms=tuple(rest)), coarse, b, rule, level)
    if linear == 0:
        return separate
    terms = tuple((c * sign, offsets) for c, offsets in observable.terms)
    whole = _bound(LocalObservable("whole", terms=terms), coarse, b, rule, level)
    return torch.minimum(separate, whole)


def linear_bound(coefficient: float, coarse: Tensor, b: int, rule: str, level: int) -> Tensor:
    """Largest value of coefficient × mean spin in the fibre, exactly: (n,) float64."""
    fewest = (b * b + 1) // 2 if rule == "majority" else 1
    lowest = 1.0  # of the mean over a + block
    for _ in range(level):
        lowest = (fewest * lowest - (b * b - fewest)) / b**2
    up = (coarse > 0).double().mean((1, 2))
    low, high = up * lowest - (1 - up), up - (1 - up) * lowest
    return coefficient * (high if coefficient > 0 else low)


def counting_range(observable: LocalObservable, mean: Tensor) -> tuple[Tensor, Tensor]:
    """Range of the polynomial among spins ±1 of given mean (n,): for the mean rule.

    A term of r spins is −1 only where it holds a − spin, and each − spin is in at most r terms.
    """
    down, up = (1 - mean) / 2, (1 + mean) / 2
    low, high = torch.zeros_like(mean), torch.zeros_like(mean)
    for coefficient, offsets in observable.terms:
        r = len(offsets)
        if r % 2 == 0:
            least = (1 - 2 * r * torch.minimum(down, up)).clamp_min(-1 if r else 1)
            most = torch.ones_like(mean)
        else:
            least = (1 - 2 * r * down).clamp_min(-1)
            most = (2 * r * up - 1).clamp_max(1)
        if coefficient < 0:
            least, most = most, least
        low, high = low + coefficient * least, high + coefficient * most
    return low, high


def lattice_sum(table: Table, spins: Tensor) -> Tensor:
    """Σ of a plaquette function over each periodic lattice of spins ±1: (n, y, x) → (n,)."""
    up = (spins > 0).to(torch.int16)
    right = up.roll(-1, 2)
    code = (up + 2 * right + 4 * up.roll(-1, 1) + 8 * right.roll(-1, 1)).flatten(1).long()
    values = torch.tensor(table, dtype=torch.float64, device=spins.device)
    return values[code].sum(1)


def levels_of(table: Table, b: int, rule: str, level: int) -> list[Table]:
    """t at levels 0 … `level`."""
    tables = [table]
    for _ in range(level):
        tables.append(raised_table(tables[-1], b, rule))
    return tables


def is_windowed(observable: LocalObservable, b: int) -> bool:
    """Whether windows bound every term, rather than the sum of sizes."""
    return b <= LARGEST_WINDOW and plaquette_table(observable) is not None


def _bound(observable: LocalObservable, coarse: Tensor, b: int, rule: str, level: int) -> Tensor:
    """Windows for the terms that fit one, sizes for the others: (n,) float64."""
    narrow = [t for t in observable.terms if b <= LARGEST_WINDOW and is_narrow(t[1])]
    rest = [t for t in observable.terms if t not in narrow]
    wide = torch.full((len(coarse),), _size(rest), dtype=torch.float64, device=coarse.device)
    if not narrow:
        return wide
    table = levels_of(_table(narrow), b, rule, level)[-1]
    windows = lattice_sum(table, coarse) / (coarse[0].numel() * b ** (2 * level))
    return wide + windows.clamp_max(_size(narrow))


def _size(terms: Sequence[Term]) -> float:
    """Largest value that no lattice exceeds."""
    return sum(abs(c) if offsets else c for c, offsets in terms)


def _shares(b: int) -> NDArray[np.float64]:
    """Share of a window in the plaquettes of each row (or column): ½ inside a block, 1 across."""
    return np.array([1.0 if i % b == b - 1 else 0.5 for i in range(2 * b - 1)])


def _row_pairs(table: NDArray[np.float64], spins: NDArray[np.int64], b: int) -> NDArray[np.float64]:
    """Sum of the plaquettes between two rows, by column shares: (rows, rows)."""
    top = spins[:, :-1] + 2 * spins[:, 1:]
    codes = top[:, None] + 4 * top[None]
    return np.asarray((table[codes] * _shares(b)).sum(-1))


def _entered(
    spins: NDArray[np.int64], b: int, rule: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """States of the left and right block after their first row."""
    if rule == "majority":
        return spins[:, :b].sum(1), spins[:, b:].sum(1)
    return spins[:, 0], spins[:, b]


def _rows(
    values: NDArray[np.float64],
    pair: NDArray[np.float64],
    spins: NDArray[np.int64],
    b: int,
    rule: str,
) -> NDArray[np.float64]:
    """Add the b − 1 further rows of a pair of blocks; values (row, left, right)."""
    left, right = _entered(spins, b, rule)
    for _ in range(b - 1):
        grown = (values[:, None] + 0.5 * pair[:, :, None, None]).max(0)
        if rule == "majority":
            values = np.full_like(grown, -math.inf)
            for row, (i, j) in enumerate(zip(left, right, strict=True)):
                values[row, i:, j:] = grown[row, : grown.shape[1] - i, : grown.shape[2] - j]
        else:
            values = grown
    return values


def _accepted(values: NDArray[np.float64], code: int, b: int, rule: str) -> NDArray[np.float64]:
    """Best value by last row among states that give the block spins `code` (bits: left, right)."""
    states = np.arange(values.shape[1])
    if rule == "majority":
        up, down = 2 * states >= b * b, 2 * states <= b * b
    else:
        up, down = states == 1, states == 0
    left = up if code & 1 else down
    right = up if code & 2 else down
    return np.asarray(values[:, left][:, :, right].max((1, 2)))


def prove(observable: Observable, fibre: BlockFibre) -> Proof | str:
    """Upper bound of the change over each lattice's fibre, or why there is none."""
    if not isinstance(observable, LocalObservable):
        return "the observable declares no local terms"
    if observable.degree <= 1 and fibre.rule == "mean":
        size = sum(abs(c) for c, _ in observable.terms) * float(fibre.fine.abs().max())
        real = fibre.coarse.dtype if fibre.coarse.is_floating_point() else torch.float64
        rounding = 8 * fibre.level * torch.finfo(real).eps * size
        every = torch.full((len(fibre),), rounding, dtype=torch.float64)
        return Proof(every, "a mean keeps the sum, up to rounding")
    if not fibre.ising:
        return "real fields with these blocks are not bounded"
    low, high, how = _range(observable, fibre)
    if observable.absolute:
        inside = (low <= 0) & (high >= 0)
        least = torch.minimum(low.abs(), high.abs()).masked_fill(inside, 0.0)
        low, high = least, torch.maximum(low.abs(), high.abs())
    predicted = observable.samples({"spins": fibre.lifted}).double().cpu()
    return Proof(torch.maximum(high - predicted, predicted - low).clamp_min(0), how)


def _range(observable: LocalObservable, fibre: BlockFibre) -> tuple[Tensor, Tensor, str]:
    """Lower and upper bound (n,) of the polynomial over each fibre, and the theorem."""
    if fibre.rule == "mean":
        low, high = counting_range(observable, fibre.coarse.double().mean((1, 2)))
        return low.cpu(), high.cpu(), "counting the terms that hold a minority spin"
    where = (fibre.coarse.cpu(), fibre.b, fibre.rule, fibre.level)
    high = upper_bound(observable, *where, sign=1)
    low = -upper_bound(observable, *where, sign=-1)
    if observable.degree <= 1:
        return low, high, "exact: each block alone"
    if is_windowed(observable, fibre.b):
        return low, high, "best of all windows of 2 × 2 blocks, level by level"
    return low, high, "the sum of the terms' sizes"
