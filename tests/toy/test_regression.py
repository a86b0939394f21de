"""A network learns one value a datum, the same from the same seed."""

import pytest
import torch

from rgwidgets.core.errors import ConvergenceError, ParameterError
from rgwidgets.toy.regression import regression


def task(n=40, d=3):
    x = torch.randn(n, d, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return x, x[:, 0].abs() - x[:, 1]


@pytest.mark.slow
@pytest.mark.parametrize("widths", [(32,), (48, 24), (16, 16, 16)])
@pytest.mark.parametrize("seed", [0, 1])
def test_it_learns_what_is_not_linear(widths, seed):
    x, y = task()
    module = regression(x, y, widths=widths, seed=seed)
    found = module(x.float())[:, 0].double()
    assert float((found - y).square().mean() / y.var()) < 0.01
    assert not module.training
    shapes = [tuple(part.weight.shape) for part in module if hasattr(part, "weight")]
    assert shapes == list(zip((*widths, 1), (3, *widths), strict=True))


def test_without_a_hidden_layer_it_is_the_least_squares_line():
    x, y = task()
    x = torch.cat([x, torch.ones(len(x), 1)], dim=1).double()
    exact = x @ torch.linalg.lstsq(x, y).solution
    module = regression(x, y, widths=(), steps=800, learning_rate=0.05)
    torch.testing.assert_close(module(x.float())[:, 0].double(), exact, atol=1e-3, rtol=0)


def test_seeds_decide_and_the_random_state_is_left_alone():
    state = torch.get_rng_state()
    x, y = task()
    first, again, other = (regression(x, y, steps=3, seed=seed)(x.float()) for seed in (2, 2, 3))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize(
    "bad",
    [
        {"widths": 5},
        {"widths": (0,)},
        {"widths": (8.0,)},
        {"widths": (5000,)},
        {"steps": 0},
        {"steps": 1.5},
        {"learning_rate": 0},
        {"learning_rate": 2.0},
        {"learning_rate": True},
        {"learning_rate": "fast"},
        {"seed": -1},
    ],
    ids=str,
)
def test_options_that_there_are_not_are_refused(bad):
    with pytest.raises(ParameterError):
        regression(*task(), **bad)


def test_an_error_that_is_not_finite_is_said():
    x, y = task()
    with pytest.raises(ConvergenceError, match="learning rate"):
        regression(x, y * float("inf"), steps=2)
