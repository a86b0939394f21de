"""Errors of means and of functions of means, against the spread of many repetitions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rgwidgets.core.errors import ObservableError, ParameterError, ShapeError
from rgwidgets.core.estimate import Estimate, estimate

NAN = math.nan


def autoregressive(
    phi: float, *, repetitions: int, chains: int, length: int, seed: int = 0
) -> Tensor:
    """Stationary AR(1) series of unit variance, shape (repetitions, chains, length)."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(
        length, repetitions, chains, generator=generator, dtype=torch.float64
    ) * math.sqrt(1 - phi**2)
    series = [noise[0] / math.sqrt(1 - phi**2)]
    for step in noise[1:]:
        series.append(phi * series[-1] + step)
    return torch.stack(series, dim=-1)


def true_error(phi: float, *, chains: int, length: int) -> float:
    """Standard deviation of the mean of such series, exactly."""
    lags = torch.arange(1, length, dtype=torch.float64)
    correlated = 1 + 2 * float(((1 - lags / length) * phi**lags).sum())
    return math.sqrt(correlated / (chains * length))


def estimates(series: Tensor) -> list[Estimate]:
    return [estimate(chains.flatten(), chains=len(chains)) for chains in series]


def typical_error(found: list[Estimate]) -> float:
    return math.sqrt(sum(e.error**2 for e in found) / len(found))


def binder(m: Tensor) -> Tensor:
    return 1 - m[1] / (3 * m[0] ** 2)


def ratio(m: Tensor) -> Tensor:
    return m[0] / m[1]


