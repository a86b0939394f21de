"""Implicit and explicit renormalisation order the levels alike on T0, and how far elsewhere."""

import math

import pytest
import torch

from rgwidgets.core.errors import ConvergenceError, ParameterError
from rgwidgets.core.estimate import Estimate
from rgwidgets.toy import PercolationData, PlantedFault, RandomHierarchy, UltrametricTree
from rgwidgets.toy.hypothesis import Orders, orders


def made(variance, times, error=0.0):
    levels = tuple(range(1, len(variance) + 1))
    return Orders(levels, tuple(variance), tuple(Estimate(float(t), error) for t in times))


def test_agreement_is_one_for_like_orders_and_minus_one_for_opposite_ones():
    assert made((4, 2, 1), (10, 20, 30)).agreement == 1
    assert made((4, 2, 1), (30, 20, 10)).agreement == -1
    assert made((4, 2, 1), (20, 10, 30)).agreement == pytest.approx(1 / 3)
    assert math.isnan(made((4,), (10,)).agreement)


def test_only_what_is_beyond_two_errors_counts_as_broken():
    assert made((4, 2, 1), (30, 20, 10)).broken() == [(1, 2), (1, 3), (2, 3)]
    assert made((4, 2, 1), (20, 10, 30), error=1.0).broken() == [(1, 2)]
    assert made((4, 2, 1), (20, 10, 30), error=8.0).broken() == []


@pytest.mark.parametrize(
    "branching, depth, sigma", [(2, 4, 1.0), (3, 2, 0.7), (2, 3, (1, 2, 1, 3))]
)
def test_on_t0_both_scales_order_the_levels_alike(branching, depth, sigma):
    found = orders(UltrametricTree(branching=branching, depth=depth, sigma=sigma))
    assert found.levels == tuple(range(1, depth + 1))
    assert found.agreement == 1
    assert found.broken() == []


def test_the_variances_are_the_trees_own():
    tree = UltrametricTree(branching=2, depth=3)
    assert orders(tree).variance == pytest.approx(tree.eigenvalues()[1:])


def test_a_network_that_needs_the_finest_first_breaks_it():
    found = orders(PlantedFault("wrong direction", depth=3, seed=1), networks=2)
    assert math.isfinite(found.half_time[-1].value)
    assert all(math.isinf(t.value) for t in found.half_time[:-1])
    assert found.agreement < 0
    assert found.broken() == [(1, 3), (2, 3)]


def test_a_network_that_needs_the_coarsest_alone_keeps_it():
    found = orders(PlantedFault("none", depth=3, seed=1), networks=2)
    assert found.broken() == []
    assert math.isfinite(found.half_time[0].value)
    assert math.isinf(found.half_time[-1].value)


def test_the_other_tiers_have_an_answer_with_its_error():
    toys = (
        RandomHierarchy(vocabulary=4, rules=2, depth=2, seed=1),
        PercolationData(data=64, depth=4, seed=1),
    )
    for toy in toys:
        found = orders(toy, networks=2, steps=150)
        assert -1 <= found.agreement <= 1
        known = [t for t in found.half_time if math.isfinite(t.value)]
        assert known
        assert all(0 < t.value <= 150 and t.error > 0 for t in known)


def test_the_same_seed_gives_the_same_orders_and_leaves_the_global_numbers_alone():
    state = torch.get_rng_state()
    toy = PercolationData(data=32, depth=3, seed=2)
    first, second = (orders(toy, networks=2, steps=60, seed=5) for _ in range(2))
    assert first.half_time == second.half_time
    assert torch.equal(state, torch.get_rng_state())


def test_bad_numbers_and_training_that_teaches_nothing_are_told():
    toy = PercolationData(data=32, depth=3)
    for name in ("networks", "steps", "width"):
        with pytest.raises(ParameterError, match=name):
            orders(toy, **{name: 0})
    with pytest.raises(ConvergenceError, match="learnt"):
        orders(UnlearnableTask(data=32, depth=3), networks=1, steps=3)


class UnlearnableTask(PercolationData):
    """Nothing depends on the data."""

    def task(self):
        sample, y = super().task()
        return sample, torch.zeros_like(y)
