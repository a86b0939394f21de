"""Odd modules, bad input and interruptions: handled or refused by name, and all left as found."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rgwidgets import Microscope
from rgwidgets.core.errors import Cancelled, LayerError, ObservableError, RGError, ShapeError
from rgwidgets.core.progress import listening
from rgwidgets.systems.capture import capture
from rgwidgets.systems.weights import capture_weights

from .odd_modules import HANDLED, OF_WEIGHTS, OWN_GENERATOR, REFUSED, SCHEMES, Net, X, look, seeded

pytestmark = pytest.mark.slow


@pytest.mark.slow
@pytest.mark.parametrize("family", SCHEMES)
@pytest.mark.parametrize("fault", HANDLED)
def test_an_odd_module_goes_under_the_microscope_and_comes_out_as_it_was(
    family: str, fault: str, as_found: Any
) -> None:
    module = seeded(HANDLED[fault]).train()
    if fault.startswith("compiled"):
        module(X)  # so that it is
    reference = None
    if family in OF_WEIGHTS and fault.endswith("norm"):
        with as_found(module), pytest.raises(ObservableError, match=r"layer 'first'.*reference="):
            look(module, family)  # zero over zero
        reference = {k: 0.5 * v for k, v in module.state_dict().items()}
    with as_found(module):
        look(module, family, reference=reference)


@pytest.mark.parametrize("family", SCHEMES)
@pytest.mark.parametrize("fault", REFUSED)
def test_a_module_that_is_no_function_of_its_input_is_refused_and_draws_nothing(
    family: str, fault: str, as_found: Any
) -> None:
    make, said = REFUSED[fault]
    module, generator = seeded(make), OWN_GENERATOR.get_state()
    with as_found(module), pytest.raises(ObservableError, match=said):
        look(module, family)
    assert torch.equal(OWN_GENERATOR.get_state(), generator)


RAN: set[str] = set()


def note_before(*_: object) -> None:
    RAN.add("before")


def note_forward(*_: object) -> None:
    RAN.add("forward")


@pytest.mark.parametrize("family", SCHEMES)
def test_hooks_of_the_user_run_and_stay(family: str, as_found: Any) -> None:
    module, own = seeded(Net), set()
    module.first.register_forward_pre_hook(note_before)
    module.first.register_forward_hook(note_forward)
    module.first.register_forward_hook(lambda *_: own.add("forward"))
    module.first.register_forward_hook(lambda _, __, out: out + 1, prepend=True)
    RAN.clear()
    with as_found(module):
        look(module, family, observables={"square": lambda z: z[:, 0] ** 2})
    assert {"before", "forward"} == RAN
    assert not own  # what the user's functions hold is not reached
    if family not in OF_WEIGHTS:
        found = capture(module, X, "first", ()).features["activation"]
        module.first._forward_hooks.clear()
        module.first._forward_pre_hooks.clear()
        assert torch.allclose(found, module.first(X) + 1)


@pytest.mark.parametrize("family", SCHEMES)
@pytest.mark.parametrize("detach", [True, False])
def test_an_observable_without_gradient_is_tried_or_refused_by_name(
    family: str, detach: bool, as_found: Any
) -> None:
    module = seeded(Net)

    def stepped(z: Tensor) -> Tensor:
        return z.detach()[:, 0] if detach else z.argmax(-1).float()

    with as_found(module):
        if family in ("gradient", "attack"):
            with pytest.raises(RGError, match=r"'stepped'.*layer 'first'.*no gradient"):
                look(module, family, observables=stepped)
        else:
            look(module, family, observables=stepped)


@pytest.mark.parametrize("family", SCHEMES)
def test_what_is_overwritten_before_its_gradient_is_tried_or_refused_by_name(
    family: str, as_found: Any
) -> None:
    module = seeded(lambda: Net(after=lambda h: h.sigmoid_().mul_(2)))
    observables = {"square": lambda z: z[:, 0] ** 2}
    with as_found(module):
        if family in ("gradient", "attack") or family in OF_WEIGHTS:
            with pytest.raises(ObservableError, match=r"layer 'first'.*torch says.*inplace"):
                look(module, family, observables=observables)
        else:
            view = look(module, family, observables=observables)
            attack = view.level(view.scale.cutoffs[-1]).influences["square"].attack
            assert attack.value > 0
            assert "no gradient" in attack.how


class Raises(Net):
    """Raises at the k-th call, whichever copy is called."""

    error: BaseException
    left = 0

    def __init__(self, error: BaseException, at: int) -> None:
        super().__init__()
        Raises.error, Raises.left = error, at

    def forward(self, x: Tensor) -> Tensor:
        Raises.left -= 1
        h = self.first(x)
        if Raises.left < 0:
            raise Raises.error
        return self.last(torch.tanh(h))


@pytest.mark.parametrize("family", SCHEMES)
@pytest.mark.parametrize("at", [0, 1, 3])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), Cancelled(), MemoryError()])
def test_an_interruption_passes_through_and_leaves_all_as_it_was(
    family: str, at: int, error: BaseException, as_found: Any
) -> None:
    module = seeded(lambda: Raises(error, at)).train()
    with as_found(module), pytest.raises(type(error)):
        look(module, family, observables={"first": lambda z: z[:, 0].exp()})


@pytest.mark.parametrize("family", SCHEMES)
@pytest.mark.parametrize("at", [0, 2])
@pytest.mark.parametrize(
    "error", [RuntimeError("broken"), KeyError("broken"), ZeroDivisionError("broken")]
)
def test_a_module_that_fails_is_quoted_and_the_layer_named(
    family: str, at: int, error: Exception, as_found: Any
) -> None:
    module = seeded(lambda: Raises(error, at))
    with (
        as_found(module),
        pytest.raises(ShapeError, match=r"'first'.*the module says.*broken") as caught,
    ):
        look(module, family, observables={"first": lambda z: z[:, 0].exp()})
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("family", SCHEMES)
def test_asking_to_stop_midway_leaves_all_as_it_was(family: str, as_found: Any) -> None:
    for patience in range(1, 8):
        module, heard = seeded(Net).train(), []

        def stop(fraction: float | None, label: str, heard: list = heard, n: int = patience):
            heard.append(label)
            if len(heard) >= n:
                raise Cancelled

        with as_found(module), pytest.raises(Cancelled), listening(stop):
            look(module, family, observables={"first": lambda z: z[:, 0].exp()})


class Gives(nn.Module):
    """A layer that returns anything."""

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.linear, self.function = nn.Linear(4, 4), function

    def forward(self, x: Tensor) -> Any:
        return self.function(self.linear(x))


@dataclasses.dataclass
class Output:
    hidden: Tensor


class Uses(nn.Module):
    """A layer whose output it does not look at."""

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.odd, self.last = Gives(function), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        self.odd(x)
        return self.last(x)


@pytest.mark.parametrize(
    "function, said",
    [
        (lambda h: None, "NoneType"),
        (lambda h: {"hidden": h}, "dict"),
        (lambda h: Output(h), "Output"),
        (lambda h: (), "tuple"),
        (lambda h: (None, h), "NoneType"),
        (lambda h: h.argmax(-1), "int64"),
        (lambda h: h.to(torch.complex64), "complex64"),
        (lambda h: h.to_sparse(), "sparse"),
        (lambda h: torch.nested.nested_tensor([h[0], h[1, :2]]), "nested"),
        (lambda h: h.sum(), "()"),
        (lambda h: h[:, :0], "(12, 0)"),
        (lambda h: h / 0, "NaN"),
    ],
)
def test_a_layer_that_returns_no_finite_vectors_is_refused_by_name(
    function: Any, said: str, as_found: Any
) -> None:
    module = Uses(function)
    with (
        as_found(module),
        pytest.raises(RGError, match=f"layer 'odd'.*{said}".replace("()", r"\(\)")),
    ):
        capture(module, X, "odd", ())


def lazy() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 5), nn.LazyLinear(3))


def meta() -> nn.Module:
    with torch.device("meta"):
        return nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5))


@pytest.mark.parametrize("family", SCHEMES)
@pytest.mark.parametrize(
    "make, message",
    [
        (lazy, r"layer '0'.*lazy layer, '1.weight'.*call the module once"),
        (meta, r"layer '0'.*meta tensor, '0.weight'.*to_empty"),
    ],
)
def test_weights_without_values_are_refused_with_a_way_out(
    family: str, make: Any, message: str
) -> None:
    module = make()
    with pytest.raises(LayerError, match=message):
        look(module, family, layer="0")
    assert not any(part._forward_hooks for part in module.modules() if make is meta)


@pytest.mark.parametrize("family", SCHEMES)
@pytest.mark.parametrize("batch", [X[:0], {"x": X[:0]}, (), [], {}, None])
def test_an_empty_batch_is_refused(family: str, batch: Any, as_found: Any) -> None:
    module = seeded(Net)
    with as_found(module), pytest.raises(ShapeError, match="one or more samples"):
        Microscope(module, "first").fit(batch, (), features=SCHEMES[family])


@pytest.mark.parametrize("wrap", [nn.DataParallel, lambda n: torch.compile(n, backend="eager")])
@pytest.mark.parametrize("take", [capture, capture_weights])
def test_a_wrapped_module_has_the_layers_of_the_wrapped(wrap: Any, take: Any) -> None:
    net = seeded(Net)
    wrapped = wrap(net)
    (prefix,) = [name for name, _ in wrapped.named_children()]
    plain = take(net, X, "first", {"first": lambda z: z[:, 0]})
    for layer in ("first", f"{prefix}.first", net.first):
        theory = take(wrapped, X, layer, {"first": lambda z: z[:, 0]})
        assert theory.attrs["layer"] == "first"
        assert torch.equal(theory.samples("first"), plain.samples("first"))


def test_a_part_that_is_compiled_is_found_by_its_plain_name() -> None:
    net = seeded(Net)
    plain = capture(net, X, "first", ())
    net.first = torch.compile(nn.Sequential(net.first), backend="eager")
    net(X)
    for layer in ("first._orig_mod.0", "first.0"):
        found = capture(net, X, layer, ())
        assert torch.equal(found.features["activation"], plain.features["activation"])


def test_a_layer_of_two_names_answers_to_both_and_is_called_twice() -> None:
    shared = nn.Linear(4, 4)
    module = nn.Sequential(shared, shared)
    for name in ("0", "1"):
        with pytest.raises(LayerError, match=f"layer '{name}'.*2 calls"):
            capture(module, X, name, ())


def test_what_is_scripted_may_be_around_but_is_no_layer() -> None:
    with pytest.warns(DeprecationWarning, match="script"):
        part = torch.jit.script(nn.Sequential(nn.Linear(4, 5), nn.ReLU()))
    module = nn.Sequential(part, nn.Linear(5, 3))
    theory = capture(module, X, "1", {"first": lambda z: z[:, 0]})
    assert torch.allclose(theory.samples("first"), module(X)[:, 0])
    for whole, layer in ((module, "0"), (module, "0.0"), (part, "0"), (part, "")):
        with pytest.raises(LayerError, match=f"layer '{layer}'.*scripted.*before"):
            capture(whole, X, layer, ())


def test_backward_through_a_theory_gives_the_weights_no_gradient(as_found: Any) -> None:
    module = seeded(Net)
    with as_found(module):
        for take, feature in ((capture, "activation"), (capture_weights, "weights")):
            theory = take(module, X, "first", {"first": lambda z: z[:, 0]})
            leaf = theory.features[feature].clone().requires_grad_()
            theory.samples("first", {feature: leaf}).sum().backward()
            assert leaf.grad is not None


def test_batches_within_batches_are_copied_too() -> None:
    class Nested(Net):
        def forward(self, given: dict[str, list[Tensor]]) -> Any:
            return super().forward(given["x"][0].mul_(2))

    before = X.clone()
    theory = capture(seeded(Nested), {"given": {"x": [X]}}, "first", {"o": lambda z: z[:, 0]})
    assert torch.equal(theory.samples("o"), theory.samples("o"))
    assert torch.equal(X, before)
