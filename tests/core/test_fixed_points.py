"""Newton and autodiff against fixed points and exponents known in closed form or to many digits."""

import math
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rgwidgets.core.errors import ConvergenceError, ParameterError, ShapeError
from rgwidgets.core.fixed_points import fixed_point, linearise
from rgwidgets.schemes.decimation import Decimation
from rgwidgets.schemes.migdal_kadanoff import MigdalKadanoff


@dataclass
class Linear:
    """K' = M K + shift."""

    matrix: Tensor
    b: float = 2.0
    shift: float = 0.0

    def transform(self, couplings: Tensor) -> Tensor:
        return self.matrix @ couplings + self.shift


class NaiveDecimation:
    """Two-dimensional decimation, b = √2, truncated to one coupling: K' = ⅜ ln ch 4K."""

    b = math.sqrt(2)

    def transform(self, couplings: Tensor) -> Tensor:
        return 0.375 * torch.log(torch.cosh(4 * couplings))


class FirstCumulant:
    """Niemeijer and van Leeuwen on the triangular lattice, b = √3, to first order, with field."""

    b = math.sqrt(3)

    def transform(self, couplings: Tensor) -> Tensor:
        k, h = couplings
        share = (torch.exp(3 * k) + torch.exp(-k)) / (torch.exp(3 * k) + 3 * torch.exp(-k))
        return torch.stack([2 * k * share**2, 3 * h * share])


class WilsonFisher:
    """K. G. Wilson and M. E. Fisher: exact in b for the linear order in r, u and ε."""

    def __init__(self, epsilon: float, b: float = 2.0) -> None:
        self.epsilon, self.b = epsilon, b

    def transform(self, couplings: Tensor) -> Tensor:
        r, u = couplings
        log = math.log(self.b)
        mass = self.b**2 * (r * (1 - 3 * u * log) + 1.5 * u * (1 - self.b**-2))
        return torch.stack([mass, u * (1 + self.epsilon * log) - 9 * u**2 * log])


@pytest.mark.parametrize(
    ("scheme", "start", "point", "exponent"),
    [
        (MigdalKadanoff(2), 0.3, 0.3046889, 0.747236),
        (MigdalKadanoff(2, order="decimate-move"), 0.6, 0.6093779, 0.747236),
        (MigdalKadanoff(3), 0.07, 0.0652663, 0.939129),
        (NaiveDecimation(), 0.5, 0.50698102, 1.069961),
    ],
)
def test_nontrivial_fixed_points_and_exponents_agree_with_the_reference(
    scheme, start, point, exponent
):
    found = fixed_point(scheme, start)
    assert float(found) == pytest.approx(point, abs=1e-7)
    local = linearise(scheme, found)
    assert float(local.exponents[0]) == pytest.approx(exponent, abs=1e-6)
    assert local.nu == pytest.approx(1 / exponent, abs=1e-5)


def test_niemeijer_van_leeuwen_has_its_two_relevant_directions():
    scheme = FirstCumulant()
    found = fixed_point(scheme, [0.3, 0.0])
    assert found.tolist() == pytest.approx([math.log(1 + 2 * math.sqrt(2)) / 4, 0], abs=1e-12)
    assert linearise(scheme, found).exponents.tolist() == pytest.approx(
        [1.369070, 0.882203], abs=1e-6
    )


@pytest.mark.parametrize("epsilon", [0.001, 0.01])
@pytest.mark.parametrize("b", [1.5, 2.0, 4.0])
def test_wilson_fisher_exponents_are_two_minus_a_third_of_epsilon_and_minus_epsilon(epsilon, b):
    scheme = WilsonFisher(epsilon, b)
    found = fixed_point(scheme, [-epsilon / 6, epsilon / 9])
    assert float(found[1]) == pytest.approx(epsilon / 9, rel=1e-9)
    expected = [2 - epsilon / 3, -epsilon]
    exponents = linearise(scheme, found).exponents.tolist()
    assert exponents == pytest.approx(expected, abs=3 * epsilon**2)


