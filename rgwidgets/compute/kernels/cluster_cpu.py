"""Cluster updates on the CPU, for the critical point, where single spins are slow.

R. H. Swendsen and J.-S. Wang, Phys. Rev. Lett. 58, 86 (1987); U. Wolff, Phys. Rev. Lett. 62, 361
(1989). A field enters through the clusters' magnetisation: Swendsen–Wang draws each cluster's
sign with weight exp(±h M/T), Wolff accepts its flip with min(1, exp(−2 h s M/T)).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from .parallel import run
from .streams import Words, draw, streams

Spins = NDArray[np.int8]
Sites = NDArray[np.int32]

_SCALE = 2.0**-53
_ELEVEN = np.uint64(11)


@njit(cache=True, nogil=True)
def _uniform(state: Words) -> float:
    """A float64 in [0, 1) with 53 random bits."""
    return float(draw(state) >> _ELEVEN) * _SCALE


@njit(cache=True, nogil=True)
def _root(parent: Sites, site: int) -> int:
    while parent[site] != site:
        parent[site] = parent[parent[site]]  # halve the path
        site = parent[site]
    return site


@njit(cache=True, nogil=True)
def _join(parent: Sites, first: int, second: int) -> None:
    first, second = _root(parent, first), _root(parent, second)
    if first < second:
        parent[second] = first
    else:
        parent[first] = second


@njit(cache=True, nogil=True)
def swendsen_wang(
    spins: Spins, state: Words, bond: float, tilt: float, count: int, parent: Sites, mass: Sites
) -> None:
    """`count` updates of one lattice (L, L); bonds with chance `bond`, tilt = 2 field/T."""
    size = spins.shape[0]
    flat = spins.reshape(-1)
    for _ in range(count):
        for site in range(flat.size):
            parent[site], mass[site] = site, 0
        for y in range(size):
            for x in range(size):
                site = y * size + x
                right = y * size + (x + 1) % size
                below = (y + 1) % size * size + x
                if flat[site] == flat[right] and _uniform(state) < bond:
                    _join(parent, site, right)
                if flat[site] == flat[below] and _uniform(state) < bond:
                    _join(parent, site, below)
        for site in range(flat.size):
            parent[site] = _root(parent, site)
            mass[parent[site]] += 1
        for site in range(flat.size):
            # a root has the lowest index of its cluster, so it comes before its members
            if parent[site] == site:
                up = _uniform(state) * (1.0 + math.exp(-tilt * mass[site])) < 1.0
                flat[site] = 1 if up else -1
            else:
                flat[site] = flat[parent[site]]


@njit(cache=True, nogil=True)
def wolff(
    spins: Spins, state: Words, bond: float, tilt: float, count: int, stack: Sites, mark: Sites
) -> None:
    """`count` clusters of one lattice (L, L); `mark` (L²) is zero and stays zero between calls."""
    size = spins.shape[0]
    flat = spins.reshape(-1)
    for _ in range(count):
        seed = int(_uniform(state) * flat.size)
        sign = flat[seed]
        stack[0], mark[seed] = seed, 1
        length, done = 1, 0
        while done < length:
            site = stack[done]
            done += 1
            y, x = site // size, site % size
            for way in range(4):
                if way == 0:
                    near = y * size + (x + 1) % size
                elif way == 1:
                    near = y * size + (x - 1) % size
                elif way == 2:
                    near = (y + 1) % size * size + x
                else:
                    near = (y - 1) % size * size + x
                if flat[near] == sign and mark[near] == 0 and _uniform(state) < bond:
                    mark[near] = 1
                    stack[length] = near
                    length += 1
        flip = _uniform(state) < math.exp(min(0.0, -tilt * sign * length))
        for index in range(length):
            mark[stack[index]] = 0
            if flip:
                flat[stack[index]] = -sign


class ClusterIsing:
    """Replicas of the square-lattice Ising model under cluster updates, on the CPU.

    Parameters
    ----------
    spins
        Start, shape (replica, L, L), int8 ±1.
    seed
        Of the random streams, one for each replica.
    algorithm
        "swendsen_wang", where one sweep renews every spin, or "wolff", where it flips one cluster.
    threads
        How many replicas may be updated at once. The result does not depend on it.
    """

    def __init__(self, spins: Tensor, *, seed: int, algorithm: str, threads: int = 1) -> None:
        self.name = f"{algorithm} (CPU)"
        self.threads = threads
        self._update = swendsen_wang if algorithm == "swendsen_wang" else wolff
        self._states = streams(seed, spins.shape[0])
        self._scratch = np.zeros((2, spins.shape[0], spins[0].numel()), dtype=np.int32)
        self.write(spins)

    def write(self, spins: Tensor) -> None:
        """Replace the configuration by `spins` (replica, L, L)."""
        self._spins = np.ascontiguousarray(spins.cpu().numpy().astype(np.int8))

    def read(self) -> Tensor:
        """The configuration, int8 (replica, L, L), newly allocated."""
        return torch.from_numpy(self._spins.copy())

    def update(self, count: int, temperature: float, field: float) -> None:
        """`count` updates of every replica."""
        bond, tilt = -math.expm1(-2 / temperature), 2 * field / temperature
        # beyond ±700 the weight of one site already leaves float64
        tilt = max(-700.0, min(700.0, tilt))
        jobs = [
            (spins, state, bond, tilt, count, self._scratch[0, r], self._scratch[1, r])
            for r, (spins, state) in enumerate(zip(self._spins, self._states, strict=True))
        ]
        run(self._update, jobs, threads=self.threads)
