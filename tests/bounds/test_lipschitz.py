"""Products of norms hold for every layer and input, and bound what is too wide for the rest."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from rgwidgets.bounds import Opaque, attack, certify, prove
from rgwidgets.bounds.lipschitz import norm_of
from rgwidgets.systems.capture import capture
from rgwidgets.systems.networks.observables import accuracy, logit_difference, loss

from .conftest import draw, make_fibre

LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], float]] = {
    "linear": (lambda: nn.Linear(6, 9), (6,), 1.01),
    "conv1d": (lambda: nn.Conv1d(2, 3, 3, padding=1), (2, 12), 2.0),
    "conv2d": (lambda: nn.Conv2d(2, 3, 3, stride=2), (2, 9, 9), 4.0),
    "depthwise": (lambda: nn.Conv2d(4, 8, 2, groups=2, dilation=2), (4, 7, 7), 3.0),
    "batch norm": (lambda: scaled(nn.BatchNorm1d(5)), (5,), 1.01),
    "layer norm": (lambda: nn.LayerNorm(5, eps=0.3), (5,), 1.6),
    "mean": (lambda: nn.AvgPool2d(2), (1, 6, 6), 1.01),
    "overlapping": (lambda: nn.AvgPool2d(3, stride=1), (1, 7, 7), 1.6),
    "maxima": (lambda: nn.MaxPool2d(2), (1, 6, 6), 1.01),
    "overlapping maxima": (lambda: nn.MaxPool1d(3, stride=2), (1, 9), 2.0),
    "relu": (nn.ReLU, (5,), 1.01),
    "gelu": (nn.GELU, (5,), 1.3),
    "flatten": (nn.Flatten, (2, 3), 1.01),
    "dropout": (nn.Dropout, (4,), 1.01),
}


def scaled(layer: nn.BatchNorm1d) -> nn.Module:
    with torch.no_grad():
        layer.running_var.uniform_(0.3, 2)
        layer.weight.normal_()
    return layer


@pytest.mark.parametrize("name", LAYERS)
def test_no_two_inputs_move_further_apart_than_the_norm_says(name: str) -> None:
    torch.manual_seed(len(name))
    make, shape, looser = LAYERS[name]
    layer = make().double().eval()
    a, b = (torch.randn(300, *shape, dtype=torch.float64) * s for s in (1.0, 1e-3))
    a[::2] *= 0.1
    steps = b.requires_grad_()
    stretch = torch.zeros(300, dtype=torch.float64)
    for _ in range(25):  # climb towards the direction that is stretched most
        moved = (layer(a + steps) - layer(a)).flatten(1).norm(dim=1)
        found = moved / steps.flatten(1).norm(dim=1)
        stretch = torch.maximum(stretch, found.detach())
        (gradient,) = torch.autograd.grad(found.sum(), steps)
        size = steps.detach().flatten(1).norm(dim=1).reshape(-1, *(1,) * len(shape))
        up = steps.detach() + 0.7 * size * nn.functional.normalize(gradient.flatten(1)).view_as(
            steps
        )
        steps = (1e-3 * nn.functional.normalize(up.flatten(1)).view_as(up)).requires_grad_()
    bound = norm_of(layer)
    assert float(stretch.max()) <= bound * (1 + 1e-6)
    assert bound <= looser * float(stretch.max())


def wide(side: int = 16) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 10, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(10, 8, 3, padding=1),
        nn.GELU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(8 * (side // 4) ** 2, 3),
    )


def test_what_is_too_wide_to_read_and_to_enclose_is_bounded_by_norms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rgwidgets.bounds.enclosure.ROOM", 2**17)
    torch.manual_seed(0)
    labels = torch.randint(3, (4,))
    specs = [loss(labels), accuracy(labels), logit_difference(0, 2)]
    theory = capture(wide(), torch.randn(4, 1, 16, 16), "0", specs, feature_axis=1)
    fibre = make_fibre(theory, discarded=9, radius=0.02)
    for observable in theory.observables:
        with pytest.raises(Opaque, match="more than 2048"):
            certify(fibre, observable, method="crown")
        proof = prove(fibre, observable)
        assert proof.how == "Lipschitz in float64"
        z = draw(fibre, 20)
        with torch.no_grad():
            values = torch.stack([fibre.evaluate(observable, row[None])[0][0] for row in z])
            before = fibre.evaluate(observable, 0 * z[:1])[0]
        assert bool(((values - before).abs().amax(0) <= proof.change + 1e-5).all())
        found = attack(fibre, observable, steps=5, restarts=2).change
        assert bool((found <= proof.change + 1e-5).all())
        assert math.isfinite(float(proof.change.mean()))
        assert proof.change.shape == (4,)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Softmax(-1),
        nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"),
        nn.BatchNorm1d(3, track_running_stats=False),
        nn.AvgPool2d(2, divisor_override=1),
        nn.AvgPool1d(3, count_include_pad=False),
        nn.MaxPool2d(2, dilation=2),
        nn.MultiheadAttention(4, 2),
    ],
)
def test_layers_without_a_known_constant_are_refused_by_name(layer: nn.Module) -> None:
    with pytest.raises(Opaque, match="no Lipschitz constant is known of"):
        norm_of(layer)


def test_hooks_are_not_trusted() -> None:
    net = wide()
    handle = net[3].register_forward_hook(lambda module, given, out: 3 * out)
    theory = capture(net, torch.randn(2, 1, 16, 16), "0", logit_difference(0, 1), feature_axis=1)
    fibre = make_fibre(theory, discarded=9, radius=0.02)
    with pytest.raises(Opaque, match="hooks"):
        certify(fibre, theory.observables[0], method="lipschitz")
    handle.remove()


def test_a_layer_in_the_middle_of_something_else_has_no_product_of_norms() -> None:
    class Skip(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            h = self.one(x)
            return h + self.two(h)

    theory = capture(Skip(), torch.randn(3, 4), "one", logit_difference(0, 1))
    fibre = make_fibre(theory, discarded=2, radius=0.1)
    with pytest.raises(Opaque, match="not a chain"):
        certify(fibre, theory.observables[0], method="lipschitz")
    assert prove(fibre, theory.observables[0]).how == "affine forms in float64"
