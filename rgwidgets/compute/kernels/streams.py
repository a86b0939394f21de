"""Random streams for numba kernels: xoshiro256++ at starting points that can never overlap.

D. Blackman and S. Vigna, "Scrambled linear pseudorandom number generators", ACM Trans. Math.
Softw. 47, 36 (2021). The jump polynomial advances a stream by 2^128 draws.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Words = NDArray[np.uint64]

_JUMP = np.array(
    [0x180EC6D33CFD0ABA, 0xD5A61266F0C9392C, 0xA9582618E03FC9AA, 0x39ABDC4529B1661C],
    dtype=np.uint64,
)


def expand_seed(seed: int) -> Words:
    """Four well-mixed words from any seed ≥ 0, by SplitMix64 (never all zero).

    >>> [hex(word) for word in expand_seed(0).tolist()][:2]
    ['0xe220a8397b1dcdaf', '0x6e789e6aa1b965f4']
    """
    mask = (1 << 64) - 1
    words = []
    for step in range(1, 5):
        z = (seed + step * 0x9E3779B97F4A7C15) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        words.append(z ^ (z >> 31))
    return np.array(words, dtype=np.uint64)


@njit(cache=True, nogil=True)
def draw(state: Words) -> np.uint64:
    """The next 64 random bits of a stream (4,), which advances."""
    total = state[0] + state[3]
    result = ((total << np.uint64(23)) | (total >> np.uint64(41))) + state[0]
    shifted = state[1] << np.uint64(17)
    state[2] ^= state[0]
    state[3] ^= state[1]
    state[1] ^= state[2]
    state[0] ^= state[3]
    state[2] ^= shifted
    state[3] = (state[3] << np.uint64(45)) | (state[3] >> np.uint64(19))
    return result


@njit(cache=True, nogil=True)
def _jump_along(states: Words, polynomial: Words) -> None:
    """Fill rows 1, 2, … of `states` (count, 4), each 2^128 draws after the row before."""
    moving = np.empty(4, dtype=np.uint64)
    for index in range(1, states.shape[0]):
        for word in range(4):
            moving[word] = states[index - 1, word]
            states[index, word] = np.uint64(0)
        for part in range(4):
            for bit in range(64):
                if (polynomial[part] >> np.uint64(bit)) & np.uint64(1):
                    for word in range(4):
                        states[index, word] ^= moving[word]
                draw(moving)


def streams(seed: int, count: int) -> Words:
    """Starting states (count, 4) of streams that are 2^128 draws apart.

    >>> streams(1, 3).shape
    (3, 4)
    """
    states = np.empty((count, 4), dtype=np.uint64)
    states[0] = expand_seed(seed)
    _jump_along(states, _JUMP)
    return states
