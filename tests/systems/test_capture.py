"""Any module, by plain hooks, and nothing about it is changed."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rgwidgets.core.errors import (
    LayerError,
    ObservableError,
    ParameterError,
    RGError,
    ShapeError,
)
from rgwidgets.core.theory import Observable, Theory
from rgwidgets.schemes.activation_spectrum import ActivationSpectrum
from rgwidgets.systems.capture import capture
from rgwidgets.systems.networks.observables import logit_difference

LABELS = torch.tensor([0, 1, 2, 0, 1])


def mlp(inplace: bool = False) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(inplace), nn.Dropout(), nn.Linear(8, 3))


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(36, 3),
    )


class Encoder(nn.Module):
    """Token ids in, logits at the last position out."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(8, 3)

    def forward(self, ids: Tensor, scale: float = 1.0) -> Tensor:
        return scale * self.head(self.encoder(self.embed(ids))[:, -1])


class Memory(nn.Module):
    """An LSTM, whose layer returns a tuple."""

    def __init__(self, batch_first: bool = True) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(6, 5, batch_first=batch_first), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        states, (hidden, _) = self.lstm(x)
        return self.head(states[:, -1] + 0 * hidden[-1])


Pair = namedtuple("Pair", "mean spread")


class Named(nn.Module):
    def forward(self, x: Tensor) -> Pair:
        return Pair(x, x**2)


class UsesNamed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.named, self.head, self.unused = Named(), nn.Linear(6, 3), nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        pair = self.named(x)
        return self.head(pair.mean) + self.head(pair.spread)


def ids() -> Tensor:
    return torch.arange(20).reshape(5, 4) % 11


CASES: list[tuple[Callable[[], nn.Module], Callable[[], Any], str, int, tuple[int, ...]]] = [
    (mlp, lambda: torch.randn(5, 6), "1", -1, (5, 8)),
    (mlp, lambda: torch.randn(5, 6), "", -1, (5, 3)),
    (convolutional, lambda: torch.randn(5, 2, 8, 8), "0", 1, (5, 6, 6, 4)),
    (convolutional, lambda: torch.randn(5, 2, 8, 8), "4", -1, (5, 36)),
    (Encoder, ids, "embed", -1, (5, 4, 8)),
    (Encoder, lambda: (ids(), 2.0), "encoder.layers.0", -1, (5, 4, 8)),
    (Encoder, lambda: {"ids": ids(), "scale": 0.5}, "encoder.layers.1.linear1", -1, (5, 4, 16)),
    (Encoder, ids, "encoder.layers.0.self_attn", -1, (5, 4, 8)),
    (Memory, lambda: torch.randn(5, 7, 6), "lstm", -1, (5, 7, 5)),
    (UsesNamed, lambda: torch.randn(5, 6), "named", -1, (5, 6)),
]


@pytest.mark.parametrize("make, batch, layer, axis, shape", CASES)
def test_the_network_rerun_from_its_own_activation_is_itself(
    make: Callable[[], nn.Module],
    batch: Callable[[], Any],
    layer: str,
    axis: int,
    shape: tuple[int, ...],
) -> None:
    module, given = make().eval(), batch()
    theory = capture(module, given, layer, labels=LABELS, feature_axis=axis)
    x = theory.features["activation"]
    assert tuple(x.shape) == shape
    assert not x.requires_grad
    with torch.no_grad():
        outputs = (
            module(**given)
            if isinstance(given, dict)
            else module(*given)
            if isinstance(given, tuple)
            else module(given)
        )
    expected = nn.functional.cross_entropy(outputs, LABELS, reduction="none")
    assert torch.allclose(theory.samples("loss"), expected, atol=1e-6)
    # the gradient with respect to the activation is that of the samples' own
    leaf = x.clone().requires_grad_()
    values = theory.samples("loss", {"activation": leaf})
    (gradient,) = torch.autograd.grad(values.sum(), leaf)
    assert gradient.shape == x.shape
    step = 1e-2 * gradient / gradient.norm().clamp_min(1e-9)
    moved = theory.samples("loss", {"activation": x + step}) - theory.samples(
        "loss", {"activation": x - step}
    )
    assert float(moved.sum()) == pytest.approx(
        float(2 * (gradient * step).sum()), rel=0.05, abs=1e-5
    )


