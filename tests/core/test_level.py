"""A level is what remains of an effective theory when its tensors are gone."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import Tensor

from rgwidgets.core import Bound, EffectiveTheory, Flow, Influence, Level, Observable
from rgwidgets.core.errors import BudgetError, ParameterError
from rgwidgets.core.level import (
    CURVES,
    check_budget,
    dequantised,
    picture,
    quantised,
)

PIXELS = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    elements=st.floats(-1e6, 1e6, width=32),
)


def shown(tensor: Tensor, **changes: object) -> np.ndarray | None:
    return picture(EffectiveTheory({"a": tensor}, attrs={"picture": "a"}, **changes))


def test_a_level_holds_observables_bounds_order_and_picture(flow: Flow) -> None:
    level = flow.level(4)
    assert level.cutoff == 4
    assert list(level.values) == ["total", "first"]
    assert level.values["total"] == flow[4].observe()["total"]
    assert level.influences["total"].worst == (4.0, 4.5)
    assert level.relevance is flow[4].relevance
    assert level.couplings is None
    assert level.field is not None
    assert level.field.shape == (16, 8)


@pytest.mark.parametrize(
    "shape, seen",
    [
        ((3, 4, 5), (4, 5)),
        ((3, 2, 4, 5), (8, 5)),
        ((3, 2, 2, 4, 5), (16, 5)),
        ((3, 7), (3, 7)),
        ((6,), (1, 6)),
        ((), (1, 1)),
    ],
)
def test_any_feature_is_shown_as_a_picture_of_its_first_sample(
    shape: tuple[int, ...], seen: tuple[int, int]
) -> None:
    tensor = torch.arange(math.prod(shape), dtype=torch.float64).reshape(shape)
    found = shown(tensor)
    assert found is not None
    assert found.shape == seen
    assert found.dtype == np.float32
    assert found.ravel().tolist() == tensor.ravel().tolist()[: found.size]


@pytest.mark.parametrize(
    "dtype", [torch.bool, torch.uint8, torch.int64, torch.float16, torch.bfloat16, torch.float64]
)
def test_any_type_of_number_is_shown(dtype: torch.dtype) -> None:
    found = shown(torch.tensor([[[0, 1], [1, 0]]], dtype=dtype))
    assert found is not None
    assert found.tolist() == [[0, 1], [1, 0]]


def test_spins_stay_spins() -> None:
    found = shown(torch.ones(2, 3, 3, dtype=torch.int8))
    assert found is not None
    assert found.dtype == np.int8


def test_a_feature_that_was_coarse_grained_away_is_lifted_for_the_picture() -> None:
    raised = {"a": torch.ones(1, 2, 2)}
    made = EffectiveTheory({"b": torch.ones(1, 1)}, attrs={"picture": "a"}, raised=lambda f: raised)
    assert np.array_equal(picture(made), np.ones((2, 2)))


@pytest.mark.parametrize("name", [None, 3, "elsewhere"])
def test_without_the_feature_there_is_no_picture(name: object) -> None:
    made = EffectiveTheory({"b": torch.ones(1, 1)}, attrs={"picture": name})
    assert picture(made) is None
    assert picture(EffectiveTheory({"b": torch.ones(1, 1)})) is None


@given(PIXELS)
def test_a_picture_is_kept_to_half_of_one_of_its_steps(field: np.ndarray) -> None:
    steps, low, high = quantised(field)
    assert steps.dtype == np.uint8
    assert (low, high) == (field.min(), field.max())
    again = dequantised(steps, low, high)
    assert np.abs(again - field).max() <= (high - low) / 255 / 2 * (1 + 1e-6)


@given(PIXELS)
def test_keeping_a_picture_twice_loses_no_more_than_once(field: np.ndarray) -> None:
    once = quantised(field)
    twice = quantised(dequantised(*once))
    assert np.array_equal(once[0], twice[0])
    assert once[1:] == twice[1:]


@given(arrays.arrays(np.int8, (3, 3), elements=st.sampled_from([-1, 1])))
def test_spins_are_kept_as_they_are(spins: np.ndarray) -> None:
    steps, low, high = quantised(spins)
    assert np.array_equal(dequantised(steps, low, high), spins)
    assert (steps.dtype, low, high) == (np.int8, -1.0, 1.0)


def test_states_of_more_than_two_values_are_not_taken_for_spins() -> None:
    steps, low, high = quantised(np.array([[0, 1], [2, 3]], dtype=np.int8))
    assert (steps.tolist(), low, high) == ([[0, 85], [170, 255]], 0.0, 3.0)


def test_pixels_that_are_not_finite_do_not_spoil_the_others() -> None:
    field = np.array([[math.nan, 1.0], [2.0, math.inf], [-math.inf, 3.0]])
    steps, low, high = quantised(field)
    assert (steps.tolist(), low, high) == ([[0, 0], [128, 255], [0, 255]], 1.0, 3.0)
    assert quantised(np.full((2, 2), math.nan))[0].tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    "by, expected",
    [
        ("certificate", [True, True, False, False]),
        ("attack", [True, True, True, False]),
        ("average", [True] * 4),
        ("resample", [True] * 4),
    ],
)
def test_a_level_is_within_budget_by_the_curve_that_is_asked(
    flow: Flow, by: str, expected: list[bool]
) -> None:
    found = [level.within({"total": 6.2}, by) for level in map(flow.level, (8, 4, 2, 1))]
    assert found == expected


def test_where_nothing_is_proved_no_certificate_keeps_any_budget() -> None:
    some = Bound(0.0, "measured")
    level = Level(1.0, {}, {"m": Influence(some, some, some, Bound.none("no theorem"))})
    assert not level.within({"m": 1e9}, "certificate")
    assert level.within({"m": 0.0}, "attack")
    assert not Level(1.0, {}, {}).within({"m": 1e9}, "attack")


def test_every_observable_of_the_budget_counts() -> None:
    small, large = (Influence(*[Bound(v, "measured")] * 3, Bound(v, "proved")) for v in (0.1, 2.0))
    level = Level(1.0, {}, {"a": small, "b": large})
    assert level.within({"a": 0.1}, "certificate")
    assert not level.within({"a": 0.1, "b": 1.0}, "certificate")


def test_a_budget_is_checked_and_otherwise_the_tolerances_are_taken() -> None:
    own = {"loss": 0.5, "accuracy": None}
    assert check_budget(None, own, "attack") == {"loss": 0.5}
    assert check_budget({"accuracy": 1}, own, "attack") == {"accuracy": 1.0}
    assert check_budget({"loss": 0}, own, "attack") == {"loss": 0.0}


@pytest.mark.parametrize(
    "tolerance", [math.nan, math.inf, -1.0, None, "1", "much", [1.0], torch.ones(2)], ids=repr
)
def test_a_budget_that_is_no_size_is_refused(tolerance: float) -> None:
    with pytest.raises(BudgetError, match=r"budget of loss.*a finite number ≥ 0"):
        check_budget({"loss": tolerance}, {"loss": None}, "attack")


def test_an_unknown_observable_in_the_budget_names_those_there_are() -> None:
    with pytest.raises(BudgetError, match=r"allowed: loss, accuracy.*did you mean 'loss'"):
        check_budget({"los": 1.0}, {"loss": None, "accuracy": None}, "attack")


@pytest.mark.parametrize("budget", [None, {}])
def test_an_empty_budget_is_refused_with_an_example(budget: dict[str, float] | None) -> None:
    with pytest.raises(BudgetError, match="give an observable its tolerance"):
        check_budget(budget, {"loss": None}, "attack")


@pytest.mark.parametrize("by", ["worst", "", None])
def test_an_unknown_curve_is_refused(by: str) -> None:
    with pytest.raises(ParameterError, match=", ".join(CURVES)):
        check_budget({"loss": 1.0}, {"loss": None}, by)


def test_observables_may_be_without_a_parent() -> None:
    made = EffectiveTheory({"x": torch.ones(3, 1)}, (Observable("m", lambda f: f["x"][:, 0]),))
    assert Level.of(made).influences["m"].worst == (0.0, math.inf)
