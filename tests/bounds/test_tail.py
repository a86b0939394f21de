"""What follows a layer is read exactly, or refused with the reason."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from rgwidgets.bounds.tail import Opaque, Tail, read_tail
from rgwidgets.core.theory import Theory
from rgwidgets.systems.capture import capture


class Functional(nn.Module):
    """Written with functions and methods instead of layers."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.three = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.tanh(self.one(x))
        h = functional.dropout(functional.gelu(self.two(h)), training=self.training)
        return self.three(h.sigmoid())


class Branching(nn.Module):
    """A skip connection: not a chain."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(6, 6), nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        h = self.one(x)
        return h + self.two(h)


class Deciding(nn.Module):
    """Control flow on values cannot be traced."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(6, 6), nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        h = self.one(x)
        return self.two(h) if h.sum() > 0 else h


class Lying(nn.Sequential):
    """A Sequential that is not one."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


def tail_of(module: nn.Module, batch: Tensor, layer: str, **options: int) -> tuple[Tail, Theory]:
    theory = capture(module, batch, layer, (), **options)
    return read_tail(theory.attrs["readout"], theory.features["activation"]), theory


def nested() -> nn.Module:
    inner = nn.Sequential(nn.Linear(6, 8), nn.ReLU(inplace=True), nn.Dropout())
    return nn.Sequential(
        inner, nn.Sequential(nn.Linear(8, 8, bias=False), nn.Tanh()), nn.Linear(8, 3)
    )


def images() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(4, 6, 3, stride=2, padding=1),
        nn.SiLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(24, 5),
    )


@pytest.mark.parametrize(
    "make, layer, shape, axis, widths",
    [
        (nested, "0.0", (7, 6), -1, [8, 8, 3]),
        (nested, "0.1", (7, 6), -1, [8, 3]),
        (nested, "1", (7, 6), -1, [3]),
        (nested, "", (7, 6), -1, [3]),
        (Functional, "one", (7, 6), -1, [8, 8, 8, 3]),
        (images, "0", (4, 1, 8, 8), 1, [256, 24, 5]),
        (images, "4", (4, 1, 8, 8), 1, [24, 5]),
        (images, "7", (4, 1, 8, 8), -1, [5]),
    ],
)
def test_the_tail_as_read_computes_what_the_network_does(
    make: Callable[[], nn.Module], layer: str, shape: tuple[int, ...], axis: int, widths: list[int]
) -> None:
    torch.manual_seed(1)
    module = make()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.running_mean)
            nn.init.uniform_(part.running_var, 0.5, 2.0)
            nn.init.normal_(part.weight)
    tail, theory = tail_of(module, torch.randn(shape), layer, feature_axis=axis)
    assert [len(a.bias) for a in (tail.first, *(a for _, a in tail.layers))] == widths
    x = theory.features["activation"]
    changed = x + 0.5 * torch.randn(x.shape)
    expected = theory.attrs["readout"](changed)
    found = tail(changed.movedim(-1, axis).flatten(1).double())
    assert torch.allclose(found, expected.double(), atol=1e-5)
    assert found.dtype == torch.float64


@pytest.mark.parametrize(
    "module, shape, layer, reason",
    [
        (Branching(), (5, 6), "one", "not a chain"),
        (Deciding(), (5, 6), "one", "used 2 times"),
        (Lying(nn.Linear(6, 6), nn.Linear(6, 2)), (5, 6), "0", "reproduce|Sequential|chain|knows"),
        (nn.Sequential(nn.Linear(6, 6), nn.LayerNorm(6)), (5, 6), "0", "LayerNorm"),
        (nn.Sequential(nn.Linear(6, 6), nn.GELU("tanh")), (5, 6), "0", "GELU"),
        (nn.Sequential(nn.Linear(6, 6), nn.Softmax(-1)), (5, 6), "0", "Softmax"),
        (
            nn.Sequential(nn.Linear(6, 6), nn.LSTM(6, 6, batch_first=True)),
            (5, 3, 6),
            "0",
            "more than one",
        ),
        (
            nn.Sequential(nn.Linear(8, 8), nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)),
            (5, 3, 8),
            "0",
            "TransformerEncoderLayer",
        ),
        (nn.Sequential(nn.Conv2d(1, 64, 3), nn.ReLU()), (2, 1, 9, 9), "0", "more than 2048"),
        (nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 2)), (5, 3, 6), "0", "one row of numbers"),
        (
            nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6, track_running_stats=False)),
            (5, 6),
            "0",
            "running statistics",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(
    module: nn.Module, shape: tuple[int, ...], layer: str, reason: str
) -> None:
    with pytest.raises(Opaque, match=reason):
        tail_of(module, torch.randn(shape), layer)


def test_a_hook_that_changes_what_follows_is_noticed() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    net[2].register_forward_hook(lambda module, given, output: output + 1)
    with pytest.raises(Opaque, match="hooks"):
        tail_of(net, torch.randn(5, 4), "0")


def test_the_network_is_left_in_its_own_mode() -> None:
    net = Functional().train()
    net.two.eval()
    tail_of(net, torch.randn(5, 6), "one")
    assert net.training
    assert net.one.training
    assert not net.two.training


def test_half_precision_is_read_in_double() -> None:
    net = nested().to(torch.bfloat16)
    tail, theory = tail_of(net, torch.randn(5, 6).bfloat16(), "0.0")
    assert tail.first.weight.dtype == torch.float64
    assert theory.features["activation"].dtype == torch.float32
