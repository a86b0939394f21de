"""Search among lattices with given block spins, one thread of numba.

Both searches raise Σ table[s00 + 2 s01 + 4 s10 + 8 s11] over the plaquettes of a periodic lattice
of spins ±1 (bits: 1 = up), in place, and stop after so many sweeps or when nothing changes.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

_GAIN = 1e-12  # below this a change is rounding, and equal lattices would chase one another


@njit(cache=True, nogil=True)
def climb_patterns(
    spins: NDArray[np.int8],
    coarse: NDArray[np.int8],
    patterns: NDArray[np.int8],
    counts: NDArray[np.int64],
    table: NDArray[np.float64],
    b: int,
    sweeps: int,
) -> None:
    """Give each b × b block of (n, y, x) in turn the best pattern that its block spin allows.

    `patterns` (2, p, b, b) holds what a − block (0) and a + block (1) may show, `counts` (2,) how
    many of them count. Which is best hangs on the 4 (b + 1) spins around the block alone, so that
    it is looked for once.
    """
    inner = _inner_values(patterns, table, b)
    edges = _edge_codes(patterns, b)
    outer = np.empty((4, 1 << b), np.float64)
    window = np.zeros((b + 2, b + 2), np.int64)
    best = np.full((2, 1 << (4 * b + 4)), -1, np.int64)
    most = np.empty(best.shape, np.float64)
    for lattice in range(spins.shape[0]):
        for _ in range(sweeps):
            changed = False
            for by in range(coarse.shape[1]):
                for bx in range(coarse.shape[2]):
                    _look(spins[lattice], by * b - 1, bx * b - 1, window)
                    now = _share(window, table, b)
                    sign = 1 if coarse[lattice, by, bx] > 0 else 0
                    known = sign, _ring(window)
                    if best[known] < 0:
                        _edge_values(window, table, b, outer)
                        best[known], most[known] = _best(
                            inner[sign], edges[sign], outer, counts[sign]
                        )
                    if most[known] > now + _GAIN:
                        changed = True
                        _place(spins[lattice], by * b, bx * b, patterns[sign, best[known]])
            if not changed:
                break


@njit(cache=True, nogil=True)
def climb_flips(
    spins: NDArray[np.int8],
    coarse: NDArray[np.int8],
    table: NDArray[np.float64],
    b: int,
    majority: bool,
    sweeps: int,
) -> None:
    """Flip single spins where that helps and the block spin stays, for blocks of any size."""
    window = np.empty((3, 3), np.int64)
    total = _block_totals(spins, b)
    for _ in range(sweeps):
        changed = False
        for y in range(spins.shape[0]):
            for x in range(spins.shape[1]):
                block = y // b, x // b
                after = (total[block] - 2 * spins[y, x]) * coarse[block]
                if (majority and after < 0) or (not majority and y % b == 0 and x % b == 0):
                    continue
                _look(spins, y - 1, x - 1, window)
                now = _share(window, table, 1)
                window[1, 1] = 1 - window[1, 1]
                if _share(window, table, 1) > now + _GAIN:
                    total[block] -= 2 * spins[y, x]
                    spins[y, x] = -spins[y, x]
                    changed = True
        if not changed:
            return


@njit(cache=True, nogil=True)
def _block_totals(spins: NDArray[np.int8], b: int) -> NDArray[np.int64]:
    total = np.zeros((spins.shape[0] // b, spins.shape[1] // b), np.int64)
    for y in range(spins.shape[0]):
        for x in range(spins.shape[1]):
            total[y // b, x // b] += spins[y, x]
    return total


@njit(cache=True, nogil=True)
def _look(spins: NDArray[np.int8], top: int, left: int, window: NDArray[np.int64]) -> None:
    """Copy the bits of the periodic lattice from (top, left) on."""
    for y in range(window.shape[0]):
        row = spins[(top + y) % spins.shape[0]]
        for x in range(window.shape[1]):
            at = left + x
            if at < 0 or at >= len(row):
                at %= len(row)
            window[y, x] = row[at] > 0


@njit(cache=True, nogil=True)
def _ring(window: NDArray[np.int64]) -> int:
    """The bits along the border of a window, as one number."""
    code, last = 0, len(window) - 1
    for i in range(last):
        code = 16 * code + window[0, i] + 2 * window[i, last]
        code += 4 * window[last, last - i] + 8 * window[last - i, 0]
    return code


@njit(cache=True, nogil=True)
def _place(spins: NDArray[np.int8], top: int, left: int, block: NDArray[np.int8]) -> None:
    for y in range(block.shape[0]):
        for x in range(block.shape[1]):
            spins[top + y, left + x] = block[y, x]


@njit(cache=True, nogil=True)
def _share(window: NDArray[np.int64], table: NDArray[np.float64], b: int) -> float:
    """Σ of the (b + 1)² plaquettes of a window of (b + 2)² sites."""
    total = 0.0
    for y in range(b + 1):
        for x in range(b + 1):
            total += table[_code(window, y, x)]
    return total


@njit(cache=True, nogil=True, inline="always")
def _code(window: NDArray[np.int64], y: int, x: int) -> int:
    return window[y, x] + 2 * window[y, x + 1] + 4 * window[y + 1, x] + 8 * window[y + 1, x + 1]


@njit(cache=True, nogil=True)
def _best(
    inner: NDArray[np.float64],
    edges: NDArray[np.int64],
    outer: NDArray[np.float64],
    count: int,
) -> tuple[int, float]:
    """The first pattern of the largest value, and that value."""
    chosen, most = 0, -np.inf
    for p in range(count):
        value = inner[p] + outer[0, edges[p, 0]] + outer[1, edges[p, 1]]
        value += outer[2, edges[p, 2]] + outer[3, edges[p, 3]]
        if value > most:
            chosen, most = p, value
    return chosen, most


@njit(cache=True, nogil=True)
def _inner_values(
    patterns: NDArray[np.int8], table: NDArray[np.float64], b: int
) -> NDArray[np.float64]:
    """Σ of the (b − 1)² plaquettes inside each pattern, (2, p)."""
    result = np.zeros(patterns.shape[:2], np.float64)
    bits = np.empty((b, b), np.int64)
    for sign in range(2):
        for p in range(patterns.shape[1]):
            for y in range(b):
                for x in range(b):
                    bits[y, x] = patterns[sign, p, y, x] > 0
            if b > 1:
                result[sign, p] = _share(bits, table, b - 2)
    return result


@njit(cache=True, nogil=True)
def _edge_codes(patterns: NDArray[np.int8], b: int) -> NDArray[np.int64]:
    """Bits of the top row, bottom row, left and right column of each pattern, (2, p, 4)."""
    result = np.zeros((2, patterns.shape[1], 4), np.int64)
    for sign in range(2):
        for p in range(patterns.shape[1]):
            pattern = patterns[sign, p]
            for i in range(b):
                result[sign, p, 0] += (pattern[0, i] > 0) << i
                result[sign, p, 1] += (pattern[b - 1, i] > 0) << i
                result[sign, p, 2] += (pattern[i, 0] > 0) << i
                result[sign, p, 3] += (pattern[i, b - 1] > 0) << i
    return result


@njit(cache=True, nogil=True)
def _edge_values(
    window: NDArray[np.int64], table: NDArray[np.float64], b: int, outer: NDArray[np.float64]
) -> None:
    """Σ of the plaquettes across each edge by the bits along it; corners count with the rows."""
    for bits in range(1 << b):
        for i in range(b):
            window[1, i + 1] = (bits >> i) & 1
        outer[0, bits] = _line(window, table, 0, 0, b + 1, True)
        for i in range(b):
            window[b, i + 1] = (bits >> i) & 1
        outer[1, bits] = _line(window, table, b, 0, b + 1, True)
        for i in range(b):
            window[i + 1, 1] = (bits >> i) & 1
        outer[2, bits] = _line(window, table, 0, 1, b, False)
        for i in range(b):
            window[i + 1, b] = (bits >> i) & 1
        outer[3, bits] = _line(window, table, b, 1, b, False)


@njit(cache=True, nogil=True)
def _line(
    window: NDArray[np.int64],
    table: NDArray[np.float64],
    at: int,
    start: int,
    stop: int,
    row: bool,
) -> float:
    total = 0.0
    for i in range(start, stop):
        total += table[_code(window, at, i) if row else _code(window, i, at)]
    return total
