"""What a module returned: its tensor, and whether it is what it returned before."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from rgwidgets.core.errors import ObservableError, ShapeError
from rgwidgets.systems.networks.returned import logits, outputs_of, same

Z = torch.arange(6.0).reshape(2, 3)


@dataclass
class Output:
    logits: Tensor
    cache: object = None


@pytest.mark.parametrize(
    "raw",
    [Z, (Z, 1), [Z], {"logits": Z}, {"first": Z, "b": 2}, Output(Z), {"a": 1 + Z, "logits": Z}],
)
def test_the_tensor_is_found(raw: Any) -> None:
    assert torch.equal(logits(raw), Z)


@pytest.mark.parametrize("raw", [None, (), {}, (None, Z), 3.0, SimpleNamespace(logits=None)])
def test_what_holds_no_tensor_is_refused(raw: Any) -> None:
    with pytest.raises(ObservableError, match="function of the raw output"):
        logits(raw)


def test_outputs_are_one_finite_tensor_with_samples_first() -> None:
    assert outputs_of({"logits": Z}, 2) is Z
    assert outputs_of(Z[:, 0], 2).shape == (2, 1)
    for raw, error in (
        ((Z, Z), ObservableError),
        (Z.long(), ObservableError),
        (Z / 0, ObservableError),
        (Z[:1], ShapeError),
        (Z[:, :0], ShapeError),
    ):
        with pytest.raises(error):
            outputs_of(raw, 2)


def alike(value: float) -> list[Any]:
    tensor = torch.tensor([1.0, value])
    return [
        tensor,
        (tensor, None),
        [1, value],
        {"x": {"y": tensor}},
        Output(tensor, SimpleNamespace(keys=[tensor])),
        str(value),
    ]


@pytest.mark.parametrize("kind", range(6))
def test_the_same_is_told_from_the_different_however_deep(kind: int) -> None:
    assert same(alike(2.0)[kind], alike(2.0)[kind])
    assert not same(alike(2.0)[kind], alike(3.0)[kind])


def test_what_cannot_be_compared_is_not_the_same() -> None:
    loop: list[Any] = []
    loop.append(loop)
    other: list[Any] = []
    other.append(other)
    assert same(None, None)
    assert same(loop, loop)
    for one, two in (
        (object(), object()),
        (loop, other),
        (Z, Z[:1]),
        ((Z,), [Z]),
        ([Z], [Z, Z]),
        ({"a": Z}, {"b": Z}),
        (SimpleNamespace(), SimpleNamespace()),
        (None, Z),
    ):
        assert not same(one, two)
