"""A copy in which anything may run: the module, and what its owner holds, are never reached."""

from __future__ import annotations

import copy
import functools
import subprocess
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

from rgwidgets.core.errors import LayerError
from rgwidgets.microscope import Microscope
from rgwidgets.systems.networks.private import isolated, private

X = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))


def seeded() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 4))


class Scaled(nn.Module):
    """A linear layer with a low-rank correction beside it, as adapters are."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base = base
        self.down, self.up = nn.Linear(4, 2, bias=False), nn.Linear(2, 8, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + 0.5 * self.up(self.down(x))


class Packed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(2, 4, 2, batch_first=True), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        rows = nn.utils.rnn.pack_padded_sequence(
            x.reshape(-1, 2, 2), torch.full((len(x),), 2), batch_first=True
        )
        return self.head(self.lstm(rows)[1][0][-1])


def lora() -> nn.Module:
    net = seeded()
    net[0] = Scaled(net[0])
    return net


def tied() -> nn.Module:
    net = seeded()
    net.append(nn.Linear(4, 8, bias=False))
    net[3].weight = net[0].weight
    return net


def pruned() -> nn.Module:
    net = seeded()
    prune.l1_unstructured(net[2], "weight", 0.5)
    return net


def normed() -> nn.Module:
    net = seeded()
    parametrizations.weight_norm(net[0])
    parametrizations.spectral_norm(net[2])
    return net.eval()


def inference() -> nn.Module:
    with torch.inference_mode():
        return seeded()


def patched() -> nn.Module:
    net = seeded()
    own = net[1].forward
    net[1].forward = functools.partial(lambda f, x: f(x) + 1, own)
    return net


def compiled() -> nn.Module:
    net = seeded()
    net[1] = torch.compile(net[1], backend="eager")
    whole = torch.compile(net, backend="eager")
    whole.register_forward_hook(lambda _, __, output: 2 * output)
    net.register_forward_hook(lambda _, __, output: output + 3)
    return whole


MODULES: dict[str, Callable[[], nn.Module]] = {
    "plain": seeded,
    "low-rank adapter": lora,
    "tied": tied,
    "pruned": pruned,
    "weight and spectral norm": normed,
    "half": lambda: seeded().half(),
    "packed LSTM": Packed,
    "made in inference mode": inference,
    "patched forward": patched,
    "compiled, with hooks": compiled,
    "encoder": lambda: nn.Sequential(
        nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), 2)
    ).eval(),
}


@pytest.mark.parametrize("kind", MODULES)
def test_the_copy_computes_what_the_module_does_and_shares_nothing(kind: str) -> None:
    module = MODULES[kind]().eval()
    x = X.to(next(module.parameters()).dtype)
    x = x[None] if kind == "encoder" else x
    copied = private(module)
    with torch.no_grad():
        expected = module(x)
        assert torch.allclose(copied(x), expected, atol=1e-6)
        places = {p.data_ptr() for p in module.parameters()}
        assert not places & {p.data_ptr() for p in copied.parameters()}
        assert len(list(copied.parameters())) == len(list(module.parameters()))
        for parameter in module.parameters():
            parameter.data.mul_(3)
        assert torch.allclose(copied(x), expected, atol=1e-6)
    assert not any(p.requires_grad for p in copied.parameters())
    assert not any(part.training for part in copied.modules())
    again = private(copied)
    assert {p.data_ptr() for p in again.parameters()} == {p.data_ptr() for p in copied.parameters()}
    own = private(copied, sharing=False)
    assert not {p.data_ptr() for p in own.parameters()} & {
        p.data_ptr() for p in copied.parameters()
    }


def test_what_a_hook_holds_is_not_reached() -> None:
    net, kept, other = seeded(), [], SimpleNamespace(last=None)
    net[0].register_forward_hook(lambda _, __, output: kept.append(output))
    net[1].register_forward_hook(lambda _, __, output: setattr(other, "last", output))
    net[2].register_forward_pre_hook(functools.partial(remember, kept))
    private(net)(X)
    assert not kept
    assert other.last is None
    net(X)
    assert len(kept) == 2


def remember(kept: list[Any], _: object, given: Any) -> None:
    kept.append(given)


class Parent(nn.Module):
    """Its child knows it by a weak reference, and it keeps lists in every place there is."""

    log: ClassVar[list[Any]] = []

    def __init__(self) -> None:
        super().__init__()
        self.first, self.scale = nn.Linear(4, 4), 1.0
        self.first.parent = weakref.ref(self)
        self.add, self.ends = self.log.append, deque()
        self.left = functools.partial(self.ends.appendleft)

    def forward(self, x: Tensor) -> Tensor:
        self.add(x)
        self.left(x)
        return self.first(x) * self.first.parent().scale


def test_methods_of_lists_and_weak_references_are_those_of_the_copy() -> None:
    module = Parent()
    copied = private(module)
    expected = copied(X)
    module.scale = 7.0
    assert torch.equal(copied(X), expected)
    assert copied.first.parent() is copied
    assert (len(Parent.log), len(module.ends)) == (0, 0)
    assert len(copied.ends) == 2


def test_a_hook_that_reads_the_module_reads_the_copy() -> None:
    net = seeded()
    net[2].register_forward_hook(lambda _, __, output: output @ net[2].weight)
    expected, copied = net(X), private(net)
    with torch.no_grad():
        net[2].weight.zero_()
    assert torch.equal(copied(X), expected)


SCRIPT = """
import torch
from torch import nn
from rgwidgets.systems.networks.private import private
torch.manual_seed(0)
acts, count, seen, K = {}, 0, [], 1.0
class Adds(nn.ReLU):
    log, calls = [], 0
    def forward(self, x):
        global count
        count += 1
        type(self).calls += 1
        seen.append(x)
        self.log.append(x)
        return super().forward(x) * K