@given(st.lists(st.integers(-30, 30), min_size=9, max_size=9), st.floats(1.1, 5))
@settings(max_examples=50, deadline=None)
def test_a_linear_map_is_its_own_linearisation(entries, b):
    matrix = torch.tensor(entries, dtype=torch.float64).reshape(3, 3) / 10
    local = linearise(Linear(matrix, b), [0.1, -0.2, 0.3])
    torch.testing.assert_close(local.jacobian, matrix)
    moduli = local.eigenvalues.abs()
    assert bool((moduli[:-1] >= moduli[1:]).all())
    residual = matrix.to(torch.complex128) @ local.directions - local.directions * local.eigenvalues
    assert float(residual.abs().max()) < 1e-9
    torch.testing.assert_close(local.exponents, moduli.log() / math.log(b))


@pytest.mark.parametrize("size", [0.5, 0.99, 1.01, 4.0, 100.0])
def test_newton_finds_a_fixed_point_that_iteration_runs_away_from(size):
    scheme = Linear(torch.eye(2, dtype=torch.float64) * size, shift=1.0)
    expected = 1 / (1 - size)
    assert fixed_point(scheme, [5.0, -3.0]).tolist() == pytest.approx([expected] * 2, rel=1e-9)


def test_a_rotation_has_a_complex_pair_of_equal_modulus():
    spiral = torch.tensor([[0.0, -2.0], [2.0, 0.0]], dtype=torch.float64)
    local = linearise(Linear(spiral), [0.0, 0.0])
    assert local.exponents.tolist() == pytest.approx([1.0, 1.0])
    assert sorted(local.eigenvalues.imag.tolist()) == pytest.approx([-2.0, 2.0])


def test_the_exponents_do_not_depend_on_how_many_steps_are_taken_at_once():
    for scheme in (Decimation(2), Decimation(3), Decimation(8)):
        exponents = linearise(scheme, [40.0, 0.0]).exponents.tolist()
        assert exponents == pytest.approx([1.0, 0.0], abs=1e-9)  # the zero-temperature fixed point


def test_where_no_direction_is_relevant_nu_is_not_a_number():
    assert math.isnan(linearise(Linear(torch.eye(1).double() * 0.5), 0.0).nu)


def test_a_map_without_fixed_point_does_not_converge():
    shifted = Linear(torch.eye(1, dtype=torch.float64), shift=1.0)
    with pytest.raises(ConvergenceError, match="residual"):
        fixed_point(shifted, 0.0, max_steps=20)


@pytest.mark.parametrize("start", [math.nan, [1.0, math.inf], [[1.0, 2.0]]])
def test_couplings_that_are_no_finite_vector_are_refused(start):
    with pytest.raises(ShapeError, match="couplings"):
        fixed_point(Linear(torch.eye(2).double()), start)


@pytest.mark.parametrize("b", [1.0, 0.5, -2.0, math.nan])
def test_a_rescaling_factor_must_exceed_one(b):
    with pytest.raises(ParameterError, match="b: got"):
        linearise(Linear(torch.eye(1).double(), b), 0.0)


def test_a_marginal_direction_is_left_as_it_is_every_time():
    """The slope is singular there, and the default driver would then answer at random."""
    from rgwidgets.schemes.central_limit import CentralLimit

    for _ in range(20):
        point = fixed_point(CentralLimit(), [0.5, -1.0, 0.3, 0.2])
        assert point.tolist() == pytest.approx([0, 0, 0.3, 0], abs=1e-9)


def test_couplings_too_small_to_be_differentiated_are_refused_and_a_flow_goes_on():
    from rgwidgets.core.flow import Flow
    from rgwidgets.core.theory import Theory
    from rgwidgets.schemes.migdal_kadanoff import MigdalKadanoff

    with pytest.raises(ParameterError, match="finite slopes"):
        linearise(MigdalKadanoff(), 1e-200)
    flow = Flow(Theory(couplings={"K": 0.2}), MigdalKadanoff())
    without = [level.cutoff for level in flow if level.relevance is None]
    assert without == [2048]
    assert float(flow[4096].couplings["K"]) == 0.0