@pytest.mark.parametrize("samples", [2_000, 20_000])
@pytest.mark.parametrize("draw", [torch.randn, torch.rand], ids=["normal", "uniform"])
def test_error_of_independent_samples_is_sigma_over_root_n(
    samples: int, draw: Callable[..., Tensor]
) -> None:
    x = draw(samples, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    found = estimate(x)
    assert found.error == pytest.approx(float(x.std()) / math.sqrt(samples), rel=0.12)
    assert found.tau == pytest.approx(0.5, abs=0.1)
    assert found.value == pytest.approx(float(x.mean()), abs=1e-12)
    assert found.samples == samples


@pytest.mark.parametrize("phi", [0.0, 0.3, 0.6, 0.9, 0.97])
@pytest.mark.parametrize("chains", [1, 4])
def test_error_and_tau_of_correlated_series_are_the_exact_ones(phi: float, chains: int) -> None:
    length = 4_000 // chains
    found = estimates(autoregressive(phi, repetitions=60, chains=chains, length=length))
    exact = true_error(phi, chains=chains, length=length)
    assert typical_error(found) == pytest.approx(exact, rel=0.12)
    tau = sum(e.tau for e in found) / len(found)
    assert tau == pytest.approx(0.5 * (1 + phi) / (1 - phi), rel=0.15)


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_two_thirds_of_the_means_lie_within_one_error_and_nearly_all_within_two(
    phi: float,
) -> None:
    found = estimates(autoregressive(phi, repetitions=400, chains=2, length=500))
    within = [sum(abs(e.value) <= k * e.error for e in found) / len(found) for k in (1, 2)]
    assert within[0] == pytest.approx(0.683, abs=0.08)  # three standard errors of 400 draws
    assert within[1] == pytest.approx(0.954, abs=0.04)


@pytest.mark.parametrize("chains, length", [(64, 1), (64, 4), (64, 9), (64, 16), (16, 16)])
@pytest.mark.parametrize("phi", [0.0, 0.8, 0.95])
def test_chains_shorter_than_their_memory_tell_by_their_scatter(
    chains: int, length: int, phi: float
) -> None:
    found = estimates(autoregressive(phi, repetitions=60, chains=chains, length=length))
    exact = true_error(phi, chains=chains, length=length)
    assert typical_error(found) == pytest.approx(exact, rel=0.12)


@pytest.mark.parametrize("length", [2, 3, 7, 8, 12, 30])
def test_short_independent_series_are_not_given_too_small_an_error(length: int) -> None:
    found = estimates(autoregressive(0.0, repetitions=600, chains=1, length=length))
    assert 0.93 <= typical_error(found) * math.sqrt(length) <= 1.25


@pytest.mark.parametrize("length", [4, 7])
def test_two_chains_that_agree_by_chance_are_not_taken_as_exact(length: int) -> None:
    found = estimates(autoregressive(0.0, repetitions=300, chains=2, length=length))
    assert min(e.error for e in found) * math.sqrt(2 * length) > 0.2


@pytest.mark.parametrize("phi", [-0.3, -0.6, -0.9])
def test_anticorrelated_series_get_the_error_of_independent_ones(phi: float) -> None:
    found = estimates(autoregressive(phi, repetitions=40, chains=1, length=2_000))
    assert typical_error(found) == pytest.approx(1 / math.sqrt(2_000), rel=0.1)
    assert min(e.error for e in found) > true_error(phi, chains=1, length=2_000)


@pytest.mark.slow
@pytest.mark.parametrize("phi", [0.0, 0.8])
@pytest.mark.parametrize("chains", [1, 5])
@pytest.mark.parametrize("reduce", [ratio, binder])
def test_error_of_a_function_of_means_is_the_spread_over_repetitions(
    phi: float, chains: int, reduce: Callable[[Tensor], Tensor]
) -> None:
    series = autoregressive(phi, repetitions=300, chains=chains, length=3_000 // chains) + 0.7
    powers = (1, 2) if reduce is ratio else (2, 4)
    found = [
        estimate(torch.stack([x.flatten() ** p for p in powers], 1), chains=chains, reduce=reduce)
        for x in series
    ]
    values = torch.tensor([e.value for e in found], dtype=torch.float64)
    # the spread of 300 repetitions is itself known to 4 %
    assert typical_error(found) == pytest.approx(float(values.std()), rel=0.13)


def test_what_cancels_in_a_ratio_leaves_no_error() -> None:
    x = autoregressive(0.5, repetitions=1, chains=1, length=500)[0, 0] + 3
    found = estimate(torch.stack([2 * x, x], 1), reduce=ratio)
    assert found.value == pytest.approx(2)
    assert found.error == 0


@given(st.floats(-1e12, 1e12), st.integers(2, 300), st.sampled_from([1, 2, 3]))
def test_a_constant_series_has_no_error(value: float, length: int, chains: int) -> None:
    found = estimate(torch.full((length * chains,), value, dtype=torch.float64), chains=chains)
    assert (found.error, found.tau) == (0.0, 0.5)
    assert found.value == pytest.approx(value)


def test_a_constant_series_has_no_error_through_a_root_at_zero() -> None:
    found = estimate(torch.ones(20, 2), reduce=lambda m: (m[1] - m[0] ** 2).sqrt())
    assert (found.value, found.error) == (0.0, 0.0)


def test_a_series_at_the_last_digit_of_its_value_keeps_its_error() -> None:
    x = 1e15 + torch.arange(100, dtype=torch.float64) % 2
    assert estimate(x).error == pytest.approx(0.05, rel=0.1)


@pytest.mark.parametrize(
    "reduce",
    [
        lambda m: (m[0] - m[0]) ** 0.5,
        lambda m: m[0] / (m[1] - m[1]),
        lambda m: torch.log(-m[1]),
    ],
    ids=["root of zero", "division by zero", "log of a negative"],
)
def test_where_no_slope_exists_the_error_is_unknown_and_not_zero(
    reduce: Callable[[Tensor], Tensor],
) -> None:
    x = torch.rand(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = estimate(x, reduce=reduce)
    assert math.isnan(found.error)
    assert str(found).endswith("± ?")


def test_a_reduction_that_depends_on_nothing_is_exact() -> None:
    x = torch.rand(50, 2)
    assert estimate(x, reduce=lambda m: torch.tensor(3.0)).error == 0
    assert estimate(x, reduce=lambda m: 0 * m[0] + 3).error == 0


@pytest.mark.parametrize("value", [0.0, -2.5])
def test_one_sample_tells_its_value_and_nothing_of_its_error(value: float) -> None:
    found = estimate(torch.tensor([value]))
    assert found.value == value
    assert math.isnan(found.error)
    assert str(found) == f"{value:.4g} ± ?"


@given(
    st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=60),
    st.floats(0.1, 10),
    st.floats(-1e3, 1e3),
)
def test_errors_scale_with_the_unit_and_do_not_feel_the_origin(
    numbers: list[float], unit: float, origin: float
) -> None:
    x = torch.tensor(numbers, dtype=torch.float64)
    plain, moved = estimate(x), estimate(unit * x + origin)
    assert plain.error >= 0
    assert plain.tau >= 0.5
    assert moved.error == pytest.approx(unit * plain.error, rel=1e-3, abs=1e-9)
    assert moved.value == pytest.approx(unit * plain.value + origin, rel=1e-9, abs=1e-9)


def test_order_of_chains_does_not_matter() -> None:
    chains = autoregressive(0.7, repetitions=1, chains=6, length=100)[0]
    there = estimate(chains.flatten(), chains=6)
    back = estimate(chains.flip(0).flatten(), chains=6)
    assert there.error == pytest.approx(back.error, rel=1e-9)


@pytest.mark.parametrize("dtype", [torch.bool, torch.int8, torch.int64, torch.float16])
def test_any_real_type_is_averaged_in_double_precision(dtype: torch.dtype) -> None:
    x = (torch.arange(3_000) % 3 == 0).to(dtype)
    assert estimate(x).value == pytest.approx(1 / 3, abs=1e-12)


def test_samples_that_carry_gradients_are_taken_as_numbers() -> None:
    x = torch.rand(10, requires_grad=True)
    with torch.no_grad():
        found = estimate(torch.stack([x, x**2], 1), reduce=ratio)
    assert math.isfinite(found.error)


@pytest.mark.parametrize("bad", [NAN, math.inf, -math.inf])
def test_samples_that_are_not_finite_are_refused_with_their_number(bad: float) -> None:
    x = torch.zeros(10)
    x[3] = x[4] = bad
    with pytest.raises(ObservableError, match="2 values that are NaN or infinite"):
        estimate(x)


@pytest.mark.parametrize(
    "samples",
    [
        torch.zeros(0),
        torch.zeros(0, 2),
        torch.tensor(1.0),
        torch.zeros(2, 2, 2),
        torch.zeros(4, dtype=torch.complex64),
    ],
    ids=["none", "none of two", "scalar", "cube", "complex"],
)
def test_samples_of_the_wrong_shape_are_refused(samples: Tensor) -> None:
    with pytest.raises(ShapeError, match="allowed: real numbers"):
        estimate(samples)


@pytest.mark.parametrize("chains", [0, -1, 3, 11, 2.0, True, "2", [5]])
def test_chains_of_unequal_length_are_refused(chains: Any) -> None:
    with pytest.raises(ShapeError, match="a divisor of the 10 samples"):
        estimate(torch.zeros(10), chains=chains)


def test_moments_want_a_reduction_and_the_reduction_a_scalar() -> None:
    with pytest.raises(ShapeError, match="`reduce`"):
        estimate(torch.rand(10, 2))
    with pytest.raises(ShapeError, match="a scalar tensor"):
        estimate(torch.rand(10, 2), reduce=lambda m: m)
    with pytest.raises(ShapeError, match="float"):
        estimate(torch.rand(10, 2), reduce=lambda m: 1.0)


@pytest.mark.parametrize(
    "numbers, text",
    [
        ((-1.41421, 0.0007, 1.3), "-1.4142 ± 0.0007 [τ=1.3]"),
        ((0.5, 0.0123), "0.500 ± 0.012"),
        ((0.5, 0.0096), "0.500 ± 0.010"),
        ((0.5, 0.0199999), "0.50 ± 0.02"),
        ((12.3456, 1.23), "12.3 ± 1.2"),
        ((12.3456, 2.3), "12 ± 2"),
        ((123456.7, 340.2), "123457 ± 340"),
        ((123456.7, 1340.2, 12.34), "123457 ± 1340 [τ=12]"),
        ((1.0, 0.001, 0.55), "1.0000 ± 0.0010"),
        ((1.0, 0.002, 123.4), "1.000 ± 0.002 [τ=123]"),
        ((1.0, 1e-12), "1 ± 1.0e-12"),
        ((1.0, 3e-300), "1 ± 3.0e-300"),
        ((1e20, 1e18), "1e+20 ± 1.0e+18"),
        ((2 / 3, 0.0), "0.666667"),
        ((2 / 3, NAN), "0.6667 ± ?"),
        ((NAN, NAN), "nan ± ?"),
        ((math.inf, 0.1), "inf ± ?"),
    ],
)
def test_a_value_prints_as_far_as_its_error_reaches(numbers: tuple[float, ...], text: str) -> None:
    assert str(Estimate(*numbers)) == text


@given(st.floats(-1e9, 1e9), st.floats(1e-320, 1e12), st.floats(0.5, 1e6))
def test_every_estimate_prints_on_one_short_line(value: float, error: float, tau: float) -> None:
    assert len(str(Estimate(value, error, tau))) < 60


@pytest.mark.parametrize("name", ["error", "tau", "samples"])
def test_negative_parts_are_refused(name: str) -> None:
    with pytest.raises(ParameterError, match=f"{name} of an estimate: got -1"):
        Estimate(**{"value": 0.0, "error": 0.1, name: -1})


@pytest.mark.parametrize(
    "samples", [None, "mean", 1.0, [1.0, 2.0], (1, 2), {"x": 1}, np.ones(4), object()]
)
def test_what_is_no_tensor_is_refused_with_the_mend(samples: Any) -> None:
    with pytest.raises(ShapeError, match=r"samples: got .*allowed: a tensor.*torch\.as_tensor"):
        estimate(samples)


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool, torch.float16])
def test_whole_numbers_and_truth_values_have_a_mean(dtype: torch.dtype) -> None:
    found = estimate(torch.tensor([0, 1, 1, 0], dtype=dtype), chains=None)
    assert (found.value, found.error) == (0.5, pytest.approx(math.sqrt(1 / 12)))


@pytest.mark.parametrize("reduce", ["mean", 3, []])
def test_a_reduction_is_a_function(reduce: Any) -> None:
    with pytest.raises(ParameterError, match="reduce"):
        estimate(torch.rand(10, 2), reduce=reduce)


def test_independent_samples_have_no_order() -> None:
    walk = autoregressive(0.9, repetitions=1, chains=1, length=1_000).flatten()
    sorted_, mixed = (estimate(x, chains=None) for x in (walk.sort().values, walk))
    assert sorted_.error == pytest.approx(float(walk.std()) / math.sqrt(1_000), rel=1e-12)
    assert mixed.error == pytest.approx(sorted_.error, rel=1e-12)
    assert estimate(walk).tau > 5
