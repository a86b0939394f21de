"""Observables of a spin field: by hand, at every size, and where they are not defined."""

import cmath
import math

import pytest
import torch

from rgwidgets.core.errors import KeywordError, ObservableError, ParameterError, ShapeError
from rgwidgets.core.estimate import estimate
from rgwidgets.systems.lattice import correlations as c

SIZES = [1, 2, 3, 4, 7, 16]


def random_field(samples: int, size: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 2, (samples, size, size), generator=generator).to(torch.int8) * 2 - 1


def by_hand(spins: torch.Tensor, steps: list[tuple[int, int]]) -> list[float]:
    """Mean of s(r) s(r + step) over sites and steps, with loops."""
    values = []
    for field in spins.tolist():
        size = len(field)
        products = [
            field[y][x] * field[(y + dy) % size][(x + dx) % size]
            for y in range(size) for x in range(size) for dy, dx in steps
        ]  # fmt: skip
        values.append(sum(products) / len(products))
    return values


@pytest.mark.parametrize("size", SIZES)
def test_correlations_are_the_sums_written_out(size):
    spins = random_field(3, size)
    near, far = [(0, 1), (1, 0)], [(1, 1), (1, -1)]
    assert c.nearest_correlation(spins).tolist() == pytest.approx(by_hand(spins, near))
    assert c.diagonal_correlation(spins).tolist() == pytest.approx(by_hand(spins, far))
    named = {o.name: o.samples({"spins": spins}).tolist() for o in c.observables()}
    assert named["nearest correlation"] == pytest.approx(by_hand(spins, near))
    assert named["diagonal correlation"] == pytest.approx(by_hand(spins, far))
    energies = c.energy(field=0.25).samples({"spins": spins}).tolist()
    expected = [
        -2 * n - 0.25 * m
        for n, m in zip(by_hand(spins, near), spins.double().mean((1, 2)).tolist(), strict=True)
    ]
    assert energies == pytest.approx(expected)


@pytest.mark.parametrize("size", SIZES)
def test_structure_factor_is_the_fourier_sum_written_out(size):
    spins = random_field(2, size)
    zero, smallest = c.structure_factor(spins)
    for sample, field in enumerate(spins.tolist()):
        along = [
            sum(field[y][x] * cmath.exp(2j * math.pi * (x if axis else y) / size)
                for y in range(size) for x in range(size))
            for axis in (0, 1)
        ]  # fmt: skip
        expected = sum(abs(a) ** 2 for a in along) / (2 * size**2)
        assert float(smallest[sample]) == pytest.approx(expected, abs=1e-12)
        total = sum(map(sum, field))
        assert float(zero[sample]) == pytest.approx(total**2 / size**2, abs=1e-12)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [torch.int8, torch.float32, torch.float64])
def test_every_observable_works_at_every_level_and_dtype(size, dtype):
    features = {"spins": random_field(5, size).to(dtype)}
    made = c.observables()
    assert tuple(o.name for o in made) == c.NAMES
    for o in made:
        values = o.samples(features)
        assert values.dtype == torch.float64
        assert len(values) == 5


def test_a_large_integer_field_does_not_overflow():
    features = {"spins": torch.ones(1, 512, 512, dtype=torch.int8)}
    values = {o.name: o.samples(features) for o in c.observables()}
    assert float(values["magnetisation"]) == 1
    assert float(values["energy"]) == -2
    assert float(values["correlation length"][0, 0]) == 512**2


def test_order_and_antiferromagnetic_order_have_their_values():
    up = torch.ones(2, 8, 8, dtype=torch.int8)
    board = up.clone()
    board[:, ::2, ::2] = -1
    board[:, 1::2, 1::2] = -1
    assert c.nearest_correlation(board).tolist() == [-1, -1]
    assert c.diagonal_correlation(board).tolist() == [1, 1]
    binder = c.binder_cumulant()
    assert estimate(binder.samples({"spins": up}), reduce=binder.reduce).value == pytest.approx(
        2 / 3
    )


def test_binder_of_gaussian_magnetisation_is_zero_within_its_error():
    features = {"spins": random_field(4000, 16, seed=5)}
    binder = c.binder_cumulant()
    found = estimate(binder.samples(features), reduce=binder.reduce)
    # independent spins: ⟨m⁴⟩ = (3N − 2)/N³, so U₄ = 2/(3N)
    assert abs(found.value - 2 / (3 * 256)) < 3 * found.error
    assert 0 < found.error < 0.1


def test_correlation_length_is_found_where_it_is_put_in():
    """Gaussian fields with S(k) = 1/(κ² + 4 Σ sin² k/2): the second-moment length is 1/κ."""
    size, kappa = 32, 0.25
    wave = 2 * torch.pi * torch.fft.fftfreq(size, dtype=torch.float64)
    lattice = 4 * torch.sin(wave / 2) ** 2
    power = 1 / (kappa**2 + lattice[:, None] + lattice[None, :])
    noise = torch.randn(4000, size, size, dtype=torch.float64,
                        generator=torch.Generator().manual_seed(1))  # fmt: skip
    fields = torch.fft.ifft2(torch.fft.fft2(noise) * power.sqrt()).real
    length = c.correlation_length()
    found = estimate(length.samples({"spins": fields}), reduce=length.reduce)
    assert abs(found.value - 1 / kappa) < 3 * found.error
    assert found.error < 0.2


def test_correlation_length_of_a_field_with_no_long_waves_is_zero_not_nan():
    spins = torch.ones(1, 4, 4, dtype=torch.int8)
    spins[:, :, :2] = -1  # all of S at the smallest k
    length = c.correlation_length()
    found = estimate(length.samples({"spins": spins}), reduce=length.reduce)
    assert found.value == pytest.approx(0, abs=1e-12)


def test_tolerances_reach_their_observables():
    made = {o.name: o.tolerance for o in c.observables(tolerances={"energy": 0.01})}
    assert made["energy"] == 0.01
    assert made["magnetisation"] is None
    with pytest.raises(KeywordError, match="did you mean energy"):
        c.observables(tolerances={"energie": 0.01})


@pytest.mark.parametrize("shape", [(4, 4), (1, 2, 4, 4), (2, 0, 4)])
def test_fields_of_the_wrong_shape_are_refused(shape):
    for observable in c.observables():
        with pytest.raises((ShapeError, ObservableError), match=f"spins|{observable.name}"):
            observable.samples({"spins": torch.ones(shape)})


@pytest.mark.parametrize("temperature", [0, -1, math.nan, math.inf])
def test_responses_need_a_temperature(temperature):
    for make in (c.specific_heat, c.susceptibility):
        with pytest.raises(ParameterError, match="temperature"):
            make(temperature)
