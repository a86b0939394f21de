"""Multi-spin coded single-spin updates on the CPU: 64 spins a word, `LANES` words a register.

Layout. The torus is cut into 8 × 8 tiles of `height` = L/8 rows and columns; bit 8 by + bx of
every word belongs to tile (by, bx). A word thus holds 64 sites that are L/8 apart, and the
neighbours of all of them lie in the same four neighbouring words; only at the edge of a tile do
the bits move on by one tile. Each colour of the checkerboard is an array (height, pitch) of words;
along a row run the columns and, innermost, the replicas, with a margin on each side that repeats
the row's other end. `height` must be even for tiles to agree on colour, so L is a multiple of 16.

Randomness. Each row and lane has its own stream, so results do not depend on the number of threads
nor on the order of rows. `packed_rows` holds the update of one row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from .lanes import LANES
from .packed_rows import BITS, general_row, symmetric_row
from .parallel import run
from .rules import Table, is_symmetric, threshold
from .streams import streams

Words = NDArray[np.uint64]

TILES = 8
_BLOCKS = 8
_SITES_PER_THREAD = 1 << 18

_ONE, _SEVEN = np.uint64(1), np.uint64(7)
_EIGHT, _FIFTY_SIX = np.uint64(8), np.uint64(56)
_FIRST_TILES, _OTHER_TILES = np.uint64(0x0101010101010101), np.uint64(0x7F7F7F7F7F7F7F7F)


def packs(size: int) -> bool:
    """Whether a torus of `size` × `size` sites can be packed: a multiple of 16."""
    return size > 0 and size % (2 * TILES) == 0


@njit(cache=True, nogil=True)
def _turn_rows(row: Words, up: bool, out: Words) -> None:
    """The row beyond the edge of the tiles: every bit moves on by one tile up or down."""
    for i in range(row.size):
        if up:
            out[i] = (row[i] << _EIGHT) | (row[i] >> _FIFTY_SIX)
        else:
            out[i] = (row[i] >> _EIGHT) | (row[i] << _FIFTY_SIX)


@njit(cache=True, nogil=True)
def _mend_margins(row: Words, replicas: int, width: int) -> None:
    """Repeat each end of a row beyond the other, every bit moved on by one tile."""
    for i in range(replicas):
        last, first = row[width + i], row[replicas + i]
        row[i] = ((last & _OTHER_TILES) << _ONE) | ((last >> _SEVEN) & _FIRST_TILES)
        row[replicas + width + i] = ((first >> _ONE) & _OTHER_TILES) | (
            (first & _FIRST_TILES) << _SEVEN
        )


@njit(cache=True, nogil=True)
def _advance(lattice: Any, symmetric: bool, low: int, high: int, slope: int, steps: int) -> None:
    """Update rows low + slope s ≤ row < high − slope s in half-sweeps s = 0 … steps − 1."""
    words, states, thresholds, replicas, width = lattice
    height, pitch = words.shape[1], words.shape[2]
    beyond = np.empty((2, pitch), dtype=np.uint64)
    stop = replicas + (width + LANES - 1) // LANES * LANES
    for step in range(steps):
        colour = step & 1
        mine, theirs = words[colour], words[1 - colour]
        for index in range(low + slope * step, high - slope * step):
            row = index % height
            above, below = theirs[row - 1], theirs[(row + 1) % height]
            if row == 0:
                _turn_rows(above, True, beyond[0])
                above = beyond[0]
            if row == height - 1:
                _turn_rows(below, False, beyond[1])
                below = beyond[1]
            own, state, sides = mine[row], states[row], (above, below, theirs[row])
            turn = replicas if (row + colour) & 1 else -replicas
            if symmetric:
                symmetric_row(own, sides, turn, replicas, stop, state, thresholds)
            else:
                general_row(own, sides, turn, replicas, stop, state, thresholds)
            _mend_margins(own, replicas, width)


@njit(cache=True, nogil=True)
def _advance_twice(
    lattice: Any,
    symmetric: bool,
    centre: int,
    grown: int,
    low: int,
    high: int,
    slope: int,
    shrunk: int,
) -> None:
    """A gap that grows about `centre` for `grown` half-sweeps, then rows that shrink by `slope`."""
    _advance(lattice, symmetric, centre, centre, -1, grown)
    _advance(lattice, symmetric, low, high, slope, shrunk)


@njit(cache=True, nogil=True)
def _pack(spins: NDArray[np.int8], words: Words) -> None:
    """Spins ±1 (replica, L, L) → words (2, height, pitch), margins included."""
    replicas, size = spins.shape[0], spins.shape[1]
    height = size // TILES
    width = height // 2 * replicas
    words[:] = np.uint64(0)
    for colour in range(2):
        for row in range(height):
            out = words[colour, row]
            for half in range(height // 2):
                column = 2 * half + ((row + colour) & 1)
                for replica in range(replicas):
                    word = np.uint64(0)
                    for tile in range(64):
                        y, x = (tile >> 3) * height + row, (tile & 7) * height + column
                        if spins[replica, y, x] > 0:
                            word |= _ONE << np.uint64(tile)
                    out[replicas + half * replicas + replica] = word
            _mend_margins(out, replicas, width)


@njit(cache=True, nogil=True)
def _unpack(words: Words, spins: NDArray[np.int8]) -> None:
    """The inverse of `_pack`."""
    replicas, size = spins.shape[0], spins.shape[1]
    height = size // TILES
    for replica in range(replicas):
        for y in range(size):
            row = y % height
            even, odd = words[row & 1, row], words[1 - (row & 1), row]
            for tile in range(TILES):
                shift = np.uint64(8 * (y // height) + tile)
                out = spins[replica, y, tile * height : (tile + 1) * height]
                at = replicas + replica
                for half in range(height // 2):
                    out[2 * half] = 2 * np.int8((even[at] >> shift) & _ONE) - 1
                    out[2 * half + 1] = 2 * np.int8((odd[at] >> shift) & _ONE) - 1
                    at += replicas


def _thresholds(table: Table) -> tuple[Words, bool]:
    """Binary digits of the probabilities as full words (BITS + 1, columns), highest first."""
    down, up = table
    symmetric = is_symmetric(table)
    columns = (up[4], up[3]) if symmetric else (*down, *up)
    digits = np.zeros((BITS + 1, len(columns)), dtype=np.uint64)
    for column, probability in enumerate(columns):
        integer = threshold(probability, BITS)
        for k in range(BITS + 1):
            if integer >> (BITS - 1 - k if k < BITS else BITS) & 1:
                digits[k, column] = np.uint64(0xFFFFFFFFFFFFFFFF)
    return digits, symmetric


class PackedIsing:
    """Replicas of the square-lattice Ising model in words of 64 spins, on the CPU.

    Parameters
    ----------
    spins
        Start, shape (replica, L, L), int8 ±1, L a multiple of 16.
    seed
        Of the random streams, ≥ 0.
    threads
        How many may run at once. The result does not depend on it.
    """

    name = "packed (CPU)"

    def __init__(self, spins: Tensor, *, seed: int, threads: int = 1) -> None:
        self.replicas, self.size = int(spins.shape[0]), int(spins.shape[-1])
        self.threads = threads
        self._height = self.size // TILES
        # replicas go in blocks: enough to fill a register in a small lattice, and for threads
        fill = -(-LANES // (self._height // 2))
        self._block = max(-(-self.replicas // _BLOCKS), min(self.replicas, fill))
        self._count = -(-self.replicas // self._block)
        self._width = self._height // 2 * self._block
        pitch = 2 * self._block + -(-self._width // LANES) * LANES
        self._words = np.zeros((self._count, 2, self._height, pitch), dtype=np.uint64)
        starts = streams(seed, self._count * self._height * LANES)
        states = starts.reshape(self._count, self._height, LANES, 4).swapaxes(2, 3)
        self._states = np.ascontiguousarray(states).reshape(self._count, self._height, 4 * LANES)
        self.write(spins)

    def write(self, spins: Tensor) -> None:
        """Replace the configuration by `spins` (replica, L, L)."""
        given = spins.cpu().numpy()
        slots = np.ones((self._count * self._block, self.size, self.size), dtype=np.int8)
        slots[: self.replicas] = given
        for block, part in enumerate(np.split(slots, self._count)):
            _pack(part, self._words[block])

    def read(self) -> Tensor:
        """The configuration, int8 (replica, L, L), newly allocated."""
        slots = np.empty((self._count * self._block, self.size, self.size), dtype=np.int8)
        for block, part in enumerate(np.split(slots, self._count)):
            _unpack(self._words[block], part)
        return torch.from_numpy(slots[: self.replicas])

    def sweep(self, count: int, table: Table) -> None:
        """Update every spin `count` times, black sites then white, by `table` (see `rules`)."""
        digits, symmetric = _thresholds(table)
        lattices = [
            (words, states, digits, self._block, self._width)
            for words, states in zip(self._words, self._states, strict=True)
        ]
        stripes = min(
            self.threads, self._height // 4, self.size**2 * self._block // _SITES_PER_THREAD
        )
        if self._count > 1 or stripes < 2:
            whole = (0, 0, 0, self._height, 0, 2 * count)
            jobs = [(lattice, symmetric, *whole) for lattice in lattices]
            run(_advance_twice, jobs, threads=self.threads)
        else:
            self._sweep_stripes(lattices[0], symmetric, 2 * count, stripes)

    def _sweep_stripes(self, lattice: Any, symmetric: bool, left: int, stripes: int) -> None:
        """Advance stripes that shrink by a row on each side and half-sweep, then fill the gaps.

        No thread waits for another inside a stripe, and each row still sees its neighbours in
        order. Filling a gap and shrinking again about it is one job: diamonds in space and time.
        """
        height, turn = self._height, 2 * stripes
        marks = [height * j // turn + lap * height for lap in (-1, 0, 1) for j in range(turn)]
        deepest = height // turn // 2 * 2
        grown, first = 0, turn
        rounds = []
        while left or grown:
            shrunk = min(left, deepest)
            rounds.append(
                [
                    (lattice, symmetric, marks[j], grown, marks[j - 1], marks[j + 1], 1, shrunk)
                    for j in range(first, first + turn, 2)
                ]
            )
            grown, left, first = shrunk, left - shrunk, turn + (first + 1) % 2
        run(_advance_twice, *rounds, threads=stripes)
