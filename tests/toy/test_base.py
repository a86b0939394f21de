"""Every tier answers the same questions in the same way."""

import inspect

import pytest
import torch
from torch import nn

from rgwidgets.core.catalogue import entries
from rgwidgets.core.errors import ParameterError
from rgwidgets.core.numeric import whole
from rgwidgets.toy.base import ToyModel

#: tier → a small one of it
SMALL = {
    "ultrametric_tree": {"depth": 3},
    "planted_fault": {"depth": 3},
    "random_hierarchy": {"vocabulary": 4, "rules": 2, "depth": 2},
    "percolation": {"data": 32, "depth": 4},
}


@pytest.fixture(params=[entry.name for entry in entries("toy")])
def toy(request):
    (entry,) = [entry for entry in entries("toy") if entry.name == request.param]
    return entry.load()(**SMALL.get(request.param, {}))


def test_levels_go_from_the_coarsest_to_the_data(toy):
    assert isinstance(toy, ToyModel)
    levels = toy.levels()
    assert levels == tuple(range(len(levels)))
    assert len(levels) > 1


def test_samples_carry_their_hierarchy_and_repeat_with_the_seed(toy):
    sample = toy.sample(6, seed=3)
    assert len(sample.x) == 6
    assert len(sample.latents) == len(toy.levels())
    assert all(len(h) == 6 and h.dtype == torch.int64 for h in sample.latents)
    assert torch.equal(sample.x, toy.sample(6, seed=3).x)
    assert not torch.equal(sample.x, toy.sample(6, seed=4).x)


def test_the_finest_level_changes_nothing(toy):
    x = toy.sample(5, seed=1).x
    torch.testing.assert_close(toy.coarse_grain(x, toy.levels()[-1]).to(x), x)


def test_features_grow_with_the_level(toy):
    sizes = [toy.ground_truth_features(level).shape[-1] for level in toy.levels()]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


def test_there_is_a_task_to_learn(toy):
    (x, latents), y = toy.task()
    assert x.ndim == y.ndim == 2
    assert len(x) == len(y)
    assert all(len(h) == len(x) for h in latents)
    assert float(y.std(0).max()) > 0


def test_networks_are_trained_modules_in_evaluation_mode_and_draw_no_global_numbers(toy):
    state = torch.get_rng_state()
    network = toy.network()
    assert isinstance(network, nn.Module)
    assert not any(part.training for part in network.modules())
    assert torch.equal(state, torch.get_rng_state())


def test_levels_that_there_are_not_are_refused(toy):
    for level in (-1, len(toy.levels()), 0.5, True):
        with pytest.raises(ParameterError, match="level"):
            toy.ground_truth_features(level)
        with pytest.raises(ParameterError, match="level"):
            toy.coarse_grain(toy.sample(2).x, level)
    with pytest.raises(ParameterError):
        toy.sample(0)


def test_all_parameters_are_keywords_but_the_first(toy):
    parameters = list(inspect.signature(type(toy)).parameters.values())
    assert all(p.kind is inspect.Parameter.KEYWORD_ONLY for p in parameters[1:])


@pytest.mark.parametrize("given", [0, 1.0, True, None, "2"])
def test_a_number_that_is_not_whole_or_too_small_is_refused(given):
    with pytest.raises(ParameterError, match="leaves"):
        whole("leaves", given, 1)
