"""A module's failures are quoted; those of the machine and of the user pass."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rgwidgets.core.errors import Cancelled, LayerError, ShapeError
from rgwidgets.core.untouched import ALONE
from rgwidgets.systems.networks.characters import CharacterModel
from rgwidgets.systems.networks.guard import Guard
from rgwidgets.systems.networks.mlp import DigitsMLP
from rgwidgets.systems.networks.sentences import SentenceEncoder

X = torch.ones(2, 3)


class Does(nn.Module):
    def __init__(self, error: BaseException | None = None) -> None:
        super().__init__()
        self.error = error

    def forward(self, x: Tensor, *, scale: float = 1.0) -> Tensor:
        if self.error:
            raise self.error
        return x.mul_(scale)


def test_it_gives_what_the_module_gives_of_copies() -> None:
    assert torch.equal(Guard(Does(), "here").run(((X,), {"scale": 2.0})), 2 * X)
    assert torch.equal(X, torch.ones(2, 3))
    assert Guard(Does(), "here").run(((X,), {}), lambda x: len(x)) == 2


@pytest.mark.parametrize(
    "error, said",
    [
        (RuntimeError("shapes do not fit.\nmore"), "says: shapes do not fit."),
        (KeyError("x"), "says: KeyError: 'x'."),
        (AttributeError("no x"), "says: AttributeError: no x."),
        (ValueError(), "says: ValueError."),
        (StopIteration(), "says: StopIteration: StopIteration."),
    ],
)
def test_its_failure_is_quoted_in_one_line(error: Exception, said: str) -> None:
    with pytest.raises(ShapeError) as caught:
        Guard(Does(error), "here").run(((X,), {}))
    assert str(caught.value).endswith(said)
    assert "float32 (2, 3)" in str(caught.value)
    assert "'here'" in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        KeyboardInterrupt(),
        Cancelled(),
        MemoryError(),
        torch.OutOfMemoryError(),
        LayerError("layer"),
        GeneratorExit(),
    ],
)
def test_what_is_not_the_module_s_fault_passes(error: Any) -> None:
    with pytest.raises(type(error)) as caught:
        Guard(Does(error), "here").run(((X,), {}))
    assert caught.value is error


@contextmanager
def replaced_elsewhere(part: nn.Module) -> Iterator[None]:
    """Another thread is in the middle of a run, and a hook of its own is on this part."""
    begun = threading.Event()

    def run() -> None:
        with ALONE:
            hook = part.register_forward_hook(lambda _, __, output: torch.zeros_like(output))
            begun.set()
            threading.Event().wait(0.2)  # time in which the others might get it wrong
            hook.remove()

    thread = threading.Thread(target=run)
    thread.start()
    begun.wait()
    yield
    thread.join()


@pytest.mark.parametrize(
    "make, part",
    [
        (lambda: DigitsMLP(widths=(4,)), "linear1"),
        (lambda: CharacterModel(width=32, blocks=1, context=8), "block1"),
        (SentenceEncoder, "block1"),
    ],
    ids=["digits", "characters", "minilm"],
)
def test_what_another_thread_runs_stays_out_of_a_theory(make: Callable[[], Any], part: str) -> None:
    system = make()
    expected = system.theory(n=2, layer=part)
    with replaced_elsewhere(system.module.get_submodule(part)):
        found = system.theory(n=2, layer=part)
    assert torch.equal(found.features["activation"], expected.features["activation"])
    for observable in expected.observables:
        values = found.observable(observable.name).samples(found.features)
        assert torch.equal(values, observable.samples(expected.features))
