"""Multi-spin coded single-spin updates on a CUDA device, one triton program a block of words.

The layout is that of `ising_cpu` without margins: bit 8 by + bx of a word belongs to tile (by, bx)
of an 8 × 8 tiling of the torus, words are (2 colours, height, width) with the replicas innermost.
Randomness is counter-based (Philox 4×32, Salmon et al., SC11, 2011), keyed by the seed and counted
by word, half-sweep and digit, so results do not depend on how the device schedules. A probability
keeps 32 binary digits; all are compared, because neighbouring threads would wait for each other
if some stopped early.

This module imports where triton is absent; `refusal` says whether and why the kernel cannot run.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor

from .rules import Table, is_symmetric, threshold

TILES = 8
DIGITS = 32
_BLOCK = 256


@cache
def refusal(device: torch.device) -> str:
    """Why the kernel cannot run on `device`, found by trying; empty if it can.

    >>> refusal(torch.device("cpu"))
    'cpu is not a CUDA device'
    """
    if device.type != "cuda":
        return f"{device.type} is not a CUDA device"
    if find_spec("triton") is None:
        return "triton is not installed"
    try:
        spins = torch.ones(1, 2 * TILES, 2 * TILES, dtype=torch.int8, device=device)
        CudaIsing(spins, seed=0).sweep(1, ((1.0,) * 5, (1.0,) * 5))
        torch.cuda.synchronize(device)
    except Exception as error:  # triton needs a C compiler and a driver, and fails in many ways
        return f"triton cannot build here: {error}"
    return ""


def pack(spins: Tensor) -> Tensor:
    """Spins ±1 (replica, L, L) → words int64 (2, L/8, L/16 · replicas), on the same device.

    >>> pack(torch.ones(1, 16, 16, dtype=torch.int8)).unique()
    tensor([-1])
    """
    replicas, size = spins.shape[0], spins.shape[-1]
    height = size // TILES
    tiles = (spins > 0).reshape(replicas, TILES, height, TILES, height // 2, 2)
    colours = _order_colours(tiles).permute(5, 2, 4, 0, 1, 3)
    bits = colours.reshape(2, height, height // 2 * replicas, 64).long()
    return (bits << torch.arange(64, device=spins.device)).sum(-1)


def unpack(words: Tensor, replicas: int) -> Tensor:
    """The inverse of `pack`: int8 (replica, L, L)."""
    height = words.shape[1]
    bits = (words[..., None] >> torch.arange(64, device=words.device)) & 1
    shape = (2, height, height // 2, replicas, TILES, TILES)
    tiles = bits.to(torch.int8).reshape(shape).permute(3, 4, 1, 5, 2, 0)
    size = TILES * height
    return 2 * _order_colours(tiles).reshape(replicas, size, size) - 1


def _order_colours(tiles: Tensor) -> Tensor:
    """Swap the last axis in odd rows: column parity ↔ colour."""
    ordered = tiles.clone()
    ordered[:, :, 1::2] = tiles[:, :, 1::2].flip(-1)
    return ordered


class CudaIsing:
    """Replicas of the square-lattice Ising model in words of 64 spins, on a CUDA device.

    Parameters
    ----------
    spins
        Start, shape (replica, L, L), int8 ±1, L a multiple of 16; its device does the work.
    seed
        Key of the random numbers, ≥ 0.
    """

    name = "packed (CUDA)"

    def __init__(self, spins: Tensor, *, seed: int) -> None:
        self.replicas = int(spins.shape[0])
        self._device = spins.device
        self._seed, self._step = seed, 0
        self.write(spins)

    def write(self, spins: Tensor) -> None:
        """Replace the configuration by `spins` (replica, L, L)."""
        self._words = pack(spins.to(self._device)).contiguous()

    def read(self) -> Tensor:
        """The configuration, int8 (replica, L, L), newly allocated."""
        return unpack(self._words, self.replicas)

    def sweep(self, count: int, table: Table) -> None:
        """Update every spin `count` times, black sites then white, by `table` (see `rules`)."""
        from .ising_triton import half_sweep

        down, up = table
        sizes = [threshold(probability, DIGITS) for probability in (*down, *up)]
        digits = torch.tensor(sizes, dtype=torch.int64, device=self._device)
        _, height, width = self._words.shape
        grid = (-(-height * width // _BLOCK),)
        for half in range(2 * count):
            half_sweep[grid](
                self._words,
                digits,
                self._seed,
                self._step & 0x7FFFFFFF,
                self._step >> 31,
                half & 1,
                height,
                width,
                self.replicas,
                SYMMETRIC=is_symmetric(table),
                DIGITS=DIGITS,
                BLOCK=_BLOCK,
            )
            self._step += 1
