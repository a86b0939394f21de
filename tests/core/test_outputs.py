"""Observables of outputs declare what they are, and keep it wherever they are moved."""

from __future__ import annotations

import pytest
import torch

from rgwidgets.core.errors import ObservableError, ParameterError
from rgwidgets.core.outputs import OutputObservable, after, together
from rgwidgets.core.theory import Observable


def first(**options: object) -> OutputObservable:
    return OutputObservable("first", of_outputs=lambda z: z[..., 0], **options)  # type: ignore


def test_untied_it_reads_outputs_and_says_so_where_there_are_none() -> None:
    assert first().samples({"outputs": torch.tensor([[1.0, 2.0]])}).tolist() == [1.0]
    with pytest.raises(ObservableError, match="capture"):
        first().samples({"activation": torch.ones(1, 2)})


def test_tied_it_reads_through_the_network_and_keeps_its_declaration() -> None:
    tied = first(form="linear", weights=torch.ones(1), unit="nats", tolerance=0.1).through(
        lambda f: 3 * f["activation"]
    )
    assert tied.samples({"activation": torch.tensor([[1.0, 2.0]])}).tolist() == [3.0]
    assert (tied.form, tied.unit, tied.tolerance) == ("linear", "nats", 0.1)


def test_together_a_network_runs_once_and_what_works_in_place_harms_no_other() -> None:
    runs = []

    def network(f: dict[str, torch.Tensor]) -> torch.Tensor:
        runs.append(1)
        return 3 * f["activation"]

    spoiler = OutputObservable("spoiler", of_outputs=lambda z: z.zero_()[..., 0])
    raw = Observable("raw", lambda f: f["activation"][..., 1])
    observables = [spoiler.through(network), first().through(network), raw]
    features = {"activation": torch.tensor([[1.0, 2.0]])}
    values = together(observables, features)
    assert {name: value.tolist() for name, value in values.items()} == {
        "spoiler": [0.0],
        "first": [3.0],
        "raw": [2.0],
    }
    assert len(runs) == 1
    another = first().through(lambda f: 5 * f["activation"])
    assert together([spoiler.through(network), another], features)["first"].tolist() == [5.0]


def test_a_stand_in_is_used_where_there_is_one() -> None:
    step = OutputObservable(
        "step", of_outputs=lambda z: (z[..., 0] > 0).float(), surrogate=lambda z: z[..., 0]
    )
    outputs = {"outputs": torch.tensor([[0.5], [-0.5]])}
    assert step.samples(outputs).tolist() == [1.0, 0.0]
    assert step.smooth(outputs).tolist() == [0.5, -0.5]
    assert first().smooth(outputs).tolist() == [0.5, -0.5]


@pytest.mark.parametrize(
    "options",
    [
        {"form": "quadratic"},
        {"form": "linear"},
        {"form": "accuracy"},
        {"form": "cross entropy"},
        {"tolerance": -1.0},
    ],
)
def test_an_incomplete_declaration_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(ParameterError):
        first(**options)


def test_after_composes_any_observable() -> None:
    def double(features: object) -> dict[str, torch.Tensor]:
        return {"x": 2 * features["x"]}  # type: ignore[index]

    plain = Observable("sum", lambda f: f["x"].sum(-1), "u", 0.5)
    moved = after(plain, double)
    assert moved.samples({"x": torch.ones(1, 3)}).tolist() == [6.0]
    assert (moved.name, moved.unit, moved.tolerance) == ("sum", "u", 0.5)
    declared = after(first().through(lambda f: f["x"]), double)
    assert isinstance(declared, OutputObservable)
    assert declared.samples({"x": torch.ones(1, 3)}).tolist() == [2.0]
