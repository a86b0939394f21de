"""Lattices and observables that several tests of schemes look at."""

import itertools

import torch
from torch import Tensor

from rgwidgets.core.local import LocalObservable

LOCAL = (
    LocalObservable("m", terms=((1.0, ((0, 0),)),)),
    LocalObservable("|m|", terms=((1.0, ((0, 0),)),), absolute=True),
    LocalObservable("nearest", terms=((0.5, ((0, 0), (0, 1))), (0.5, ((0, 0), (1, 0))))),
    LocalObservable("diagonal", terms=((0.5, ((0, 0), (1, 1))), (0.5, ((0, 0), (1, -1))))),
    LocalObservable(
        "energy",
        terms=((-1.0, ((0, 0), (0, 1))), (-1.0, ((0, 0), (1, 0))), (-0.4, ((0, 0),)), (0.3, ())),
    ),
    LocalObservable("plaquette", terms=((1.0, ((0, 0), (0, 1), (1, 0), (1, 1))),)),
    LocalObservable("far", terms=((0.5, ((0, 0), (0, 2))), (0.5, ((0, 0), (0, 1))))),
)


def random_spins(seed: int, n: int, height: int, width: int, bias: float = 0.5) -> Tensor:
    """Independent spins ±1, each + with probability `bias`."""
    generator = torch.Generator().manual_seed(seed)
    up = torch.rand(n, height, width, generator=generator) < bias
    return up.to(torch.int8) * 2 - 1


def every_lattice(height: int, width: int) -> Tensor:
    """All configurations of spins ±1, (2^sites, y, x)."""
    sites = height * width
    bits = (torch.arange(1 << sites)[:, None] >> torch.arange(sites)) & 1
    return (2 * bits - 1).to(torch.int8).view(-1, height, width)


def block_totals(spins: Tensor, b: int) -> Tensor:
    """Sum of each b × b block, one block at a time: (n, y, x) → (n, y/b, x/b) int64."""
    n, height, width = spins.shape
    totals = torch.zeros(n, height // b, width // b, dtype=torch.int64)
    for y, x in itertools.product(range(height // b), range(width // b)):
        block = spins[:, b * y : b * y + b, b * x : b * x + b]
        totals[:, y, x] = block.sum((1, 2), dtype=torch.int64)
    return totals


def belongs(spins: Tensor, coarse: Tensor, b: int, rule: str) -> Tensor:
    """Whether each lattice may show the block spins `coarse` (y, x) after one step, (n,) bool."""
    if rule == "decimation":
        fits = spins[:, ::b, ::b] == coarse
    elif rule == "majority":
        fits = block_totals(spins, b) * coarse.long() >= 0
    else:
        fits = block_totals(spins, b) == (coarse * b * b).round().long()
    return fits.all(2).all(1)
