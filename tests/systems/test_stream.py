"""A stream of activations is the activation of the whole batch, piece by piece."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rgwidgets.compute.moments import Moments
from rgwidgets.core.errors import Cancelled, LayerError, ObservableError, RGError, ShapeError
from rgwidgets.core.flow import Flow
from rgwidgets.core.progress import listening
from rgwidgets.schemes.activation_spectrum import ActivationSpectrum
from rgwidgets.systems.capture import capture
from rgwidgets.systems.stream import activations

from .odd_modules import HANDLED, Net, seeded

X = torch.randn(40, 4, generator=torch.Generator().manual_seed(5))


class Convolution(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Conv2d(1, 3, 2), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.first(x.reshape(-1, 1, 2, 2)).flatten(1))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.GRU(2, 3, batch_first=True), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.first(x.reshape(-1, 2, 2))[0])


@pytest.mark.parametrize("make, axis", [(Net, -1), (Convolution, 1), (Recurrent, -1)])
@pytest.mark.parametrize("size", [1, 7, 40])
def test_the_chunks_are_the_captured_activation(make: Any, axis: int, size: int) -> None:
    module = seeded(make)
    whole = capture(module, X, "first", (), feature_axis=axis).features["activation"]
    chunks = list(activations(module, X.split(size), "first", feature_axis=axis))
    assert [len(chunk) for chunk in chunks] == [len(batch) for batch in X.split(size)]
    assert torch.allclose(torch.cat(chunks), whole, atol=1e-6)
    assert not any(chunk.requires_grad for chunk in chunks)


@pytest.mark.parametrize("fault", sorted(HANDLED))
def test_odd_modules_are_streamed_and_left_as_they_were(fault: str, as_found: Any) -> None:
    module = seeded(HANDLED[fault]).train()
    x = X.to(next(module.parameters()).dtype)
    module(x.clone())
    before = x.clone()
    with as_found(module):
        whole = capture(module, x, "first", ()).features["activation"]
        chunks = list(activations(module, x.split(9), "first"))
    assert torch.equal(x, before)
    assert chunks[0].dtype == torch.float32
    assert torch.allclose(torch.cat(chunks), whole, atol=1e-2 if x.dtype != X.dtype else 1e-6)


def test_the_basis_of_a_stream_is_that_of_the_whole() -> None:
    module = seeded(Net)
    theory = capture(module, X, "first", {"first": lambda z: z[:, 0]})
    moments = Moments.of(activations(module, X.split(9), "first"))
    streamed, own = ActivationSpectrum(moments=moments), ActivationSpectrum()
    one, other = streamed.spectrum(theory), own.spectrum(theory)
    assert torch.allclose(one.values, other.values, atol=1e-6)
    assert torch.allclose(one.mean, other.mean, atol=1e-6)
    assert torch.allclose(one.basis, other.basis, atol=1e-4)
    few = capture(module, X[:6], "first", {"first": lambda z: z[:, 0]})
    flow = Flow(few, streamed)
    assert torch.equal(streamed.spectrum(few).basis, one.basis)
    assert flow[5].bounds["first"].attack.value < 1e-5
    assert flow[2].bounds["first"].average.value > 0
    assert "count=40" in repr(streamed)
    with pytest.raises(ShapeError, match=r"dimension 5.*dimension 3"):
        streamed.spectrum(capture(module, X, "last", ()))


RAN: list[int] = []


def note_first(*_: object) -> None:
    RAN.append(0)


def note_last(*_: object) -> None:
    RAN.append(1)


def test_what_follows_the_layer_runs_for_the_first_batch_only() -> None:
    module = seeded(Net)
    module.last.register_forward_hook(note_last)
    module.first.register_forward_hook(note_first)
    RAN.clear()
    list(activations(module, X.split(10), "first"))
    assert RAN == [0, 1] * 3 + [0] * 3  # the first three times: is it a function?


@pytest.mark.parametrize("stop", [0, 1, 2])
def test_the_module_is_as_it_was_between_two_batches(stop: int, as_found: Any) -> None:
    module = seeded(Net).train()
    with as_found(module):
        for number, _ in enumerate(activations(module, X.split(10), "first")):
            with as_found(module):
                module(X)
            if number == stop:
                break
        gc.collect()


def test_a_batch_is_asked_for_when_it_is_needed_and_none_is_kept() -> None:
    asked: list[int] = []

    def batches() -> Iterator[Tensor]:
        for number in range(3):
            asked.append(number)
            yield X[:5]

    stream = activations(seeded(Net), batches(), "first")
    assert asked == []
    next(stream)
    assert asked == [0]
    next(stream)
    assert asked == [0, 1]


HELD: list[int] = []


def count_held(*_: object) -> None:
    tensors = [t for t in gc.get_objects() if type(t) is Tensor and t.shape == (11, 37)]
    HELD.append(len({t.data_ptr() for t in tensors}))


def test_one_activation_is_held_at_a_time() -> None:
    module = nn.Sequential(nn.Linear(4, 37), nn.Linear(37, 2))
    module[0].register_forward_pre_hook(count_held)
    HELD.clear()
    gc.disable()  # nothing may wait for it
    try:
        Moments.of(activations(module, [torch.randn(11, 4)] * 6, "0"))
    finally:
        gc.enable()
    assert HELD == [0, 0, 1, 0, 0, 0, 0, 0]  # the first batch is run again, and all compared


class Catches(Net):
    """Takes every exception of its layer for a reason to go on without it."""

    def forward(self, x: Tensor) -> Any:
        try:
            h = self.first(x)
        except Exception:
            h = torch.zeros(len(x), 5)
        return self.last(h)


def test_a_module_that_catches_everything_does_not_catch_the_end_of_the_stream() -> None:
    module = seeded(Catches)
    module.last.register_forward_hook(note_last)
    RAN.clear()
    assert len(list(activations(module, X.split(10), "first"))) == 4
    assert RAN == [1, 1, 1]


STRIKE: list[BaseException | None] = []


def strike(*_: object) -> None:
    if (error := STRIKE.pop(0)) is not None:
        raise error


@pytest.mark.parametrize("at", [0, 1, 3])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), Cancelled(), RuntimeError("broken")])
def test_an_interruption_midway_leaves_all_as_it_was(
    at: int, error: BaseException, as_found: Any
) -> None:
    module = seeded(Net).train()
    STRIKE[:] = [*[None] * at, error]
    module.first.register_forward_pre_hook(strike)
    expected = ShapeError if isinstance(error, RuntimeError) else type(error)
    with as_found(module), pytest.raises(expected) as caught:
        list(activations(module, X.split(10), "first"))
    assert caught.value is error or "'first'" in str(caught.value)


def test_asking_to_stop_is_heard_between_two_batches(as_found: Any) -> None:
    module, heard = seeded(Net), []

    def stop(fraction: float | None, label: str) -> None:
        heard.append((fraction, label))
        if len(heard) == 3:
            raise Cancelled

    with as_found(module), listening(stop), pytest.raises(Cancelled):
        list(activations(module, list(X.split(10)), "first"))
    assert heard[-1] == (0.5, "activations of first")


def test_a_stream_that_goes_wrong_names_its_batch(as_found: Any) -> None:
    module = seeded(Net)
    for batches, error, message in (
        ([X, X[:0]], ShapeError, "one or more samples"),
        ([X, X[:, :3]], ShapeError, r"float32 \(40, 3\).*'first'"),
        ([X, X / 0], ObservableError, r"layer 'first'.*batch 1"),
    ):
        with as_found(module), pytest.raises(error, match=message):
            list(activations(module, batches, "first"))


def test_a_stream_is_of_the_weights_that_it_began_with() -> None:
    module = seeded(Net)
    stream = activations(module, [X, X], "first")
    first = next(stream)
    with torch.no_grad():
        module.first.weight.add_(1)
    assert torch.equal(next(stream), first)


def test_large_values_whose_sum_overflows_are_finite() -> None:
    module = nn.Sequential(nn.Identity(), nn.Linear(4, 2))
    (chunk,) = activations(module, [torch.full((8, 4), 3e38)], "0")
    assert float(chunk.max()) == pytest.approx(3e38)


@pytest.mark.parametrize(
    "layer, message",
    [("frist", "did you mean 'first'"), ("unused", "0 calls"), ("twice", "2 calls")],
)
def test_a_layer_that_cannot_be_streamed_is_refused(layer: str, message: str) -> None:
    class Module(Net):
        def __init__(self) -> None:
            super().__init__()
            self.unused, self.twice = nn.Linear(2, 2), nn.Identity()

        def forward(self, x: Tensor) -> Any:
            return super().forward(self.twice(self.twice(x)))

    with pytest.raises(LayerError, match=message):
        list(activations(Module(), [X], layer))
    with pytest.raises(RGError, match="feature_axis"):
        list(activations(Module(), [X], "first", feature_axis=2))
