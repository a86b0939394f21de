"""The gradient flow is that of a deep linear network: checked by training one, step by step."""

import math

import pytest
import torch

from rgwidgets.core.errors import ConvergenceError, ParameterError
from rgwidgets.toy.learning import learn, linear


def problem(strengths):
    n = len(strengths)
    generator = torch.Generator().manual_seed(0)
    left, right = (
        torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))[0]
        for _ in range(2)
    )
    return left @ torch.diag(torch.tensor(strengths, dtype=torch.float64)) @ right.T, left


@pytest.mark.parametrize("hidden", [8, 100])
def test_the_flow_is_gradient_descent_with_small_steps(hidden):
    target, modes = problem((2.0, 1.0, 0.5))
    given = {"initial": 1e-2, "hidden": hidden, "seed": 1, "until": 14.0}
    learning = learn(target, modes, [slice(0, 1), slice(1, 2), slice(2, 3)], **given)
    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(hidden, 6, generator=generator, dtype=torch.float64)
    weights *= math.sqrt(2 * given["initial"] / hidden)
    first, second, rate = weights[:, :3], weights[:, 3:].T, 2e-3
    goal = modes.T @ target
    for _ in range(round(given["until"] / rate)):
        error = goal - second @ first
        first, second = first + rate * second.T @ error, second + rate * error @ first.T
    layers = learning.module[1].weight.double() @ learning.module[0].weight.double()
    torch.testing.assert_close(layers, modes @ second @ first, atol=5e-3, rtol=0)


def test_strengths_begin_small_and_end_whole():
    target, modes = problem((2.0, 1.0))
    learning = learn(target, modes, [slice(0, 2)], initial=1e-4, hidden=4000, seed=0, until=20.0)
    assert learning.strengths.shape == (len(learning.times), 1)
    assert float(learning.strengths[0]) < 1e-3
    assert float(learning.strengths[-1]) == pytest.approx(1.5, rel=1e-6)


@pytest.mark.parametrize("strength", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("initial", [1e-3, 1e-8])
def test_a_single_mode_follows_the_logistic_curve(strength, initial):
    """a(t) = s e^{2st} / (e^{2st} − 1 + s/a₀), up to the scatter of a₀ at finite width."""
    target, modes = problem((strength,))
    until = 2 * math.log(strength / initial) / (2 * strength)
    learning = learn(
        target, modes, [slice(0, 1)], initial=initial, hidden=200_000, seed=2, until=until
    )
    growth = torch.exp(2 * strength * learning.times)
    expected = strength * growth / (growth - 1 + strength / initial)
    late = expected > 20 * initial  # until then the decaying half of the weights is still there
    error = (learning.strengths[late, 0] - expected[late]).abs().max() / strength
    assert float(error) < 0.01


def test_a_mode_that_is_not_learnt_in_time_is_told():
    target, modes = problem((1.0, 0.1))
    with pytest.raises(ConvergenceError, match="half-time"):
        learn(target, modes, [slice(0, 2)], initial=1e-3, hidden=50, seed=0, until=5.0)


def test_too_many_modes_are_refused():
    big = torch.eye(513, dtype=torch.float64)
    with pytest.raises(ParameterError, match="512"):
        learn(big, big, [slice(0, 513)], initial=1e-3, hidden=600, seed=0, until=1.0)


def test_a_layer_from_its_weights():
    weight, bias = torch.arange(6.0).reshape(2, 3), torch.tensor([1.0, -1.0])
    layer = linear(weight, bias)
    torch.testing.assert_close(layer(torch.ones(3)), weight.sum(1) + bias)
    assert linear(weight.double()).weight.dtype == torch.float64
    assert linear(weight).bias is None