@pytest.mark.parametrize("make, batch, layer, axis, shape", CASES)
def test_the_module_is_left_as_it_was_found(
    make: Callable[[], nn.Module],
    batch: Callable[[], Any],
    layer: str,
    axis: int,
    shape: tuple[int, ...],
) -> None:
    module, given = make(), batch()
    module.train()
    frozen = next(module.parameters())
    frozen.requires_grad_(False)
    state = {k: v.clone() for k, v in module.state_dict().items()}
    random = torch.get_rng_state()
    fused = torch.backends.mha.get_fastpath_enabled()
    tensors = [t for t in (given if isinstance(given, tuple) else [given]) if isinstance(t, Tensor)]
    copies = [t.clone() for t in tensors]
    theory = capture(module, given, layer, labels=LABELS, feature_axis=axis)
    leaf = theory.features["activation"].clone().requires_grad_()
    theory.samples("loss", {"activation": leaf}).sum().backward()
    assert all(part.training for part in module.modules())
    assert all(not part._forward_hooks for part in module.modules())
    assert all(torch.equal(v, state[k]) for k, v in module.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.backends.mha.get_fastpath_enabled() == fused
    assert all(torch.equal(a, b) for a, b in zip(tensors, copies, strict=True))
    assert not frozen.requires_grad
    assert frozen.grad is None


@pytest.mark.parametrize("inplace", [False, True])
def test_work_in_place_after_the_layer_does_not_reach_the_features(inplace: bool) -> None:
    module, x = mlp(inplace).eval(), torch.randn(5, 6)
    theory = capture(module, x, "0", labels=LABELS)
    features = theory.features["activation"]
    assert bool((features < 0).any())
    before = features.clone()
    leaf = features.clone().requires_grad_()
    theory.samples("loss", {"activation": leaf}).sum().backward()
    assert leaf.grad is not None
    assert torch.equal(features, before)
    assert torch.equal(leaf.detach(), before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_precision_is_kept_at_least_single_and_cast_back(dtype: torch.dtype) -> None:
    module = mlp().to(dtype)
    theory = capture(module, torch.randn(5, 6).to(dtype), "1", labels=LABELS)
    x = theory.features["activation"]
    assert x.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert next(module.parameters()).dtype == dtype
    effective = ActivationSpectrum(steps=3, restarts=2).coarsen(theory, 3)
    assert effective.observe()["loss"].value > 0
    influence = effective.bounds["loss"]
    assert influence.certificate.kind == "proved"
    assert influence.attack.value > 0


def test_it_works_inside_inference_mode() -> None:
    module = mlp()
    with torch.inference_mode():
        theory = capture(module, torch.randn(5, 6), "1", labels=LABELS)
    leaf = theory.features["activation"].clone().requires_grad_()
    theory.samples("loss", {"activation": leaf}).sum().backward()
    assert leaf.grad is not None


def test_hooks_of_the_user_s_own_take_part_and_stay() -> None:
    module, seen, x = mlp(), [], torch.randn(5, 6)
    module[1].register_forward_hook(lambda _, __, output: seen.append(1) or 2 * output)
    theory = capture(module, x, "1", labels=LABELS)
    assert (len(module[1]._forward_hooks), seen) == (1, [])
    assert torch.equal(theory.features["activation"], 2 * module[1].forward(module[0](x)))


def peak(out: Tensor) -> Tensor:
    return out.max(-1).values


@pytest.mark.parametrize(
    "spec, names",
    [
        (None, ["loss", "accuracy"]),
        ("loss", ["loss"]),
        (["accuracy", logit_difference(0, 2)], ["accuracy", "logit 0 − 2"]),
        (peak, ["peak"]),
        (lambda out: out[:, 0], ["observable"]),
        ({"top": peak}, ["top"]),
        ({"error": "loss"}, ["error"]),
        ((), []),
        (Observable("norm", lambda f: f["activation"].norm(dim=-1)), ["norm"]),
    ],
)
def test_observables_are_given_in_any_form(spec: Any, names: list[str]) -> None:
    theory = capture(mlp(), torch.randn(5, 6), "1", spec, labels=LABELS)
    assert [o.name for o in theory.observables] == names
    assert list(theory.observe()) == names


def test_a_layer_can_be_the_module_itself() -> None:
    module = mlp()
    by_name = capture(module, torch.ones(5, 6), "3", labels=LABELS)
    by_module = capture(module, torch.ones(5, 6), module[3], labels=LABELS)
    assert by_module.attrs["layer"] == "3"
    assert torch.equal(by_name.features["activation"], by_module.features["activation"])
    with pytest.raises(LayerError, match="not of a copy"):
        capture(module, torch.ones(5, 6), nn.Linear(2, 2), labels=LABELS)


class Output(dict[str, Tensor]):
    @property
    def logits(self) -> Tensor:
        return self["logits"]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda z: (z, None),
        lambda z: [z],
        lambda z: {"logits": z},
        lambda z: Output(logits=z),
        lambda z: {"first": z, "second": None},
    ],
)
def test_outputs_in_a_container_are_found(wrap: Callable[[Tensor], Any]) -> None:
    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = mlp()

        def forward(self, x: Tensor) -> Any:
            return wrap(self.body(x))

    module, x = Wrapped(), torch.randn(5, 6)
    theory = capture(module, x, "body.1", labels=LABELS)
    expected = capture(module.body, x, "1", labels=LABELS).samples("loss")
    assert torch.equal(theory.samples("loss"), expected)
    raw = capture(module, x, "body.1", {"kind": lambda out: torch.full((5,), float(len(out)))})
    assert raw.samples("kind").shape == (5,)


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.spare, self.ids = nn.Linear(6, 6), nn.Linear(6, 6), Indices()

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(self.inner(x)) + self.ids(x)


