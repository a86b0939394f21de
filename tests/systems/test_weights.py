"""The weights of a layer as a theory: the same numbers as the module, which stays as it was."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev

from rgwidgets.core.errors import LayerError, ObservableError, ParameterError, RGError, ShapeError
from rgwidgets.core.theory import Observable, Theory
from rgwidgets.systems.capture import capture
from rgwidgets.systems.networks.layer_jacobian import LayerJacobian
from rgwidgets.systems.networks.observables import logit_difference
from rgwidgets.systems.weights import capture_weights

LABELS = torch.tensor([0, 1, 2, 0, 1])


def seeded(make: Any, seed: int = 0) -> Any:
    """A module with weights of its own seed, torch's random state as before."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make()


def mlp(dtype: torch.dtype = torch.float64, seed: int = 0) -> nn.Sequential:
    layers = (lambda: nn.Linear(4, 6), nn.Tanh, nn.Dropout, lambda: nn.Linear(6, 3))
    return seeded(lambda: nn.Sequential(*(make() for make in layers)), seed).to(dtype)


def batch(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


class Tied(nn.Module):
    """An embedding that is its own readout."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(3, 2, dtype=torch.float64)
        self.read = nn.Linear(2, 3, bias=False, dtype=torch.float64)
        self.read.weight = self.embed.weight

    def forward(self, tokens: Tensor) -> Tensor:
        return self.read(self.embed(tokens))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(3, 4, batch_first=True, dtype=torch.float64)
        self.read = nn.Linear(4, 3, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        return self.read(self.gru(x)[0])


class Does(nn.Module):
    """A linear layer, then any function of its input and output."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.linear, self.function = nn.Linear(4, 3, dtype=torch.float64), function

    def forward(self, x: Tensor) -> Any:
        return self.function(x, self.linear(x))


def centred() -> nn.Module:
    """Samples that depend on each other."""
    return Does(lambda x, y: torch.tanh(y - y.mean(0)))


def squeezing() -> nn.Module:
    return Does(lambda x, y: torch.tanh(y).squeeze())


def convolution() -> nn.Module:
    parts = (nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))
    module = nn.Sequential(*parts).double()
    module[1].running_var.fill_(2.0)
    return module


def encoder() -> nn.Module:
    return nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, dtype=torch.float64)


MODULES = [
    pytest.param(mlp, (5, 4), "0", 30, id="mlp"),
    pytest.param(mlp, (5, 4), "", 51, id="whole mlp"),
    pytest.param(convolution, (5, 1, 3, 3), "0", 10, id="convolution"),
    pytest.param(convolution, (5, 1, 3, 3), "1", 4, id="batch norm"),
    pytest.param(Recurrent, (5, 2, 3), "gru", 108, id="gru"),
    pytest.param(encoder, (3, 2, 4), "self_attn", 80, id="attention"),
    pytest.param(centred, (5, 4), "linear", 15, id="dependent samples"),
    pytest.param(squeezing, (5, 4), "linear", 15, id="squeezed outputs"),
]


def straightforward(module: nn.Module, x: Tensor, layer: str) -> Tensor:
    """(n, c, P) by forward substitution of every named parameter, with torch.func."""
    module = copy.deepcopy(module).eval()
    prefix = f"{layer}." if layer else ""
    own = {
        prefix + k: p.detach().clone() for k, p in module.get_submodule(layer).named_parameters()
    }

    def outputs(parameters: dict[str, Tensor]) -> Tensor:
        found = functional_call(module, parameters, (x,))
        return found.reshape(-1, found.shape[-1])

    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        found = jacrev(outputs)(own)
    return torch.cat([j.flatten(2) for j in found.values()], -1)


def collected(jacobian: LayerJacobian, **options: Any) -> tuple[Tensor, Tensor]:
    pairs = list(jacobian(**options))
    return torch.cat([o for o, _ in pairs]), torch.cat([r for _, r in pairs])