net = nn.Sequential(nn.Linear(4, 3), Adds())
def note(name):
    acts.setdefault(name, []).append(1)
def hook(layer, given, output):
    global count
    count += 1
    note("h")
    acts["last"] = output
    return output + net[0].bias
net[1].register_forward_hook(hook)
mine = private(net)
x = torch.ones(2, 4)
want = net(x).detach()
assert torch.equal(mine(x), want)
K = 3.0
Adds.forward = lambda self, x: 0 * x
assert torch.equal(mine(x), want)
print(count, len(acts["h"]), Adds.calls, len(Adds.log), len(seen))
"""


def test_the_names_of_a_notebook_are_not_reached() -> None:
    ran = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert ran.stdout.split() == ["2", "1", "1", "1", "1"], ran.stderr


def test_what_cannot_be_copied_is_named() -> None:
    net = seeded()
    net[1].lock = threading.Lock()
    with pytest.raises(LayerError, match=r"1\.lock of Sequential.*cannot be copied.*lock"):
        private(net)
    with pytest.raises(LayerError, match=r"1\.lock of Sequential"):
        Microscope(net, "0").fit(X, {"first": lambda z: z[:, 0]})


def test_what_cannot_be_copied_of_a_function_is_shared_and_all_else_is_not() -> None:
    lock, seen = threading.Lock(), []

    def holds() -> bool:
        seen.append(1)
        return lock.locked()

    with lock:
        assert isolated(holds)()
    assert not isolated(holds)()
    assert not seen
    assert isolated(torch.relu) is torch.relu
    assert isolated(seeded) is seeded  # code


@pytest.mark.slow
def test_from_another_thread_a_hundred_thousand_calls_are_right_while_fits_run() -> None:
    net, fitted = seeded(), threading.Event()
    expected = net(X).detach()
    mine = torch.Generator()

    def fit() -> None:
        while not fitted.is_set():
            view = Microscope(net, "1").fit(X, {"first": lambda z: z[:, 0]}, features="gradient")
            assert view[2].bounds["first"].attack

    torch.manual_seed(0)
    mine.manual_seed(0)
    thread = threading.Thread(target=fit)
    thread.start()
    wrong = 0
    try:
        for _ in range(100_000):
            got = net(X)
            wrong += type(got) is not Tensor or not got.requires_grad
            wrong += not torch.equal(got, expected) and not torch.allclose(got, expected, atol=1e-6)
            wrong += not torch.equal(torch.rand(1), torch.rand(1, generator=mine))
    finally:
        fitted.set()
        thread.join()
    assert not wrong
    assert net.training
    copy.deepcopy(net)