class Indices(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.argmax(-1, keepdim=True)


@pytest.mark.parametrize(
    "module, layer, message",
    [
        (mlp(), "5", "allowed: 0, 1, 2, 3"),
        (Encoder(), "encoder.layer.0.linear1", "did you mean 'encoder.layers.0.linear1'"),
        (Twice(), "inner", "2 calls in one forward pass"),
        (Twice(), "spare", "0 calls in one forward pass"),
        (Twice(), "ids", "int64"),
        (mlp(), 3, "allowed: 0, 1, 2, 3"),
    ],
)
def test_a_layer_that_cannot_be_captured_is_refused(
    module: nn.Module, layer: Any, message: str
) -> None:
    batch = ids() if isinstance(module, Encoder) else torch.randn(5, 6)
    with pytest.raises(LayerError, match=message):
        capture(module, batch, layer, ())
    assert all(not part._forward_hooks for part in module.modules())


def test_a_layer_with_samples_on_another_axis_is_refused() -> None:
    with pytest.raises(LayerError, match="batch_first"):
        capture(nn.Sequential(nn.Flatten(0, 1), nn.Linear(6, 2)), torch.randn(5, 4, 6), "0", ())


@pytest.mark.parametrize(
    "batch, message",
    [
        (torch.randn(5, 7), r"float32 \(5, 7\).*the module says: mat1 and mat2"),
        (torch.zeros(5, 6, dtype=torch.int64), "the module says"),
        (torch.randn(0, 6), "one or more samples"),
        ("text", "one or more samples"),
        ((), "one or more samples"),
        ({"y": torch.randn(5, 6)}, "the module says.*unexpected keyword"),
        ((torch.randn(5, 6), torch.randn(5, 6)), "the module says"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused_with_the_module_s_own_words(
    batch: Any, message: str
) -> None:
    module = mlp()
    with pytest.raises(ShapeError, match=message):
        capture(module, batch, "1", ())
    assert all(not part._forward_hooks for part in module.modules())
    assert module.training


@pytest.mark.parametrize(
    "spec, message",
    [
        (lambda out: out[:, 0] / 0 * 0, "NaN"),
        (lambda out: out.mean(), "one value for each sample"),
        (lambda out: out, "one value for each sample"),
        (lambda out: out[:3, 0], "one value for each sample"),
        ("los", "did you mean 'loss'"),
        ("nothing like it", "loss, accuracy"),
        (3, "a name, an Observable, or a function"),
    ],
)
def test_an_observable_that_does_not_work_is_refused(spec: Any, message: str) -> None:
    with pytest.raises((ObservableError, ShapeError), match=message):
        capture(mlp(), torch.randn(5, 6), "1", [spec], labels=LABELS)


@pytest.mark.parametrize(
    "options, error",
    [
        ({}, ObservableError),
        ({"observable": "loss"}, ObservableError),
        ({"labels": LABELS[:3]}, ShapeError),
        ({"labels": LABELS + 5}, ObservableError),
        ({"labels": LABELS.float()}, ShapeError),
        ({"labels": LABELS, "feature_axis": 0}, ParameterError),
        ({"labels": LABELS, "feature_axis": 2}, ParameterError),
        ({"labels": LABELS, "feature_axis": 1.0}, ParameterError),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], error: type[RGError]) -> None:
    with pytest.raises(error):
        capture(mlp(), torch.randn(5, 6), "1", **options)


def test_what_is_not_a_module_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"torch\.nn\.Module"):
        capture(lambda x: x, torch.ones(2, 2), "0", ())  # type: ignore[arg-type]


def test_activations_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ObservableError, match="NaN or infinity"):
        capture(mlp(), torch.full((5, 6), float("nan")), "1", ())


@pytest.mark.parametrize("make, batch, layer, axis, shape", CASES)
def test_every_kind_of_layer_flows(make, batch, layer, axis, shape) -> None:  # type: ignore
    theory: Theory = capture(make(), batch(), layer, "loss", labels=LABELS, feature_axis=axis)
    effective = ActivationSpectrum(steps=3, restarts=2).coarsen(theory, 2)
    assert effective.features["coefficients"].shape == (*shape[:-1], 2)
    influence = effective.bounds["loss"]
    assert all((influence.average, influence.resample, influence.attack))
    assert influence.certificate.kind == "proved" or influence.certificate.how