@pytest.mark.parametrize("make, shape, layer, size", MODULES)
def test_the_jacobian_is_that_of_torch(make: Any, shape: tuple, layer: str, size: int) -> None:
    module, x = seeded(make), batch(*shape)
    theory = capture_weights(module, x, layer, ())
    assert theory.features["weights"].shape == (1, size)
    jacobian = theory.attrs["jacobian"]
    outputs, rows = collected(jacobian)
    exact = straightforward(module, x, layer)
    assert jacobian.shape == exact.shape == rows.shape
    assert torch.allclose(rows, exact, rtol=1e-10, atol=1e-12)
    assert torch.allclose(outputs, module.eval()(x).reshape(outputs.shape), atol=1e-12)
    _, column = collected(jacobian, output=1)
    assert torch.allclose(column, exact[:, 1:2], rtol=1e-10, atol=1e-12)


def test_the_jacobian_is_taken_where_it_is_asked_for() -> None:
    theory = capture_weights(mlp(), batch(5, 4), "0", ())
    moved = theory.features["weights"] + 0.1
    _, rows = collected(theory.attrs["jacobian"], weights=moved)
    other = mlp()
    torch.nn.utils.vector_to_parameters(moved[0], other[0].parameters())
    assert torch.allclose(rows, straightforward(other, batch(5, 4), "0"), atol=1e-12)


@pytest.mark.parametrize("layer", ["0", "3", ""])
def test_observables_are_means_of_what_capture_gives(layer: str) -> None:
    module, x = mlp(), batch(5, 4)
    specs = ["loss", "accuracy", logit_difference(2, 0), lambda z: z[:, 0] ** 2]
    theory = capture_weights(module, x, layer, specs, labels=LABELS)
    per_sample = capture(module, x, "3", specs, labels=LABELS)
    assert [o.name for o in theory.observables] == [o.name for o in per_sample.observables]
    for o in per_sample.observables:
        exact = per_sample.samples(o.name).mean()
        assert theory.samples(o.name).shape == (1,)
        assert float(theory.samples(o.name)) == pytest.approx(float(exact), abs=1e-14)
    assert theory.observable("loss").unit == "nats"


def test_observables_are_differentiable_in_the_weights() -> None:
    module, x = mlp(), batch(5, 4)
    theory = capture_weights(module, x, "0", ["loss", lambda z: z[:, 0] ** 2], labels=LABELS)
    leaf = theory.features["weights"].clone().requires_grad_()
    for name in ("loss", "observable"):
        (slope,) = torch.autograd.grad(theory.samples(name, {"weights": leaf}).sum(), leaf)
        step = 1e-5 * slope / slope.norm()
        ahead, behind = (
            theory.samples(name, {"weights": leaf.detach() + s * step}) for s in (1, -1)
        )
        assert float((ahead - behind) / 2e-5) == pytest.approx(float(slope.norm()), rel=1e-6)


def test_an_observable_of_the_weights_themselves_is_taken_as_it_is() -> None:
    norm = Observable("norm", lambda f: f["weights"].norm(dim=-1))
    theory = capture_weights(mlp(), batch(5, 4), "0", norm)
    assert float(theory.samples("norm")) == pytest.approx(float(theory.features["weights"].norm()))


def test_the_accuracy_has_a_stand_in_and_may_change_both_ways() -> None:
    theory = capture_weights(mlp(), batch(5, 4), "0", "accuracy", labels=LABELS)
    accuracy: Any = theory.observable("accuracy")
    leaf = theory.features["weights"].clone().requires_grad_()
    assert accuracy.smooth({"weights": leaf}).requires_grad
    assert accuracy.form == "general"  # of one sample alone would an accuracy change one way only


def test_tied_weights_count_once_and_move_together() -> None:
    module, tokens = seeded(Tied), torch.tensor([0, 2, 1])
    for layer in ("", "embed", "read"):
        theory = capture_weights(module, tokens, layer, ())
        jacobian = theory.attrs["jacobian"]
        assert jacobian.weights.shape == (6,)
        moved = 2 * jacobian.weights
        assert torch.allclose(jacobian.outputs(moved), 4 * module(tokens))
        _, rows = collected(jacobian)  # quadratic: derivative along the weights is twice itself
        along = (rows @ jacobian.weights).reshape(3, 3)
        assert torch.allclose(along, 2 * module(tokens))


