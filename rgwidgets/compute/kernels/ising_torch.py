"""Single-spin updates in plain torch: any even lattice, any device; the others' reference."""

from __future__ import annotations

import torch
from torch import Tensor

from .rules import Table


class TorchIsing:
    """Replicas of the square-lattice Ising model as a tensor of spins.

    Parameters
    ----------
    spins
        Start, shape (replica, L, L), int8 ±1, L even; its device is where the work is done.
    seed
        Of the kernel's own generator; torch's global generator is never touched.
    """

    name = "plain (torch)"

    def __init__(self, spins: Tensor, *, seed: int) -> None:
        self._spins = spins.clone()
        device = spins.device
        self._generator = torch.Generator(device=device).manual_seed(seed)
        # 53 random bits where the device has float64, 24 on MPS, which has not
        self._dtype = torch.float32 if device.type == "mps" else torch.float64
        rows = torch.arange(spins.shape[-2], device=device)[:, None]
        columns = torch.arange(spins.shape[-1], device=device)
        self._black = (rows + columns) % 2 == 0

    def write(self, spins: Tensor) -> None:
        """Replace the configuration by `spins` (replica, L, L)."""
        self._spins = spins.to(self._spins.device, torch.int8, copy=True)

    def read(self) -> Tensor:
        """The configuration, int8 (replica, L, L), newly allocated."""
        return self._spins.clone()

    def sweep(self, count: int, table: Table) -> None:
        """Update every spin `count` times, black sites then white, by `table` (see `rules`)."""
        chances = torch.tensor(table, dtype=torch.float64).flatten()
        chances = chances.to(self._spins.device, self._dtype)
        for _ in range(count):
            for colour in (self._black, ~self._black):
                self._update(colour, chances)

    def _update(self, colour: Tensor, chances: Tensor) -> None:
        spins = self._spins
        surrounding = neighbour_sum(spins)
        # row 5 · (spin is up) + number of neighbours up of the flattened table
        index = 5 * (spins > 0) + (surrounding + 4) // 2
        uniform = torch.rand(
            spins.shape, generator=self._generator, dtype=self._dtype, device=spins.device
        )
        flip = (uniform < chances[index.long()]) & colour
        self._spins = torch.where(flip, -spins, spins)


def neighbour_sum(spins: Tensor) -> Tensor:
    """Sum of the four neighbours of every site on the torus, shape and dtype of `spins`.

    >>> neighbour_sum(torch.ones(1, 4, 4, dtype=torch.int8)).unique()
    tensor([4], dtype=torch.int8)
    """
    return spins.roll(1, -2) + spins.roll(-1, -2) + spins.roll(1, -1) + spins.roll(-1, -1)
