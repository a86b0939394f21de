"""Laws of tails: their moments, their support, and what they are refused for."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from rgwidgets.bounds import SubspaceFibre, TailLaw
from rgwidgets.core.errors import ParameterError, ShapeError

from .conftest import make_fibre, make_theory


def draws(law: TailLaw, count: int = 200_000) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(count, law.size, generator=generator, dtype=torch.float64)
    return law.tail(normal, torch.randint(law.components, (count,), generator=generator))


def shifted(samples: int = 20, discarded: int = 4, by: float = 0.5) -> SubspaceFibre:
    """A fibre whose tails have a mean."""
    fibre = make_fibre(make_theory(samples=samples), discarded=discarded, radius=None)
    return replace(fibre, tails=fibre.tails + by)


def test_the_gaussian_has_the_mean_and_the_covariance_of_the_tails() -> None:
    fibre = shifted()
    z = draws(TailLaw.gaussian(fibre))
    assert torch.allclose(z.mean(0), fibre.own.mean(0), atol=0.02)
    assert torch.allclose(z.T.cov(), fibre.own.T.cov(correction=0), atol=0.03)


def test_of_fewer_tails_than_coefficients_the_gaussian_lies_on_their_span() -> None:
    fibre = shifted(samples=4, discarded=9)
    law = TailLaw.gaussian(fibre)
    assert (law.size, law.dimension) == (3, 9)
    z, centred = draws(law, 50) - fibre.own.mean(0), fibre.own - fibre.own.mean(0)
    assert torch.linalg.matrix_rank(torch.cat([centred, z])) == 3


@pytest.mark.parametrize("k", [1, 2, 7])
def test_the_ball_is_filled_evenly(k: int) -> None:
    fibre = make_fibre(make_theory(), discarded=k, radius=1.5)
    lengths = draws(TailLaw.ball(fibre)).norm(dim=1) / 1.5
    assert float(lengths.max()) <= 1
    for share in (0.1, 0.5, 0.9):  # P(‖z‖ ≤ t ρ) = t^K
        assert abs(float((lengths <= share ** (1 / k)).double().mean()) - share) < 0.005


def test_the_data_s_own_law_is_their_tails_with_noise_of_the_bandwidth() -> None:
    fibre = shifted()
    covariance = fibre.own.T.cov(correction=0)
    z = draws(TailLaw.data(fibre, 0.5))
    assert torch.allclose(z.mean(0), fibre.own.mean(0), atol=0.02)
    assert torch.allclose(z.T.cov(), 1.25 * covariance, atol=0.03)
    assert "20 ** " not in TailLaw.data(fibre).words
    assert f"{20 ** (-1 / 8):.3g} times" in TailLaw.data(fibre).words
    nearest = torch.cdist(draws(TailLaw.data(fibre, 1e-6), 100), fibre.own).amin(1)
    assert float(nearest.max()) < 1e-4


def test_a_singular_covariance_is_a_gaussian_on_its_support() -> None:
    direction = torch.tensor([3.0, 4.0, 0.0], dtype=torch.float64)
    law = TailLaw.normal(torch.outer(direction, direction), torch.ones(3))
    z = draws(law) - 1
    assert law.size == 1
    assert torch.allclose(z[:, 0] * 4, z[:, 1] * 3, atol=1e-6)
    assert abs(float(z.norm(dim=1).square().mean().sqrt()) - 5) < 0.05


@pytest.mark.parametrize("name", ["gaussian", "data", "ball"])
def test_tails_that_are_all_zero_leave_nothing_to_draw(name: str) -> None:
    fibre = shifted(by=0.0)
    with pytest.raises(ParameterError, match="nothing was neglected"):
        TailLaw.of(name, replace(fibre, tails=0 * fibre.tails))
    with pytest.raises(ParameterError, match="too few vectors"):
        TailLaw.of(name, replace(fibre, unspanned="too few vectors"))


@pytest.mark.parametrize("name", ["gaussian", "data"])
def test_equal_tails_have_no_covariance(name: str) -> None:
    fibre = shifted()
    with pytest.raises(ParameterError, match="20 tails without a covariance"):
        TailLaw.of(name, replace(fibre, tails=torch.ones_like(fibre.tails)))


@pytest.mark.parametrize("bandwidth", [0.0, -1.0, math.nan, math.inf])
def test_a_bandwidth_must_be_positive(bandwidth: float) -> None:
    with pytest.raises(ParameterError, match="bandwidth"):
        TailLaw.data(shifted(), bandwidth)


@pytest.mark.parametrize(
    "covariance, error",
    [
        (torch.zeros(2, 2), ParameterError),
        (-torch.eye(2), ParameterError),
        (torch.tensor([[1.0, 2.0], [0.0, 1.0]]), ParameterError),
        (torch.tensor([[math.nan]]), ParameterError),
        (torch.ones(2, 3), ShapeError),
        (1.0, ShapeError),
    ],
    ids=["zero", "negative", "not symmetric", "NaN", "not square", "a number"],
)
def test_what_is_no_covariance_is_refused(covariance: Tensor, error: type[Exception]) -> None:
    with pytest.raises(error, match="covariance"):
        TailLaw.normal(covariance)


def test_a_mean_must_fit() -> None:
    with pytest.raises(ShapeError, match="mean"):
        TailLaw.normal(torch.eye(2), torch.zeros(3))


def test_an_unknown_law_names_the_nearest() -> None:
    with pytest.raises(ParameterError, match="did you mean 'gaussian'"):
        TailLaw.of("gausian", shifted())