def test_the_module_is_left_as_it_was() -> None:
    module = mlp().train()
    module[3].eval()
    module[0].register_forward_hook(lambda _, __, output: output + 1)
    module[0].weight.grad = torch.ones(6, 4, dtype=torch.float64)
    before = copy.deepcopy(module.state_dict())
    versions = [p._version for p in module.parameters()]
    identities = [id(p) for p in module.parameters()]
    random = torch.random.get_rng_state()
    theory = capture_weights(module, batch(5, 4), "0", labels=LABELS)
    collected(theory.attrs["jacobian"])
    with pytest.raises(ShapeError):
        capture_weights(module, batch(5, 3), "0", ())
    assert [module.training, module[0].training, module[3].training] == [True, True, False]
    assert [id(p) for p in module.parameters()] == identities
    assert [p._version for p in module.parameters()] == versions
    assert all(torch.equal(before[k], v) for k, v in module.state_dict().items())
    assert torch.equal(module[0].weight.grad, torch.ones(6, 4, dtype=torch.float64))
    assert all(p.grad is None for p in module[3].parameters())
    assert len(module[0]._forward_hooks) == 1
    assert torch.equal(torch.random.get_rng_state(), random)


def test_dropout_is_off_and_batch_norm_keeps_its_statistics() -> None:
    module = mlp().train()
    theory = capture_weights(module, batch(5, 4), "0", labels=LABELS)
    assert torch.equal(
        theory.attrs["jacobian"].outputs(theory.features["weights"]), mlp().eval()(batch(5, 4))
    )
    norm, mean = convolution().train(), torch.zeros(2).double()
    capture_weights(norm, batch(5, 1, 3, 3), "0", labels=LABELS)
    assert torch.equal(norm[1].running_mean, mean)
    assert int(norm[1].num_batches_tracked) == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_kept_in_single(dtype: torch.dtype) -> None:
    module, x = mlp(dtype), batch(5, 4, dtype=dtype)
    theory = capture_weights(module, x, "0", labels=LABELS)
    assert theory.features["weights"].dtype == torch.float32
    assert torch.equal(
        theory.attrs["jacobian"].outputs(theory.features["weights"]), module.eval()(x)
    )
    _, rows = collected(theory.attrs["jacobian"])
    exact = straightforward(copy.deepcopy(module).double(), x.double(), "0")
    assert rows.dtype == torch.float32
    assert (
        float((rows - exact.detach()).norm() / exact.norm().detach()) < 4 * torch.finfo(dtype).eps
    )


def test_weights_return_to_their_names() -> None:
    module = mlp(torch.float32)
    theory = capture_weights(module, batch(5, 4, dtype=torch.float32), "0", ())
    named = theory.attrs["jacobian"].tensors(theory.features["weights"])
    assert list(named) == ["0.weight", "0.bias"]
    assert all(torch.equal(named[k], module.state_dict()[k]) for k in named)
    with pytest.raises(ShapeError, match="30"):
        theory.attrs["jacobian"].tensors(torch.zeros(29))


def test_a_reference_is_a_vector_or_a_state_dict() -> None:
    module, initial = mlp(seed=0), mlp(seed=3)
    flat = torch.nn.utils.parameters_to_vector(initial[0].parameters()).detach()

    def reference(given: Any) -> Tensor:
        return capture_weights(module, batch(5, 4), "0", (), reference=given).attrs["reference"]

    assert torch.equal(reference(None), torch.zeros_like(flat))
    for given in (flat, flat[None], initial.state_dict(), initial[0].state_dict()):
        assert torch.equal(reference(given), flat)
    module[0].weight.requires_grad_(False)
    assert not reference(flat).requires_grad


