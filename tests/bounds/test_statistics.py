"""Radii are measured norms; derangements move everyone; means carry errors."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rgwidgets.bounds.statistics import derangement, tail_radius
from rgwidgets.core.errors import ParameterError


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.floats(0.01, 1.0))
def test_the_radius_is_the_smallest_norm_that_covers_the_fraction(
    norms: list[float], quantile: float
) -> None:
    t = torch.tensor(norms, dtype=torch.float64)
    radius = tail_radius(t, quantile)
    assert radius in t.tolist()
    assert float((t <= radius).double().mean()) >= quantile - 1e-9
    assert float((t < radius).double().mean()) < quantile


@pytest.mark.parametrize("quantile", [0.0, -1.0, 1.5, math.nan])
def test_a_quantile_outside_0_1_is_refused(quantile: float) -> None:
    with pytest.raises(ParameterError, match="quantile"):
        tail_radius(torch.ones(3), quantile)


@pytest.mark.parametrize("n", [2, 3, 17, 256])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_derangement_is_a_permutation_that_moves_everyone(n: int, seed: int) -> None:
    order = derangement(n, seed)
    assert sorted(order.tolist()) == list(range(n))
    assert not bool((order == torch.arange(n)).any())
    assert torch.equal(order, derangement(n, seed))


def test_every_other_sample_is_lent_equally_often() -> None:
    counts = torch.zeros(4, 4)
    for seed in range(3000):
        counts[torch.arange(4), derangement(4, seed)] += 1
    off = counts[~torch.eye(4, dtype=torch.bool)] / 3000
    assert float((off - 1 / 3).abs().max()) < 4 * math.sqrt(2 / 9 / 3000)


def test_a_single_sample_cannot_be_deranged() -> None:
    with pytest.raises(ParameterError, match="two or more"):
        derangement(1)
