"""The exact solutions against reference numbers, each other, and enumeration."""

import functools
import math

import numpy as np
import pytest

from rgwidgets.core.errors import GeometryError, ParameterError
from rgwidgets.systems.lattice import ising_exact as exact

CATALAN = 0.915965594177219015
TEMPERATURES = (0.4, 1.0, 1.9, 2.2, exact.critical_temperature(), 2.3, 2.5, 4.0, 30.0)


@functools.cache
def enumerate_torus(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Bond sums Σ s s′ and how many of all 2^N configurations have each, by looking at all."""
    codes = np.arange(2 ** (rows * columns), dtype=np.int64)[:, None]
    spins = ((codes >> np.arange(rows * columns)) & 1).astype(np.int8) * 2 - 1
    spins = spins.reshape(-1, rows, columns)
    bonds = sum((spins * np.roll(spins, 1, axis)).sum((1, 2), dtype=np.int64) for axis in (1, 2))
    return np.unique(bonds, return_counts=True)


@pytest.mark.parametrize(
    "shape", [(4, 4), (2, 2), (2, 3), (3, 2), (3, 3), (4, 3), (3, 4), (2, 8), (5, 3)]
)
@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_kaufman_is_the_sum_over_all_configurations(shape, temperature):
    bonds, counts = enumerate_torus(*shape)
    sites = shape[0] * shape[1]
    weights = counts * np.exp((bonds - bonds.max()) / temperature)
    total = weights.sum()
    mean = weights @ bonds / total
    variance = weights @ (bonds - mean) ** 2 / total
    log_partition = math.log(total) + bonds.max() / temperature
    assert exact.kaufman_log_partition(temperature, shape) == pytest.approx(
        log_partition, rel=1e-13
    )
    assert exact.kaufman_energy(temperature, shape) == pytest.approx(-mean / sites, abs=1e-13)
    assert exact.kaufman_specific_heat(temperature, shape) == pytest.approx(
        variance / temperature**2 / sites, abs=1e-11
    )


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_kaufman_does_not_mind_which_axis_is_which(temperature):
    one = exact.kaufman_log_partition(temperature, (6, 14))
    assert exact.kaufman_log_partition(temperature, (14, 6)) == pytest.approx(one, rel=1e-13)


@pytest.mark.parametrize("temperature", [0.5, 1.5, 2.0, 2.5, 3.0, 10.0])
def test_large_torus_has_the_energy_and_heat_of_the_infinite_lattice(temperature):
    assert exact.kaufman_energy(temperature, 512) == pytest.approx(
        exact.onsager_energy(temperature), abs=1e-11
    )
    assert exact.kaufman_specific_heat(temperature, 512) == pytest.approx(
        exact.onsager_specific_heat(temperature), abs=1e-9
    )


def test_energy_at_the_critical_point_differs_by_one_over_size():
    # Ferdinand and Fisher (1969): the amplitude on a square torus is −0.62244 (J = 1)
    critical = exact.critical_temperature()
    for size in (256, 1024):
        excess = (exact.kaufman_energy(critical, size) + math.sqrt(2)) * size
        assert excess == pytest.approx(-0.6224, abs=1e-3)


def test_onsager_energies_are_those_of_the_reference():
    assert exact.onsager_energy(2.0) == pytest.approx(-1.74556458, abs=1e-8)
    assert exact.onsager_energy(2.5) == pytest.approx(-1.1060792, abs=1e-7)
    assert exact.onsager_energy(exact.critical_temperature()) == pytest.approx(
        -math.sqrt(2), abs=1e-12
    )


def test_log_partition_at_the_critical_point_is_catalans():
    value = exact.onsager_log_partition(exact.critical_temperature())
    assert value == pytest.approx(math.log(2) / 2 + 2 * CATALAN / math.pi, abs=1e-14)


@pytest.mark.parametrize("temperature", [0.7, 1.5, 2.1, 2.26, 2.28, 2.6, 5.0])
def test_onsager_energy_and_heat_are_derivatives_of_the_log_partition(temperature):
    def log_partition(coupling: float) -> float:
        return exact.onsager_log_partition(1 / coupling)

    coupling, step = 1 / temperature, 1e-4
    values = [log_partition(coupling + k * step) for k in (-2, -1, 0, 1, 2)]
    slope = (values[0] - 8 * values[1] + 8 * values[3] - values[4]) / (12 * step)
    bend = (-values[0] + 16 * values[1] - 30 * values[2] + 16 * values[3] - values[4]) / (
        12 * step**2
    )
    # within 0.01 of T_c the differences themselves miss the logarithm by more
    loose = 300 if abs(temperature - exact.critical_temperature()) < 0.02 else 1
    assert exact.onsager_energy(temperature) == pytest.approx(-slope, abs=1e-9 * loose)
    assert exact.onsager_specific_heat(temperature) == pytest.approx(
        bend * coupling**2, abs=1e-5 * loose
    )


def test_magnetisation_is_yangs_and_vanishes_at_the_critical_point():
    assert exact.yang_magnetisation(2.0) == pytest.approx(0.91131938, abs=1e-8)
    assert exact.yang_magnetisation(exact.critical_temperature() + 1e-9) == 0
    critical = exact.critical_temperature()
    near, nearer = (exact.yang_magnetisation(critical * (1 - t)) for t in (1e-5, 1e-6))
    assert math.log10(near / nearer) == pytest.approx(1 / 8, abs=1e-5)


def test_diagonal_correlation_joins_smoothly_and_has_the_right_limits():
    critical = exact.critical_temperature()
    assert exact.diagonal_correlation(critical) == pytest.approx(2 / math.pi, abs=1e-9)
    below, above = (exact.diagonal_correlation(critical * (1 + t)) for t in (-1e-7, 1e-7))
    assert below > 2 / math.pi > above
    assert below - above < 1e-5
    assert exact.diagonal_correlation(0.1) == pytest.approx(1, abs=1e-12)
    # two paths of two bonds at high temperature
    assert exact.diagonal_correlation(50.0) == pytest.approx(2 / 50**2, rel=2e-3)


@pytest.mark.parametrize("temperature", [1e-300, 1e-3, 0.02, 0.03, 1e3, 1e50, 1e300])
def test_extreme_temperatures_stay_finite(temperature):
    for function in (exact.onsager_energy, exact.onsager_log_partition):
        assert math.isfinite(function(temperature))
    assert -2 <= exact.kaufman_energy(temperature, 64) <= 0
    assert 0 <= exact.kaufman_specific_heat(temperature, 64) < 1e-5
    assert 0 <= exact.yang_magnetisation(temperature) <= 1


@pytest.mark.parametrize("temperature", [0, -1, math.nan, math.inf, "2", None])
def test_temperatures_that_are_none_are_refused(temperature):
    for function in (exact.onsager_energy, exact.yang_magnetisation):
        with pytest.raises(ParameterError, match="temperature"):
            function(temperature)


@pytest.mark.parametrize("size", [1, 0, -4, 2.5, (4,), (4, 1), (2, 3, 4)])
def test_tori_that_are_none_are_refused(size):
    with pytest.raises(GeometryError, match="size"):
        exact.kaufman_energy(2.0, size)
