"""Every update leaves Boltzmann's distribution as it is: enumeration on a lattice of 4 × 4."""

import functools

import numpy as np
import pytest
import torch

from rgwidgets.compute.kernels.cluster_cpu import ClusterIsing
from rgwidgets.compute.kernels.ising_torch import TorchIsing
from rgwidgets.compute.kernels.rules import flip_table

SITES = 16
SAMPLES = 40_000


@functools.cache
def enumeration() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All 65,536 configurations with Σ s s′ and Σ s."""
    codes = np.arange(2**SITES)[:, None]
    spins = (((codes >> np.arange(SITES)) & 1) * 2 - 1).astype(np.int8).reshape(-1, 4, 4)
    bonds = sum((spins * np.roll(spins, 1, axis)).sum((1, 2)) for axis in (1, 2))
    return spins, bonds.astype(int), spins.sum((1, 2)).astype(int)


def classes(bonds: np.ndarray, total: np.ndarray) -> np.ndarray:
    return (bonds + 32) * 33 + total + 16


def chi_square_per_class(spins: np.ndarray, weights: np.ndarray) -> tuple[float, int]:
    """Observed against expected numbers by energy and magnetisation; rare classes as one."""
    _, bonds, total = enumeration()
    expected = np.bincount(classes(bonds, total), weights) * len(spins)
    b = sum((spins * np.roll(spins, 1, axis)).sum((1, 2)) for axis in (1, 2)).astype(int)
    found = np.bincount(classes(b, spins.sum((1, 2))), minlength=len(expected))
    common = expected >= 8
    rest = (expected[~common].sum(), found[~common].sum())
    terms = (found[common] - expected[common]) ** 2 / expected[common]
    tail = (rest[1] - rest[0]) ** 2 / max(rest[0], 1)
    return float(terms.sum() + tail), int(common.sum())


def equilibrium(temperature: float, field: float, seed: int) -> tuple[torch.Tensor, np.ndarray]:
    spins, bonds, total = enumeration()
    exponent = (bonds + field * total) / temperature
    weights = np.exp(exponent - exponent.max())
    weights /= weights.sum()
    chosen = np.random.default_rng(seed).choice(len(spins), SAMPLES, p=weights)
    return torch.from_numpy(spins[chosen]), weights


def update(algorithm: str, spins: torch.Tensor, temperature: float, field: float) -> np.ndarray:
    if algorithm in ("metropolis", "heat_bath"):
        plain = TorchIsing(spins, seed=8)
        plain.sweep(3, flip_table(temperature, field, algorithm))
        return plain.read().numpy()
    cluster = ClusterIsing(spins, seed=8, algorithm=algorithm)
    cluster.update(3, temperature, field)
    return cluster.read().numpy()


@pytest.mark.parametrize("algorithm", ["metropolis", "heat_bath", "swendsen_wang", "wolff"])
@pytest.mark.parametrize("temperature, field", [(2.27, 0.0), (3.5, 0.0), (2.5, 0.3), (3.0, -0.8)])
def test_updates_leave_the_boltzmann_distribution_as_it_is(algorithm, temperature, field):
    start, weights = equilibrium(temperature, field, seed=3)
    moved = update(algorithm, start, temperature, field)
    changed = (moved != start.numpy()).any((1, 2)).mean()
    assert changed > 0.2  # a kernel that does nothing would pass the rest
    statistic, count = chi_square_per_class(moved, weights)
    # mean `count`, variance 2 · count; 4.5 σ
    assert abs(statistic - count) < 4.5 * (2 * count) ** 0.5


@pytest.mark.parametrize("algorithm", ["metropolis", "heat_bath", "swendsen_wang", "wolff"])
def test_the_test_itself_sees_a_temperature_that_is_off_by_four_percent(algorithm):
    start, weights = equilibrium(2.27, 0.0, seed=3)
    moved = update(algorithm, start, 2.27 * 1.04, 0.0)
    statistic, count = chi_square_per_class(moved, weights)
    assert statistic - count > 4.5 * (2 * count) ** 0.5


@pytest.mark.parametrize("algorithm", ["swendsen_wang", "wolff"])
def test_clusters_do_not_depend_on_threads_and_follow_the_seed(algorithm):
    start, _ = equilibrium(2.27, 0.0, seed=3)
    results = []
    for threads, seed in ((1, 1), (3, 1), (1, 2)):
        engine = ClusterIsing(start[:64], seed=seed, algorithm=algorithm, threads=threads)
        engine.update(5, 2.27, 0.0)
        results.append(engine.read())
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


@pytest.mark.parametrize("algorithm", ["swendsen_wang", "wolff"])
def test_clusters_at_the_ends_of_the_temperature_scale(algorithm):
    start = torch.ones(8, 6, 6, dtype=torch.int8)
    frozen = ClusterIsing(start, seed=1, algorithm=algorithm)
    frozen.update(7, 1e-300, 0.0)
    assert (frozen.read().double().mean((1, 2)).abs() == 1).all()
    pinned = ClusterIsing(start, seed=1, algorithm=algorithm)
    pinned.update(7, 1e-300, -1.0)
    assert (pinned.read() == -1).all()
    hot = ClusterIsing(start, seed=1, algorithm="swendsen_wang")
    hot.update(3, 1e300, 0.0)
    assert abs(float(hot.read().double().mean())) < 4 / (8 * 36) ** 0.5
