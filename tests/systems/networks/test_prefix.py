"""What comes before a layer is computed once, and skipping it changes nothing."""

import pytest
import torch
from torch import nn

from rgwidgets.systems.capture import capture
from rgwidgets.systems.networks.prefix import Prefix


def seeded(make):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make()


class Counted(nn.Linear):
    """Counts how often it computes."""

    count = 0

    def forward(self, x):
        Counted.count += 1
        return super().forward(x)


class InPlaceResidual(nn.Module):
    """The first part changes its input, which is read again later."""

    def __init__(self):
        super().__init__()
        self.relu, self.middle, self.last = nn.ReLU(inplace=True), nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        x = x + 0
        return self.last(self.middle(self.relu(x)) + x)


class Twice(nn.Module):
    """One submodule is called before the layer and after it."""

    def __init__(self):
        super().__init__()
        self.shared, self.middle = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        return self.shared(torch.tanh(self.middle(self.shared(x))))


class Gated(nn.Module):
    """Reads what came before the layer only where the layer's output is large."""

    def __init__(self):
        super().__init__()
        self.first, self.middle, self.last = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        before = self.first(x)
        h = self.middle(before)
        return self.last(h + before * torch.relu(h - 100))


MODULES = {
    "sequence": lambda: nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4), nn.Linear(4, 2)),
    "in place": InPlaceResidual,
    "twice": Twice,
    "gated": Gated,
}
LAYERS = {"sequence": "2", "in place": "middle", "twice": "middle", "gated": "middle"}
X = torch.linspace(-1, 1, 20).reshape(5, 4)


def first(outputs):
    return outputs[:, 0]


@pytest.mark.parametrize("kind", MODULES)
def test_rerunning_gives_what_the_whole_module_gives(kind):
    """With a changed activation, against a hook on a module that replays nothing."""
    module = seeded(MODULES[kind]).eval()
    theory = capture(module, X, LAYERS[kind], first)
    changed = theory.features["activation"] * 1.5 + (200 if kind == "gated" else 0.3)
    leaf = changed.clone().requires_grad_()
    found = theory.observables[0].samples({"activation": leaf})
    (gradient,) = torch.autograd.grad(found.sum(), leaf)

    plain = changed.clone().requires_grad_()
    handle = module.get_submodule(LAYERS[kind]).register_forward_hook(lambda *_: plain.clone())
    expected = first(module(X.clone()))
    handle.remove()
    (wanted,) = torch.autograd.grad(expected.sum(), plain)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(gradient, wanted)


def test_what_comes_before_the_layer_runs_once_and_what_comes_after_always():
    Counted.count = 0
    module = nn.Sequential(Counted(4, 4), nn.Linear(4, 4), nn.Linear(4, 2))
    theory = capture(module, X, "1", first)
    before = Counted.count
    for _ in range(5):
        theory.samples("first")
    assert Counted.count == before
    late = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), Counted(4, 2))
    theory = capture(late, X, "1", first)
    before = Counted.count
    for _ in range(5):
        theory.samples("first")
    assert Counted.count == before + 5


def recorded(module, layer):
    prefix = Prefix(layer)
    with prefix.recorded(module):
        module(X)
    return prefix


def test_only_whole_parts_that_are_called_once_are_kept():
    module = nn.Sequential(nn.Sequential(nn.Linear(4, 4), nn.Tanh()), nn.Linear(4, 4), nn.ReLU())
    assert list(recorded(module, "1").outputs) == ["0", "1"]
    assert list(recorded(Twice(), "middle").outputs) == ["middle"]


def test_the_parts_compute_again_afterwards_even_after_an_error():
    module = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    own = module[0].forward
    module[0].forward = lambda x: own(x) + 1  # as a user may have patched it
    patched = module[0].forward
    expected = module(X)
    prefix = recorded(module, "1")
    with pytest.raises(ZeroDivisionError), prefix.replayed(module):
        raise ZeroDivisionError
    assert module[0].forward is patched
    assert "forward" not in vars(module[1])
    assert torch.equal(module(X), expected)
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())


def test_replayed_outputs_are_copies():
    module = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    prefix = recorded(module, "0")
    with prefix.replayed(module):
        module[0](X).zero_()
        assert float(module[0](X).abs().sum()) > 0


def test_in_double_precision_the_outputs_are_the_same_numbers():
    module = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    prefix = recorded(module, "0")
    with prefix.exact().replayed(module):
        found = module[0](X)
    assert found.dtype == torch.float64
    assert torch.equal(found.float(), module[0](X))


def test_outputs_that_cannot_be_copied_are_computed_again():
    class Strange(nn.Module):
        def forward(self, x):
            return {"x": x}

    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.strange, self.middle = Strange(), nn.Linear(4, 2)

        def forward(self, x):
            return self.middle(self.strange(x)["x"])

    assert list(recorded(Reads(), "middle").outputs) == ["middle"]
