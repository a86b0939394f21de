"""Observables in every form that a user may give them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from rgwidgets.core.errors import ObservableError
from rgwidgets.core.outputs import together
from rgwidgets.core.theory import Observable
from rgwidgets.systems.networks.observables import loss
from rgwidgets.systems.networks.specs import listed, tied

LABELS = torch.tensor([0, 1])
X = torch.tensor([[1.0, 2.0], [3.0, 5.0]])


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


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_functions_see_what_is_returned_and_declared_ones_its_tensor(dtype: torch.dtype) -> None:
    def tie(spec: Any, name: str = "") -> Observable:
        return tied(
            spec,
            name,
            LABELS,
            "x",
            raw=lambda x: 2 * x,
            outputs=lambda x: (3 * x).to(dtype),
        )

    assert tie(first).name == "first"
    assert tie(lambda raw: raw[:, 0]).name == "observable"
    assert tie(first, "mine").name == "mine"
    assert torch.equal(tie(first).samples({"x": X}), 2 * X[:, 0])
    found = tie("loss").samples({"x": X})
    assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    outputs = (3 * X).to(found.dtype)  # exact in every precision
    assert torch.equal(found, loss(LABELS).samples({"outputs": outputs}))
    own = Observable("own", lambda f: f["x"][:, 1])
    assert tie(own) is own
    for spec, message in (("los", "did you mean 'loss'"), (3, "got 3")):
        with pytest.raises(ObservableError, match=message):
            tie(spec)


def test_declared_ones_of_a_network_share_its_outputs() -> None:
    runs = []

    def outputs(x: torch.Tensor) -> torch.Tensor:
        runs.append(1)
        return 3 * x

    both = [
        tied(spec, "", LABELS, "x", raw=outputs, outputs=outputs) for spec in ("loss", "accuracy")
    ]
    assert set(together(both, {"x": X})) == {"loss", "accuracy"}
    assert len(runs) == 1
