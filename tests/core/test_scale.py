"""A scale runs from fine to coarse and knows its own cutoffs from any other number."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rgwidgets.core.errors import CutoffError, ParameterError
from rgwidgets.core.scale import Scale

CUTOFFS = st.sets(st.floats(-1e9, 1e9), min_size=1, max_size=20)


def blocks(*cutoffs: float, direction: str = "increasing") -> Scale:
    return Scale("block size", "b", "spins", cutoffs, direction)  # type: ignore[arg-type]


@given(CUTOFFS, st.sampled_from(["increasing", "decreasing"]))
def test_each_cutoff_is_found_at_its_place(cutoffs: set[float], direction: str) -> None:
    ordered = sorted(cutoffs, reverse=direction == "decreasing")
    scale = blocks(*ordered, direction=direction)
    assert len(scale) == len(ordered)
    assert [scale.index(c) for c in ordered] == list(range(len(ordered)))
    assert [scale.check(c) for c in ordered] == ordered


@given(CUTOFFS, st.data())
def test_a_selection_keeps_the_order_whatever_order_it_is_asked_in(
    cutoffs: set[float], data: st.DataObject
) -> None:
    scale = blocks(*sorted(cutoffs))
    asked = data.draw(st.lists(st.sampled_from(sorted(cutoffs)), min_size=1))
    chosen = scale.select(tuple(asked))
    assert chosen.cutoffs == tuple(sorted(set(asked)))
    assert (chosen.name, chosen.symbol, chosen.unit, chosen.direction) == (
        scale.name,
        scale.symbol,
        scale.unit,
        scale.direction,
    )


@given(CUTOFFS, st.floats(-1e9, 1e9))
def test_a_number_off_the_scale_is_refused_and_the_nearest_named(
    cutoffs: set[float], asked: float
) -> None:
    scale = blocks(*sorted(cutoffs))
    if any(math.isclose(asked, c, rel_tol=1e-9) for c in cutoffs):
        assert math.isclose(scale.check(asked), asked, rel_tol=1e-9)
        return
    nearest = min(scale.cutoffs, key=lambda c: abs(c - asked))
    with pytest.raises(CutoffError) as caught:
        scale.check(asked)
    assert caught.value.mend == f"the nearest is {nearest:g}"


@pytest.mark.parametrize("asked, nearest", [(5, 4), (7, 8), (-3, 1), (1e10, 8), (2.9, 2)])
def test_the_message_names_scale_unit_cutoffs_and_nearest(asked: float, nearest: int) -> None:
    with pytest.raises(CutoffError) as caught:
        blocks(1, 2, 4, 8).index(asked)
    assert str(caught.value) == (
        f"block size b: got {asked!r}; allowed: 1, 2, 4, 8 spins. Mend: the nearest is {nearest}."
    )


@pytest.mark.parametrize(
    "asked",
    [
        math.nan,
        math.inf,
        -math.inf,
        "4",
        b"4",
        "four",
        None,
        4 + 0j,
        1j,
        [4],
        {},
        object(),
        10**400,
        torch.tensor([1.0, 2.0]),
        np.array([1.0, 2.0]),
        np.complex128(4),
    ],
    ids=lambda asked: repr(asked)[:12],
)
def test_what_is_no_finite_number_is_refused_clearly(asked: object) -> None:
    with pytest.raises(CutoffError, match="pass a finite number"):
        blocks(1, 2, 4).check(asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "asked", [2, 2.0, np.int64(2), np.float32(2), torch.tensor(2), 2 * (1 + 1e-12)]
)
def test_a_cutoff_is_the_same_in_any_numeric_type(asked: float) -> None:
    assert blocks(1, 2, 4).index(asked) == 1
    assert type(blocks(1, 2, 4).check(asked)) is int


def test_powers_of_an_irrational_factor_are_found_again() -> None:
    scale = blocks(*(math.sqrt(2) ** k for k in range(20)))
    assert [scale.index(2 ** (k / 2)) for k in range(20)] == list(range(20))


def test_cutoffs_closer_than_rounding_are_still_told_apart() -> None:
    close = [1.0, 1.0 + 1e-12, 1.0 + 2e-12]
    assert [blocks(*close).index(c) for c in close] == [0, 1, 2]


@pytest.mark.parametrize(
    "cutoffs, direction",
    [
        ((), "increasing"),
        ((1, 1), "increasing"),
        ((2, 1), "increasing"),
        ((1, 2), "decreasing"),
        ((1, math.nan), "increasing"),
        ((math.nan,), "increasing"),
        ((1, math.inf), "increasing"),
        ((None,), "increasing"),
        (("1", "2"), "increasing"),
        ((1, 3, 2), "decreasing"),
    ],
)
def test_cutoffs_must_be_finite_and_strictly_ordered(
    cutoffs: tuple[float, ...], direction: str
) -> None:
    with pytest.raises(CutoffError, match=f"strictly {direction}"):
        blocks(*cutoffs, direction=direction)


def test_the_direction_is_one_of_two() -> None:
    with pytest.raises(ParameterError, match="direction of block size: got sideways"):
        blocks(1, 2, direction="sideways")


def test_a_selection_off_the_scale_or_of_nothing_is_refused() -> None:
    with pytest.raises(CutoffError, match="the nearest is 2"):
        blocks(1, 2, 4).select((1, 2.2))
    with pytest.raises(CutoffError, match="one or more"):
        blocks(1, 2, 4).select(())


def test_many_cutoffs_are_listed_by_their_ends() -> None:
    with pytest.raises(CutoffError, match=r"allowed: 0, 1, 2, …, 97, 98, 99 spins"):
        blocks(*range(100)).check(0.5)
