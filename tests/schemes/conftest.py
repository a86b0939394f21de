"""Monte Carlo samples, drawn once for all tests of schemes."""

import math

import pytest
from torch import Tensor

from rgwidgets.systems.lattice.ising import Ising


def sampled(temperature: float, samples: int, every: int) -> Tensor:
    """Swendsen–Wang samples of a 64 × 64 Ising lattice, four chains one after the other."""
    ising = Ising(
        64,
        temperature=temperature,
        replicas=4,
        seed=11,
        device="cpu",
        algorithm="swendsen_wang",
        threads=1,
    )
    return ising.sample(samples // 4, every=every, discard=200).features["spins"]


@pytest.fixture(scope="session")
def critical() -> Tensor:
    """20 000 lattices at the critical temperature."""
    return sampled(2 / math.log(1 + math.sqrt(2)), 20_000, 2)


@pytest.fixture(scope="session")
def warm() -> Tensor:
    """4 000 lattices at K = 0.40."""
    return sampled(2.5, 4_000, 2)
