"""A module's failures are quoted; those of the machine and of the user pass."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rgwidgets.core.errors import Cancelled, LayerError, ShapeError
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
