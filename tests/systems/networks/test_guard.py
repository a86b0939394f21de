"""A module's failures are quoted; those of the machine and of the user pass."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rgwidgets.core.errors import Cancelled, LayerError, ObservableError, ShapeError
from rgwidgets.systems.networks.guard import Guard

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
    assert Guard(Does(), "here").run(((X,), {}), lambda _, args, named: len(args[0])) == 2


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
    with pytest.raises(type(error)):
        Guard(Does(error), "here").run(((X,), {}))


class Remembers(nn.Module):
    """Keeps what it is given, in place and by name, and gives what it has kept."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []
        self.last: Tensor | None = None

    def forward(self, x: Tensor) -> int:
        self.seen.append(x)
        self.last = x
        return len(self.seen)


def test_a_run_of_what_keeps_something_begins_anew_each_time() -> None:
    module = Remembers()
    guard = Guard(module, "here")
    with pytest.raises(ObservableError, match=r"'here'.*two different results"):
        guard.twice(((X,), {}), lambda module, args, named: module(*args, **named))
    assert [guard.run(((X,), {})) for _ in range(3)] == [1, 1, 1]
    guard.twice(((X,), {}), lambda module, args, named: module(*args, **named) and 0)
    assert [guard.run(((X,), {})) for _ in range(3)] == [1, 1, 1]
    assert not module.seen
    assert module.last is None


class Momentum(nn.Module):
    """Adds what has changed since it was last called: nothing the first time."""

    before: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        given = x + (0 if self.before is None else x - self.before)
        self.before = x
        return given


class FromTheFirst(nn.Module):
    """Measures from what it was given first."""

    first: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        self.first = x if self.first is None else self.first
        return x - self.first


@pytest.mark.parametrize("make", [Momentum, FromTheFirst])
def test_what_hangs_on_earlier_calls_is_refused(make: type[nn.Module]) -> None:
    rows = torch.arange(6.0).reshape(2, 3)
    with pytest.raises(ObservableError, match="two different results"):
        Guard(make(), "here").twice(((rows,), {}), lambda module, args, _: module(*args))


def test_a_batch_that_has_an_order_is_run_as_it_is() -> None:
    def sorted_only(_: nn.Module, args: Any, __: Any) -> Tensor:
        if bool((args[0].diff() < 0).any()):
            raise ValueError("not sorted")
        return args[0]

    rows = torch.arange(4.0)
    assert torch.equal(Guard(Does(), "here").twice(((rows,), {}), sorted_only), rows)


def test_a_hook_on_every_module_is_refused() -> None:
    handle = nn.modules.module.register_module_forward_hook(lambda *_: None)
    try:
        with pytest.raises(LayerError, match="every module there is"):
            Guard(Does(), "here").run(((X,), {}))
    finally:
        handle.remove()


def test_runs_of_one_guard_wait_for_each_other() -> None:
    guard, inside = Guard(Does(), "here"), []

    def slow(*_: Any) -> None:
        inside.append(1)
        threading.Event().wait(0.05)
        assert len(inside) == 1
        inside.pop()

    threads = [threading.Thread(target=guard.run, args=(((X,), {}), slow)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not inside
