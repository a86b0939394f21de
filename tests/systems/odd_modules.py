"""Modules with something odd about them, and a quick look at each through every family."""

from __future__ import annotations

import dataclasses
import itertools
import random
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rgwidgets import Microscope
from rgwidgets.microscope import FAMILIES
from rgwidgets.schemes.jacobian import JacobianScheme

EFFORT = {"steps": 2, "restarts": 2, "latents": 6, "active": 2, "training_steps": 4, "batch": 8}


def quick(scheme: Any) -> Any:
    """The same family with little effort."""
    known = {f.name for f in dataclasses.fields(scheme)} if dataclasses.is_dataclass(scheme) else ()
    return dataclasses.replace(scheme, **{k: v for k, v in EFFORT.items() if k in known})


SCHEMES = {family: quick(scheme) for family, scheme in FAMILIES.items()}
OF_WEIGHTS = {family for family, scheme in SCHEMES.items() if isinstance(scheme, JacobianScheme)}
X = torch.randn(12, 4, generator=torch.Generator().manual_seed(5))


def seeded(make: Callable[[], Any]) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make()


class Net(nn.Module):
    """A layer, `first`, between whatever `before` and `after` do."""

    def __init__(
        self,
        after: Callable[[Tensor], Any] = torch.tanh,
        before: Callable[[Tensor], Tensor] = lambda x: x,
        end: Callable[[Tensor], Any] = lambda z: z,
    ) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 5), nn.Linear(5, 3)
        self.before, self.after, self.end = before, after, end

    def forward(self, x: Tensor) -> Any:
        return self.end(self.last(self.after(self.first(self.before(x)))))


class Tied(nn.Module):
    """Its last matrix is its first."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 4), nn.Linear(4, 4)
        self.last.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.tanh(self.first(x)))


class Adapted(nn.Module):
    """A linear layer with a low-rank correction beside it."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base = base
        self.down, self.up = nn.Linear(4, 2, bias=False), nn.Linear(2, 5, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + 0.5 * self.up(self.down(x))


class Packed(nn.Module):
    """An LSTM over packed sequences after the layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.lstm = nn.Linear(4, 6), nn.LSTM(2, 5, batch_first=True)
        self.last = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        rows, lengths = self.first(x).reshape(-1, 3, 2), torch.full((len(x),), 3)
        packed = nn.utils.rnn.pack_padded_sequence(rows, lengths, batch_first=True)
        return self.last(self.lstm(packed)[1][0][-1])


class Counts(Net):
    """Changes its buffers, a tensor and a number of its own, and appends to a list."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("renewed", torch.zeros(()))
        self.own, self.count, self.seen = torch.zeros(2), 0, []

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.renewed = self.renewed + 1
        self.own.add_(1)
        self.count += 1
        self.seen.append(x)
        return super().forward(x) + 0 * self.calls


def noisy(draw: Callable[[Tensor], Any]) -> Callable[[], nn.Module]:
    """A net that adds what is drawn."""
    return lambda: Net(end=lambda z: z + draw(z))


class Carries(Net):
    """Adds what it has given before."""

    def __init__(self) -> None:
        super().__init__()
        self.last_given = torch.zeros(())

    def forward(self, x: Tensor) -> Tensor:
        given = super().forward(x) + self.last_given
        self.last_given = given.detach().mean() + 1
        return given


OWN_GENERATOR, COUNT = torch.Generator(), itertools.count()
#: modules that are no function of their input, and what they are told
REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "torch": (noisy(torch.rand_like), r"torch\.rand"),
    "own generator": (
        noisy(lambda z: torch.rand(z.shape, generator=OWN_GENERATOR).to(z)),
        "two different results",
    ),
    "dropout": (
        lambda: Net(after=lambda h: nn.functional.dropout(h, training=True)),
        r"torch\.bernoulli",
    ),
    "dropout before the layer": (
        lambda: Net(before=lambda x: nn.functional.dropout(x, training=True)),
        r"torch\.bernoulli",
    ),
    "python": (noisy(lambda z: random.random()), "two different"),
    "numpy": (noisy(lambda z: float(np.random.rand())), "two different"),
    "clock": (noisy(lambda z: time.perf_counter() % 1), "two different results"),
    "counter": (noisy(lambda z: float(next(COUNT))), "two different results"),
    "carried": (Carries, "two different results"),
}


def changed(change: Callable[[nn.Module], Any]) -> Callable[[], nn.Module]:
    """A net after something was done to it."""

    def make() -> nn.Module:
        net = Net()
        made = change(net)
        return net if made is None else made

    return make


def dead(net: nn.Module) -> None:
    """No unit of the layer fires."""
    net.after = torch.relu
    net.first = nn.Sequential(net.first, nn.ReLU())
    nn.init.constant_(net.first[0].bias, -100.0)


def constant(net: nn.Module) -> None:
    """The layer gives the same for every sample."""
    nn.init.zeros_(net.first.weight)


def frozen(net: nn.Module) -> None:
    net.first.weight.requires_grad_(False)
    net.last.weight.grad = torch.ones(3, 5)


def old_norm(net: nn.Module) -> None:
    with pytest.warns(FutureWarning):
        nn.utils.weight_norm(net.first)


def void(_: object) -> None:
    """What was done was done in place."""


parametrizations = nn.utils.parametrizations
HANDLED: dict[str, Callable[[], nn.Module]] = {
    "tied weights": Tied,
    "bfloat16": changed(lambda net: net.to(torch.bfloat16)),
    "float16": changed(lambda net: net.to(torch.float16)),
    "in place after the layer": lambda: Net(after=lambda h: h.mul_(2).add_(1).relu_()),
    "in place before the layer": lambda: Net(before=lambda x: x.mul_(2)),
    "dictionary": lambda: Net(end=lambda z: {"logits": z, "rest": None}),
    "object": lambda: Net(end=lambda z: SimpleNamespace(logits=z, none=None)),
    "what is left behind": Counts,
    "constant features": changed(constant),
    "dead layer": changed(dead),
    "frozen weights": changed(frozen),
    "weight norm": changed(lambda net: void(parametrizations.weight_norm(net.first))),
    "old weight norm": changed(old_norm),
    "spectral norm": changed(lambda net: void(parametrizations.spectral_norm(net.first))),
    "compiled": changed(lambda net: torch.compile(net, backend="eager")),
    "compiled in place": changed(lambda net: net.compile(backend="eager")),
    "data parallel": changed(nn.DataParallel),
    "low-rank adapter": changed(lambda net: void(setattr(net, "first", Adapted(net.first)))),
    "packed sequences": Packed,
}


def look(
    module: nn.Module,
    family: str,
    layer: Any = "first",
    observables: Any = "loss",
    reference: Any = None,
) -> Any:
    """The view and the bounds at two cutoffs, at their least effort."""
    kind = next((p.dtype for p in module.parameters()), torch.float32)
    view = Microscope(module, layer).fit(
        X.to(kind),
        observables,
        features=SCHEMES[family],
        labels=torch.arange(12) % 3,
        reference=reference,
    )
    cutoffs = view.scale.cutoffs
    for cutoff in (cutoffs[len(cutoffs) // 2], cutoffs[-1]):
        for influence in view.level(cutoff).influences.values():
            assert influence.average.value >= 0
            assert influence.attack.kind in ("measured", "proved")
    return view
