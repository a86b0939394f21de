"""Scales that come apart, scales that do not, and what chance gives."""

import math

import pytest
import torch

from rgwidgets.core.errors import ParameterError
from rgwidgets.core.relevance import Relevance
from rgwidgets.microscope.separation import conditional_dependence, separation

N = 3000


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.7, 0.95])
def test_two_gaussians_depend_as_the_formula_says(rho):
    x, y = noise(2, 40_000, 1)
    found, _ = conditional_dependence(x, rho * x + math.sqrt(1 - rho**2) * y, noise(40_000, 0))
    assert found == pytest.approx(rho**2 + rho**4, abs=0.02)


def test_what_both_have_from_the_coarse_is_no_dependence():
    coarse, a, b = noise(3, N, 1)
    found, control = conditional_dependence(coarse + a, coarse + b, coarse)
    assert found < control.value + 5 * control.error
    unscreened, control = conditional_dependence(coarse + a, coarse + b, noise(N, 0))
    assert unscreened > control.value + 20 * control.error


def test_sizes_that_move_together_are_seen_though_values_are_uncorrelated():
    a, b, common = noise(3, N, 1)
    found, control = conditional_dependence(a * common, b * common, noise(N, 0))
    assert found > control.value + 10 * control.error


def test_independent_variables_are_within_the_control():
    excess = []
    for seed in range(20):
        a, b = noise(2, 500, 3, seed=seed)
        found, control = conditional_dependence(a, b, noise(500, 2, seed=100 + seed))
        excess.append((found - control.value) / control.error)
    assert abs(sum(excess) / 20) < 1
    assert max(excess) < 4


def spectral(coefficients):
    values = coefficients.var(0)
    return Relevance(tuple(f"{i}" for i in range(len(values))), tuple(values.tolist()))


def test_a_cliff_between_independent_scales_is_a_separation():
    sizes = torch.tensor([10.0] * 3 + [1.0] * 6, dtype=torch.float64)
    z = noise(N, 9)
    z = torch.linalg.qr(z - z.mean(0))[0] * math.sqrt(N - 1) * sizes
    found = separation(z, spectral(z), 3)
    assert found.cliff
    assert found.gap == pytest.approx(math.log(100), rel=1e-6)
    assert abs(found.excess) < 4


def test_fine_features_that_conspire_are_told():
    z = noise(N, 8)
    z[:, 6:] *= z[:, 2:4]
    found = separation(z, spectral(z), 2, width=2)
    assert found.excess > 10
    assert not found.cliff


def test_a_constant_direction_is_no_feature():
    z = torch.cat([noise(N, 4), torch.zeros(N, 2, dtype=torch.float64)], dim=1)
    values = (4.0, 3.0, 2.0, 1.0, 0.0, 0.0)
    order = Relevance(tuple("abcdef"), values)
    assert math.isfinite(separation(z, order, 1).excess)
    with pytest.raises(ParameterError, match="cut earlier"):
        separation(z, order, 3)


def test_too_few_samples_are_refused():
    with pytest.raises(ParameterError, match="samples"):
        conditional_dependence(noise(10, 2), noise(10, 2), noise(10, 2))
