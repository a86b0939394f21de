"""One row of a packed lattice, updated: the innermost loops of `ising_cpu`.

A spin flips if u < p. The bits of u are drawn from the highest down and compared with those of p
for all spins of a register at once, until every comparison is decided: p keeps `BITS` bits and
about ten draws decide 256 spins. Every site takes its own bit of every draw.

numba caches a compiled function by the time stamp of its own file, not of those it calls: after a
change here or in `lanes`, remove the `__pycache__` beside.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .lanes import LANES, any_set, complement, load, rotate_left, shift_left, splat, store

Words = NDArray[np.uint64]

BITS = 62
_SURE = 6  # no register of 256 spins is decided by fewer draws often enough to be worth asking


@njit(inline="always")
def _draw(stream: Any) -> Any:
    """xoshiro256++ on registers (see `streams`): the random bits and the next state."""
    s0, s1, s2, s3 = stream
    bits = rotate_left(s0 + s3, 23) + s0
    shifted = shift_left(s1, 17)
    s2 = s2 ^ s0
    s3 = s3 ^ s1
    s1 = s1 ^ s2
    s0 = s0 ^ s3
    s2 = s2 ^ shifted
    s3 = rotate_left(s3, 45)
    return bits, (s0, s1, s2, s3)


@njit(inline="always")
def _load_stream(state: Words) -> Any:
    second, third = load(state, 2 * LANES), load(state, 3 * LANES)
    return load(state, 0), load(state, LANES), second, third


@njit(inline="always")
def _store_stream(state: Words, stream: Any) -> None:
    store(state, 0, stream[0])
    store(state, LANES, stream[1])
    store(state, 2 * LANES, stream[2])
    store(state, 3 * LANES, stream[3])


@njit(cache=True, nogil=True)
def symmetric_row(
    own: Words, sides: Any, turn: int, start: int, stop: int, state: Words, thresholds: Words
) -> None:
    """Metropolis without field on `own[start:stop]`: p is 1 unless no or one neighbour differs.

    `sides` are the rows above, below and beside (the other colour's); the fourth neighbour lies
    `turn` words further along the last. `thresholds` (BITS + 1, 2) are p for no and one.
    """
    above, below, beside = sides
    stream = _load_stream(state)
    for i in range(start, stop, LANES):
        spins = load(own, i)
        a, b = load(above, i) ^ spins, load(below, i) ^ spins
        c, d = load(beside, i) ^ spins, load(beside, i + turn) ^ spins
        some = a | b | c | d
        flip = (a & b) | (c & d) | ((a | b) & (c | d))
        undecided = complement(flip)
        one, none = undecided & some, complement(some)
        for k in range(BITS):
            bits, stream = _draw(stream)
            p = (none & splat(thresholds[k, 0])) | (one & splat(thresholds[k, 1]))
            flip = flip | (undecided & p & complement(bits))
            undecided = undecided & complement(p ^ bits)
            if k >= _SURE and not any_set(undecided):
                break
        store(own, i, spins ^ flip)
    _store_stream(state, stream)


@njit(inline="always")
def _count_up(a: Any, b: Any, c: Any, d: Any) -> Any:
    """Five masks: none, one, … four of the neighbours are up."""
    all_ab, all_cd = a & b, c & d
    odd = a ^ b ^ c ^ d
    four = all_ab & all_cd
    three = odd & (all_ab | all_cd)
    none = complement(a | b | c | d)
    return none, odd & complement(three), complement(odd | four | none), three, four


@njit(inline="always")
def _select(ups: Any, spins: Any, t: Words, k: int) -> Any:
    """Bit k of each spin's own probability."""
    down = (ups[0] & splat(t[k, 0])) | (ups[1] & splat(t[k, 1])) | (ups[2] & splat(t[k, 2]))
    down = down | (ups[3] & splat(t[k, 3])) | (ups[4] & splat(t[k, 4]))
    up = (ups[0] & splat(t[k, 5])) | (ups[1] & splat(t[k, 6])) | (ups[2] & splat(t[k, 7]))
    up = up | (ups[3] & splat(t[k, 8])) | (ups[4] & splat(t[k, 9]))
    return down ^ ((down ^ up) & spins)


@njit(cache=True, nogil=True)
def general_row(
    own: Words, sides: Any, turn: int, start: int, stop: int, state: Words, thresholds: Words
) -> None:
    """As `symmetric_row`, for any table: `thresholds` (BITS + 1, 10) by spin and neighbours up."""
    above, below, beside = sides
    stream = _load_stream(state)
    for i in range(start, stop, LANES):
        spins = load(own, i)
        ups = _count_up(load(above, i), load(below, i), load(beside, i), load(beside, i + turn))
        # the last row of the thresholds marks the probabilities that are exactly one
        flip = _select(ups, spins, thresholds, BITS)
        undecided = complement(flip)
        for k in range(BITS):
            bits, stream = _draw(stream)
            p = _select(ups, spins, thresholds, k)
            flip = flip | (undecided & p & complement(bits))
            undecided = undecided & complement(p ^ bits)
            if k >= _SURE and not any_set(undecided):
                break
        store(own, i, spins ^ flip)
    _store_stream(state, stream)
