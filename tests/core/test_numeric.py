"""Whole numbers in range, and tensors that are precise enough."""

from __future__ import annotations

import pytest
import torch

from rgwidgets.core.errors import ParameterError
from rgwidgets.core.numeric import at_least_single, in_double, whole


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
