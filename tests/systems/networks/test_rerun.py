"""Running a module again from a layer: the same each time, and never on stale weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rgwidgets.core.errors import ObservableError, ShapeError
from rgwidgets.core.outputs import Readout
from rgwidgets.systems.capture import capture
from rgwidgets.systems.networks.batch import arguments
from rgwidgets.systems.networks.rerun import Captured

LABELS = torch.tensor([0, 1, 2, 0, 1])


def mlp() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 3))


@pytest.mark.parametrize(
    "batch, count, keywords",
    [
        (torch.ones(4, 2), 1, []),
        ((torch.ones(4, 2), 3.0), 2, []),
        ([torch.ones(4, 2)], 1, []),
        ({"x": torch.ones(4, 2), "flag": True}, 0, ["x", "flag"]),
    ],
)
def test_a_batch_becomes_arguments(batch: Any, count: int, keywords: list[str]) -> None:
    args, named = arguments(batch)
    assert len(args) == count
    assert list(named) == keywords


def test_it_is_the_readout_that_proofs_read() -> None:
    captured = Captured(mlp(), "1", (torch.randn(5, 6),), {})
    activation = captured.capture()
    assert isinstance(captured, Readout)
    assert captured(activation).shape == (5, 3)
    assert torch.equal(captured(activation), captured.raw(activation))


def test_no_graph_is_kept_where_no_gradient_is_wanted() -> None:
    captured = Captured(mlp(), "1", (torch.randn(5, 6),), {})
    activation = captured.capture()
    assert not captured(activation).requires_grad
    assert captured(activation.requires_grad_()).requires_grad


def test_work_in_place_on_the_batch_does_not_reach_the_user_s() -> None:
    module = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(6, 3))
    batch = torch.randn(5, 6)
    copy = batch.clone()
    theory = capture(module, batch, "0", labels=LABELS)
    assert torch.equal(batch, copy)
    values = theory.samples("loss")
    batch.zero_()
    assert torch.equal(theory.samples("loss"), values)


def test_a_module_that_draws_random_numbers_gives_the_same_each_time() -> None:
    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            h = self.inner(x)
            return h + torch.randn_like(h)

    theory = capture(Noisy(), torch.randn(5, 6), "inner", labels=LABELS)
    assert torch.equal(theory.samples("loss"), theory.samples("loss"))


def test_features_of_another_shape_are_refused() -> None:
    theory = capture(mlp(), torch.randn(5, 6), "1", labels=LABELS)
    with pytest.raises(ShapeError, match=r"allowed: \(5, 8\)"):
        theory.observe({"activation": torch.randn(4, 8)})


def test_a_network_that_was_trained_on_refuses_to_be_observed() -> None:
    module = mlp()
    theory = capture(module, torch.randn(5, 6), "1", labels=LABELS)
    with torch.no_grad():
        module[3].weight.add_(1.0)
    with pytest.raises(ObservableError, match="capture again"):
        theory.observe()


def test_an_error_in_the_module_leaves_no_hook_behind() -> None:
    class Fragile(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.broken = nn.Linear(6, 3), False

        def forward(self, x: Tensor) -> Tensor:
            h = self.inner(x)
            if self.broken:
                raise RuntimeError("broken on purpose")
            return h

    module = Fragile()
    theory = capture(module, torch.randn(5, 6), "inner", labels=LABELS)
    module.broken = True
    random = torch.get_rng_state()
    with pytest.raises(ShapeError, match="broken on purpose"):
        theory.observe()
    assert not module.inner._forward_hooks
    assert module.training
    assert torch.equal(torch.get_rng_state(), random)
