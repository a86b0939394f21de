"""Swendsen's exponents: exact cases, errors, and the two-dimensional Ising model."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rgwidgets.core.errors import ParameterError, ShapeError
from rgwidgets.core.theory import Theory
from rgwidgets.schemes.block_spin import BlockSpin
from rgwidgets.schemes.monte_carlo_rg import (
    CORNER,
    DIAGONAL,
    EVEN,
    FEWEST,
    MAGNETISATION,
    NEAREST,
    ODD,
    exponents,
    linearised,
    operators,
)

from .lattices import random_spins

pytestmark = pytest.mark.slow

# y_t with one coupling and with two, y_h, at the first three steps from L = 64
ONE, TWO, FIELD = (0.913, 0.962, 0.958), (0.967, 0.998, 1.001), (1.881, 1.876, 1.874)


@pytest.fixture(scope="module")
def levels(critical):
    chosen = (MAGNETISATION, NEAREST, DIAGONAL)
    return [operators(spins, chosen) for spins in BlockSpin().pyramid(critical)[:4]]


def within(found, error, expected, tolerance):
    """Inside the reference's tolerance, or inside three standard errors where those are larger."""
    return abs(found - expected) <= max(tolerance, 3 * error)


@pytest.mark.slow
@pytest.mark.parametrize("step", [0, 1, 2])
@pytest.mark.parametrize(("columns", "expected"), [([1], ONE), ([1, 2], TWO)])
def test_the_thermal_exponent_of_ising_agrees_with_the_reference(levels, step, columns, expected):
    y, error = exponents(levels[step][:, columns], levels[step + 1][:, columns], 2)
    assert float(error[0]) < 0.012
    assert within(float(y[0]), float(error[0]), expected[step], 0.01)


@pytest.mark.parametrize("step", [0, 1, 2])
def test_the_magnetic_exponent_of_ising_agrees_with_the_reference(levels, step):
    y, error = exponents(levels[step][:, :1], levels[step + 1][:, :1], 2)
    assert float(error[0]) < 0.001
    assert within(float(y[0]), float(error[0]), FIELD[step], 0.002)


def test_a_second_even_coupling_moves_the_exponent_towards_one(levels):
    for step in (0, 1, 2):
        one, _ = exponents(levels[step][:, 1:2], levels[step + 1][:, 1:2], 2)
        two, _ = exponents(levels[step][:, 1:3], levels[step + 1][:, 1:3], 2)
        assert abs(float(two[0]) - 1) < abs(float(one[0]) - 1)
        assert float(two[1]) < 0  # and the further direction is irrelevant


def test_even_and_odd_operators_do_not_mix(critical):
    spins = critical[:4000]
    even, odd = operators(spins, EVEN), operators(spins, ODD)
    assert torch.equal(operators(-spins, EVEN), even)
    assert torch.equal(operators(-spins, ODD), -odd)


def test_the_effective_theory_carries_the_exponents(critical):
    theory = Theory({"spins": critical[:4000]})
    for cutoff in (2, 4):
        relevance = BlockSpin().coarsen(theory, cutoff).relevance
        assert relevance.names == ("magnetic", "thermal", "second even")
        assert relevance.values[0] == pytest.approx(1.875, abs=0.01)
        assert within(relevance.values[1], relevance.error[1], 1.0, 0.05)
        assert relevance.values[2] < 0 < relevance.error[2]


def test_without_a_step_or_without_samples_nothing_is_said():
    few = Theory({"spins": random_spins(0, FEWEST - 1, 16, 16)})
    many = Theory({"spins": random_spins(0, 50, 16, 16)})
    for relevance in (
        BlockSpin().coarsen(few, 2).relevance,
        BlockSpin().coarsen(many, 1).relevance,
    ):
        assert all(math.isnan(value) for value in (*relevance.values, *relevance.error))
    assert BlockSpin(rule="mean").coarsen(many, 2).relevance is None


def test_decimation_keeps_the_amplitude_of_the_field_so_y_h_is_d(critical):
    theory = Theory({"spins": critical[:2000]})
    relevance = BlockSpin(rule="decimation").coarsen(theory, 2).relevance
    assert relevance.values[0] == pytest.approx(2.0, abs=0.02)


