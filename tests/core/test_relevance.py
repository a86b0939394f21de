"""The features in order, most relevant first, each with its value and error."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rgwidgets.core.errors import ParameterError, ShapeError
from rgwidgets.core.relevance import Relevance

VALUES = st.lists(st.floats(), max_size=30)


@given(VALUES)
def test_features_descend_with_nan_last_and_keep_name_value_and_error_together(
    values: list[float],
) -> None:
    names = tuple(f"f{i}" for i in range(len(values)))
    order = Relevance(names, tuple(values), error=tuple(range(len(values))))
    assert len(order) == len(values)
    for name, value, error in zip(order.names, order.values, order.error, strict=True):
        assert name == f"f{error}"
        assert value is values[error]
    known = [v for v in order.values if not math.isnan(v)]
    assert known == sorted(known, reverse=True)
    assert all(math.isnan(v) for v in order.values[len(known) :])


def test_equal_values_stay_in_the_order_given() -> None:
    order = Relevance(("a", "b", "c", "d"), (1.0, 2.0, 1.0, 2.0))
    assert order.names == ("b", "d", "a", "c")


@given(VALUES)
def test_ordering_again_changes_nothing(values: list[float]) -> None:
    once = Relevance(tuple(map(str, range(len(values)))), tuple(values))
    assert Relevance(once.names, once.values).names == once.names


def test_an_exponent_of_minus_infinity_comes_before_what_is_unknown() -> None:
    order = Relevance(("?", "dead", "alive"), (math.nan, -math.inf, 1.0))
    assert order.names == ("alive", "dead", "?")


def test_lists_become_tuples() -> None:
    assert Relevance(["a", "b"], [1.0, 2.0], [0.1, 0.2]) == Relevance(  # type: ignore[arg-type]
        ("b", "a"), (2.0, 1.0), (0.2, 0.1)
    )


@pytest.mark.parametrize(
    "names, values, error",
    [(("a",), (), None), ((), (1.0,), None), (("a",), (1.0,), ()), (("a",), (1.0,), (1.0, 2.0))],
)
def test_unequal_lengths_are_refused(
    names: tuple[str, ...], values: tuple[float, ...], error: tuple[float, ...] | None
) -> None:
    with pytest.raises(ShapeError, match="one value, and one error, a name"):
        Relevance(names, values, error)


def test_a_name_that_appears_twice_is_refused() -> None:
    with pytest.raises(ParameterError, match="distinct names"):
        Relevance(("a", "b", "a"), (1.0, 2.0, 3.0))


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=6),
    st.floats(1.5, 100),
    st.integers(0, 3),
)
def test_multiplets_end_at_cliffs(sizes: list[int], fall: float, zeros: int) -> None:
    """Exact multiplets of two or more; single values between them are as steep as a cliff."""
    values = [fall**-i for i, size in enumerate(sizes) for _ in range(size + 1)] + [0.0] * zeros
    ends = [sum(sizes[: i + 1]) + i + 1 for i in range(len(sizes))]
    found = Relevance(tuple(map(str, range(len(values)))), tuple(values)).cliffs()
    assert found == (ends if zeros else ends[:-1])


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_a_power_law_has_no_cliff(power: float) -> None:
    values = tuple(rank**-power for rank in range(1, 200))
    assert Relevance(tuple(map(str, range(199))), values).cliffs() == []


@pytest.mark.parametrize("values", [(), (1.0,), (0.0, 0.0), (math.nan, math.nan)])
def test_too_few_values_have_no_cliff(values: tuple[float, ...]) -> None:
    assert Relevance(tuple(map(str, range(len(values)))), values).cliffs() == []


@pytest.mark.parametrize("bad", [{"factor": 1.0}, {"ratio": 0.5}, {"factor": math.nan}])
def test_factors_that_find_everything_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ParameterError):
        Relevance(("a",), (1.0,)).cliffs(**bad)
