"""Observables in every form that a user may give them."""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rgwidgets.core.errors import ObservableError
from rgwidgets.core.outputs import together
from rgwidgets.core.theory import Observable
from rgwidgets.systems.networks.observables import loss
from rgwidgets.systems.networks.specs import check_repeatable, listed, tied

LABELS = torch.tensor([0, 1])
X = torch.tensor([[1.0, 2.0], [3.0, 5.0]])
COUNT = itertools.count()


def first(raw: Tensor) -> Tensor:
    return raw[:, 0]


@pytest.mark.parametrize(
    "given, names",
    [
        (None, [("", "loss"), ("", "accuracy")]),
        ("loss", [("", "loss")]),
        (first, [("", first)]),
        ([first, "loss"], [("", first), ("", "loss")]),
        ({"a": first}, [("a", first)]),
        ((), []),
    ],
)
def test_one_or_several_become_a_list(given: Any, names: list) -> None:
    assert listed(given, LABELS) == names


def test_none_without_labels_and_what_is_no_observable_are_refused() -> None:
    with pytest.raises(ObservableError, match="labels"):
        listed(None, None)
    with pytest.raises(ObservableError, match="got 3"):
        listed(3, LABELS)  # type: ignore[arg-type]


class Readout:
    """Returns twice what it is given; the tensor in it that is meant is three times that."""

    def __init__(self, dtype: torch.dtype = torch.float64) -> None:
        self.dtype, self.runs = dtype, 0

    def raw(self, x: Tensor) -> Tensor:
        return 2 * x

    def __call__(self, x: Tensor) -> Tensor:
        self.runs += 1
        return (3 * x).to(self.dtype)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_functions_see_what_is_returned_and_declared_ones_its_tensor(dtype: torch.dtype) -> None:
    def tie(spec: Any, name: str = "") -> Observable:
        return tied(spec, name, LABELS, "x", Readout(dtype))

    assert tie(first).name == "first"
    assert tie(lambda raw: raw[:, 0]).name == "observable"
    assert tie(first, "mine").name == "mine"
    assert torch.equal(tie(first).samples({"x": X}), 2 * X[:, 0])
    found = tie("loss").samples({"x": X})
    assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    outputs = (3 * X).to(found.dtype)  # exact in every precision
    assert torch.equal(found, loss(LABELS).samples({"outputs": outputs}))
    own = Observable("own", lambda f: f["x"][:, 1], tolerance=0.5)
    assert tie(own).tolerance == 0.5
    assert torch.equal(tie(own).samples({"x": X}), X[:, 1])
    for spec, message in (("los", "did you mean 'loss'"), (3, "got 3")):
        with pytest.raises(ObservableError, match=message):
            tie(spec)


def test_declared_ones_of_a_network_share_its_outputs() -> None:
    readout = Readout()
    both = [tied(spec, "", LABELS, "x", readout) for spec in ("loss", "accuracy")]
    assert set(together(both, {"x": X})) == {"loss", "accuracy"}
    assert readout.runs == 1


def test_an_observable_keeps_what_it_was_given_with() -> None:
    scale = [torch.ones(2)]
    kept = tied(lambda raw: raw[:, 0] * scale[0], "", None, "x", Readout())
    before = kept.samples({"x": X})
    scale[0].mul_(7)
    scale.clear()
    assert torch.equal(kept.samples({"x": X}), before)


@pytest.mark.parametrize(
    "noisy, said",
    [
        (lambda f: f["x"][:, 0] + torch.rand(2), r"torch\.rand"),
        (lambda f: f["x"][:, 0] + random.random(), "two different"),
        (lambda f: f["x"][:, 0] + np.random.rand(), "two different"),
        (lambda f: f["x"][:, 0] + next(COUNT), "two different results"),
        (lambda f: (f["x"] + 1j)[:, 0], "complex"),
    ],
)
def test_an_observable_that_is_no_real_function_is_refused(noisy: Any, said: str) -> None:
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    with pytest.raises(ObservableError, match=f"'noisy'.*{said}"):
        check_repeatable([Observable("noisy", noisy)], {"x": X})
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states[1:]
