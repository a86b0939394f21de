"""Running a module again from a layer: the same each time, on the weights of the capture."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from rgwidgets.core.errors import ShapeError
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


def test_features_of_another_shape_are_refused() -> None:
    theory = capture(mlp(), torch.randn(5, 6), "1", labels=LABELS)
    with pytest.raises(ShapeError, match=r"allowed: \(5, 8\)"):
        theory.observe({"activation": torch.randn(4, 8)})


def test_a_theory_is_of_the_weights_that_it_was_captured_with() -> None:
    module, x = mlp(), torch.randn(5, 6)
    theory = capture(module, x, "1", labels=LABELS)
    before = theory.samples("loss")
    state = {name: torch.randn_like(t) for name, t in module.state_dict().items()}
    for change in (
        lambda: module.load_state_dict(state),
        lambda: module.load_state_dict(state, assign=True),
        lambda: module[3].register_forward_hook(lambda *_: torch.zeros(5, 3)),
        lambda: module.__setitem__(3, nn.Linear(8, 3)),
        lambda: module[3].weight.data.zero_(),
    ):
        change()
        assert torch.equal(theory.samples("loss"), before)


class Checkpointed(nn.Module):
    """Computes the middle again on the way back."""

    def __init__(self, checked: bool) -> None:
        super().__init__()
        self.first, self.last, self.checked = nn.Linear(6, 8), nn.Linear(8, 2), checked
        self.middle = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x)
        h = checkpoint(self.middle, h, use_reentrant=False) if self.checked else self.middle(h)
        return self.last(h)


@pytest.mark.parametrize("layer", ["first", "middle.0", "middle.1"])
def test_gradients_through_what_is_computed_again_are_the_same(layer: str) -> None:
    found, x = [], torch.randn(5, 6)
    for checked in (False, True):
        torch.manual_seed(0)
        module = Checkpointed(checked).train()
        theory = capture(module, x, layer, lambda z: torch.sin(3 * z[:, 0]))
        leaves = [theory.features["activation"].mul(s).requires_grad_() for s in (1.0, 2.0)]
        values = [theory.samples("observable", {"activation": leaf}).sum() for leaf in leaves]
        found.append(torch.autograd.grad(values[0] + values[1], leaves))
        assert int(module.middle[1].num_batches_tracked) == 0
        assert float(module.middle[1].running_mean.abs().sum()) == 0
    for plain, checked in zip(*found, strict=True):
        assert torch.equal(plain, checked)


class Slope(nn.Module):
    """Returns its own derivative by what it is given, as forces are of energies."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.last = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.inner(x).detach().requires_grad_()
        (slope,) = torch.autograd.grad(torch.tanh(self.last(h)).sum(), h)
        return self.last(slope)


def test_a_network_that_differentiates_itself_is_run_as_it_is() -> None:
    module, x = Slope(), torch.randn(5, 6)
    theory = capture(module, x, "inner", labels=LABELS)
    with torch.no_grad():
        found = theory.attrs["readout"](theory.features["activation"])
    assert torch.allclose(found, module(x), atol=1e-6)


def test_in_double_precision_it_is_the_same_network() -> None:
    module, x = mlp(), torch.randn(5, 6)
    captured = Captured(module, "1", (x,), {})
    activation = captured.capture()
    exact = captured.exact()(activation.double())
    assert exact.dtype == torch.float64
    assert torch.allclose(exact.float(), captured(activation), atol=1e-6)
    assert captured(activation).dtype == torch.float32
    assert module[0].weight.dtype == torch.float32
    doubled = copy.deepcopy(module).double().eval()
    assert torch.equal(exact, doubled[3](activation.double()))


class Fragile(nn.Module):
    broken = False

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.inner(x)
        if Fragile.broken:
            raise RuntimeError("broken on purpose")
        return h


def test_an_error_in_the_module_leaves_no_hook_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    module = Fragile()
    theory = capture(module, torch.randn(5, 6), "inner", labels=LABELS)
    monkeypatch.setattr(Fragile, "broken", True)
    random = torch.get_rng_state()
    with pytest.raises(ShapeError, match="broken on purpose"):
        theory.observe()
    assert not module.inner._forward_hooks
    assert not theory.attrs["readout"].module.inner._forward_hooks
    assert module.training
    assert torch.equal(torch.get_rng_state(), random)
