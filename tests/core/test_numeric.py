"""Whole numbers in range, and tensors that are precise enough."""

from __future__ import annotations

import math

import pytest
import torch

from rgwidgets.core.errors import ConvergenceError, ParameterError
from rgwidgets.core.numeric import at_least_single, finite_loss, in_double, real, whole


@pytest.mark.parametrize("given, least, most", [(0, 0, None), (7, 1, None), (1, 1, 1), (-2, -3, 0)])
def test_a_whole_number_in_range_is_given_back(given: int, least: int, most: int | None) -> None:
    assert whole("n", given, least, most) == given


@pytest.mark.parametrize("given", [0, -1, True, False, 1.0, "2", None, float("nan"), [1]])
def test_anything_else_is_refused_by_name(given: object) -> None:
    with pytest.raises(ParameterError, match="allowed: a whole number ≥ 1"):
        whole("n", given, 1)


def test_a_number_above_the_range_is_refused() -> None:
    with pytest.raises(ParameterError, match="from 1 to 4"):
        whole("n", 5, 1, 4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_precision_only_grows(dtype: torch.dtype) -> None:
    x = torch.ones(2, dtype=dtype, requires_grad=True)
    assert in_double(x).dtype == torch.float64
    assert not in_double(x).requires_grad
    wide = at_least_single(x)
    assert wide.dtype == (dtype if dtype.itemsize > 4 else torch.float32)
    assert wide.requires_grad
    assert at_least_single(torch.ones(1, dtype=torch.int16)).dtype == torch.int16


@pytest.mark.parametrize(
    ("given", "interval", "inside"),
    [
        (0, "[0, 1]", True),
        (0, "(0, 1]", False),
        (1.0, "(0, 1]", True),
        (1.0, "[0, 1)", False),
        (-3.5, "(-inf, inf)", True),
        (math.inf, "[1, inf)", False),
        (10**400, "[1, inf)", False),
        (math.nan, "(-inf, inf)", False),
        (True, "[0, 1]", False),
        ("1", "[0, 1]", False),
        (None, "[0, 1]", False),
    ],
)
def test_a_real_number_lies_in_its_interval_or_is_refused(
    given: object, interval: str, inside: bool
) -> None:
    if inside:
        assert real("x", given, interval) == given
        return
    with pytest.raises(ParameterError, match=r"x.*a number in") as caught:
        real("x", given, interval, mend="pass x=0.5")
    assert caught.value.mend == "pass x=0.5"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_training_that_diverges_is_told(value: float) -> None:
    with pytest.raises(ConvergenceError, match="lower the learning rate"):
        finite_loss(torch.tensor(value))