@given(st.floats(0.1, 30), st.floats(1.1, 4), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_one_operator_that_shrinks_by_a_factor_has_that_factor_as_eigenvalue(factor, b, seed):
    fine = torch.randn(64, 1, generator=torch.Generator().manual_seed(seed)).double()
    y, error = exponents(fine, fine / factor, b)
    assert float(y) == pytest.approx(math.log(factor) / math.log(b), abs=1e-9)
    assert float(error) == pytest.approx(0, abs=1e-9)


@given(st.integers(0, 99), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_a_linear_map_of_operators_is_found_exactly(seed, m):
    generator = torch.Generator().manual_seed(seed)
    fine = torch.randn(100, m, generator=generator).double()
    matrix = torch.randn(m, m, generator=generator).double() + 3 * torch.eye(m).double()
    coarse = fine @ matrix.T + 7.0
    # S' = M S gives A = M C and B = M C Mᵀ, so T = B⁻¹A = M⁻ᵀ
    torch.testing.assert_close(linearised(fine, coarse), torch.linalg.inv(matrix).T)
    expected = torch.linalg.eigvals(matrix).abs().reciprocal().sort(descending=True).values
    torch.testing.assert_close(exponents(fine, coarse, math.e)[0], expected.log())


def test_the_jackknife_error_is_the_spread_over_independent_experiments():
    generator = torch.Generator().manual_seed(1)
    values, errors = [], []
    for _ in range(200):
        coarse = torch.randn(400, 1, generator=generator).double()
        fine = 2 * coarse + torch.randn(400, 1, generator=generator).double()
        y, error = exponents(fine, coarse, 2)
        values.append(float(y))
        errors.append(float(error))
    spread = torch.tensor(values).std()
    assert sum(errors) / 200 == pytest.approx(float(spread), rel=0.15)
    assert sum(values) / 200 == pytest.approx(1.0, abs=4 * float(spread) / 200**0.5)


def test_adding_a_constant_to_an_operator_changes_nothing():
    spins = random_spins(2, 100, 16, 16)
    fine = operators(spins, EVEN[:2])
    coarse = operators(BlockSpin().step(spins), EVEN[:2])
    plain, shifted = exponents(fine, coarse, 2), exponents(fine + 1e6, coarse - 1e6, 2)
    torch.testing.assert_close(plain[0], shifted[0], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(plain[1], shifted[1], rtol=1e-6, atol=1e-9)


def test_operators_that_do_not_fluctuate_or_repeat_give_no_number():
    still = torch.ones(50, 1)
    moving = torch.randn(50, 1, generator=torch.Generator().manual_seed(0))
    for fine, coarse in ((still, still), (moving, still), (moving.expand(50, 2),) * 2):
        y, error = exponents(fine, coarse, 2)
        assert bool(torch.isnan(y).all())
        assert bool(torch.isnan(error).all())


def test_the_corner_operator_is_the_sum_of_all_three_spin_corners():
    spins = random_spins(7, 3, 6, 6).double()
    right, below = spins.roll(-1, 2), spins.roll(-1, 1)
    across = right.roll(-1, 1)
    four = spins * right * below * across
    expected = sum((four * s).sum((1, 2)) for s in (spins, right, below, across))
    torch.testing.assert_close(operators(spins, (CORNER,))[:, 0], expected)


@pytest.mark.parametrize(
    ("fine", "coarse"), [((10, 2), (10, 1)), ((10, 2), (9, 2)), ((10,), (10,))]
)
def test_operators_of_unequal_shape_are_refused(fine, coarse):
    with pytest.raises(ShapeError, match="operators"):
        exponents(torch.zeros(fine), torch.zeros(coarse), 2)


@pytest.mark.parametrize("keywords", [{"b": 1.0}, {"b": math.nan}, {"b": 2.0, "bins": 1}])
def test_a_length_factor_must_exceed_one_and_a_jackknife_needs_two_bins(keywords):
    with pytest.raises(ParameterError):
        exponents(torch.zeros(10, 1), torch.zeros(10, 1), **keywords)