@pytest.mark.parametrize(
    "given, error, message",
    [
        (torch.zeros(29), ShapeError, "30"),
        (torch.full((30,), float("nan")), ParameterError, "finite"),
        ({"0.weight": torch.zeros(6, 4)}, ParameterError, r"0\.bias"),
        ({"weight": torch.zeros(4, 6), "bias": torch.zeros(6)}, ShapeError, r"\(6, 4\)"),
        ([0.0] * 30, ParameterError, "state dict"),
    ],
)
def test_a_reference_that_does_not_fit_is_refused(given: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        capture_weights(mlp(), batch(5, 4), "0", (), reference=given)


def test_a_layer_without_weights_is_refused_by_name() -> None:
    with pytest.raises(LayerError, match=r"layer '1'.*0, 3"):
        capture_weights(mlp(), batch(5, 4), "1", ())
    with pytest.raises(LayerError, match="did you mean"):
        capture_weights(nn.Sequential(nn.Linear(4, 3)), batch(5, 4), "00", ())
    module = nn.Sequential(nn.Linear(2, 2, dtype=torch.complex64))
    with pytest.raises(LayerError, match="complex"):
        capture_weights(module, torch.ones(3, 2, dtype=torch.complex64), "0", ())
    with pytest.raises(LayerError, match="lazy"):
        capture_weights(nn.Sequential(nn.Linear(4, 3), nn.LazyLinear(2)), batch(5, 4), "0", ())


@pytest.mark.parametrize(
    "function, error, message",
    [
        (lambda x, y: (y, x), ObservableError, "tuple"),
        (lambda x, y: {"a": y}, ObservableError, "dict"),
        (lambda x, y: y.argmax(-1), ObservableError, "int64"),
        (lambda x, y: y.sum(), ShapeError, "samples first"),
        (lambda x, y: y.log(), ObservableError, "NaN"),
    ],
)
def test_outputs_that_are_no_finite_tensor_are_refused(
    function: Any, error: type[RGError], message: str
) -> None:
    with pytest.raises(error, match=message):
        capture_weights(Does(function), batch(5, 4), "linear", ())


@pytest.mark.parametrize(
    "function, columns", [(lambda x, y: SimpleNamespace(logits=y), 3), (lambda x, y: y[:, 0], 1)]
)
def test_logits_and_single_outputs_are_taken(function: Any, columns: int) -> None:
    theory = capture_weights(Does(function), batch(5, 4), "linear", ())
    assert theory.attrs["jacobian"].shape == (5, columns, 15)


@pytest.mark.parametrize(
    "function", [lambda x, y: x[:, :2] + 1, lambda x, y: 0 * y], ids=["unused layer", "times 0"]
)
def test_outputs_that_do_not_depend_on_the_weights_have_no_derivative(function: Any) -> None:
    theory = capture_weights(Does(function), batch(5, 4), "linear", ())
    _, rows = collected(theory.attrs["jacobian"])
    assert rows.count_nonzero() == 0


def test_a_gradient_that_is_cut_off_or_not_finite_is_refused() -> None:
    theory = capture_weights(Does(lambda x, y: y.detach()), batch(5, 4), "linear", ())
    with pytest.raises(ObservableError, match="without gradient"):
        collected(theory.attrs["jacobian"])
    root = Does(lambda x, y: (0 * y).abs().sqrt())
    with pytest.raises(ObservableError, match="NaN or infinity"):
        collected(capture_weights(root, batch(5, 4), "linear", ()).attrs["jacobian"])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(bad: float) -> None:
    module = mlp()
    with torch.no_grad():
        module[0].weight[0, 0] = bad
    with pytest.raises(ParameterError, match="layer '0'"):
        capture_weights(module, batch(5, 4), "0", ())


def test_a_theory_is_of_the_weights_that_it_was_captured_with() -> None:
    module = mlp()
    theory = capture_weights(module, batch(5, 4), "0", labels=LABELS)
    before = theory.samples("loss")
    with torch.no_grad():
        module[3].bias += 1
    assert torch.equal(theory.samples("loss"), before)


@pytest.mark.parametrize(
    "options, error",
    [
        ({}, ObservableError),
        ({"observable": "loss"}, ObservableError),
        ({"observable": "los", "labels": LABELS}, ObservableError),
        ({"observable": lambda z: z.mean()}, ObservableError),
        ({"observable": lambda z: z[:3, 0]}, ObservableError),
        ({"labels": LABELS[:3]}, ShapeError),
        ({"labels": LABELS + 5}, ObservableError),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], error: type[RGError]) -> None:
    with pytest.raises(error):
        capture_weights(mlp(), batch(5, 4), "0", **options)


def test_what_is_not_a_module_or_has_no_samples_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"torch\.nn\.Module"):
        capture_weights(lambda x: x, batch(5, 4), "0", ())  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="one or more samples"):
        capture_weights(mlp(), torch.zeros(0, 4, dtype=torch.float64), "0", ())


def test_it_works_inside_inference_mode() -> None:
    with torch.inference_mode():
        module = mlp()
        theory: Theory = capture_weights(module, batch(5, 4), "0", labels=LABELS)
        _, rows = collected(theory.attrs["jacobian"])
    assert torch.allclose(rows, straightforward(mlp(), batch(5, 4), "0"), atol=1e-12)
