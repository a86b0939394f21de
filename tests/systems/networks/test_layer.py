"""Which layer is meant, and what tensor it gives."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rgwidgets.core.errors import LayerError, ParameterError, ShapeError
from rgwidgets.systems.networks.layer import (
    check_called_once,
    check_shape,
    located,
    tensor_of,
    with_tensor,
)

Pair = namedtuple("Pair", "first second")
X = torch.ones(2, 3)


def test_wrappers_are_taken_off_and_names_are_those_inside() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.ReLU()))
    for wrapped in (net, nn.DataParallel(net), nn.DataParallel(nn.DataParallel(net))):
        for layer in ("1.0", net[1][0], "module.1.0" if wrapped is not net else "1.0"):
            assert located(wrapped, layer) == (net, "1.0")
        assert located(wrapped, wrapped) == (net, "")


def test_a_layer_that_is_really_called_module_keeps_its_name() -> None:
    net = nn.Sequential()
    net.add_module("module", nn.Linear(3, 3))
    assert located(net, "module") == (net, "module")


@pytest.mark.parametrize("output", [X, (X, None), [X, 1], Pair(X, None)])
def test_the_tensor_is_found_and_can_be_replaced(output: Any) -> None:
    assert tensor_of(output, "here") is X
    replaced = with_tensor(output, 2 * X)
    assert type(replaced) is type(output)
    assert torch.equal(tensor_of(replaced, "here"), 2 * X)
    if not isinstance(output, Tensor):
        assert list(replaced)[1:] == list(output)[1:]


@pytest.mark.parametrize("calls, said", [(0, "choose a layer"), (2, "wrap the one call")])
def test_a_layer_runs_once(calls: int, said: str) -> None:
    check_called_once("here", 1)
    with pytest.raises(LayerError, match=f"'here'.*{calls} calls.*{said}"):
        check_called_once("here", calls)


@pytest.mark.parametrize(
    "shape, axis, error",
    [
        ((2,), -1, LayerError),
        ((3, 2), -1, LayerError),
        ((2, 0), -1, ShapeError),
        ((2, 3), 0, ParameterError),
        ((2, 3), True, ParameterError),
        ((2, 3), -2, ParameterError),
    ],
)
def test_samples_come_first_and_features_on_another_axis(
    shape: tuple[int, ...], axis: int, error: type
) -> None:
    check_shape(torch.ones(2, 4, 3), "here", 2, 1)
    with pytest.raises(error, match="layer 'here'"):
        check_shape(torch.ones(shape), "here", 2, axis)
