"""The machinery under the spectral schemes."""

from __future__ import annotations

import copy
import gc
import weakref

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rgwidgets.core.theory import Observable, Theory
from rgwidgets.schemes.activation_spectrum import ActivationSpectrum
from rgwidgets.schemes.gradient_spectrum import GradientSpectrum
from rgwidgets.schemes.subspace import feature_of, moments, ordered


@given(d=st.integers(1, 8), rank=st.integers(0, 8), seed=st.integers(0, 1000))
@settings(max_examples=50, deadline=None)
def test_eigenvectors_are_a_whole_basis_whatever_the_rank(d: int, rank: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(d, min(rank, d), generator=generator).double()
    covariance = torch.randn(d, d, generator=generator).double()
    covariance = covariance @ covariance.T
    values, vectors = ordered(a @ a.T, covariance)
    assert torch.allclose(vectors.T @ vectors, torch.eye(d).double(), atol=1e-9)
    assert torch.allclose(vectors @ values.diag() @ vectors.T, a @ a.T, atol=1e-7)
    assert values.tolist() == sorted(values.tolist(), reverse=True)
    again = ordered(a @ a.T, covariance)
    assert torch.equal(vectors, again[1])


def test_moments_are_over_samples_and_positions_in_double_precision() -> None:
    x = torch.randn(6, 3, 4) * 1e-3 + 1000
    mean, covariance = moments(x)
    rows = x.double().reshape(18, 4)
    assert mean.dtype == torch.float64
    assert torch.allclose(mean, rows.mean(0))
    assert torch.allclose(covariance, rows.T.cov(correction=0), atol=1e-12)


@pytest.mark.parametrize(
    "features, expected",
    [
        ({"activation": torch.randn(2, 3), "other": torch.randn(2, 3)}, "activation"),
        ({"coefficients": torch.randn(2, 3), "labels": torch.zeros(2)}, "coefficients"),
        ({"field": torch.randn(2, 3), "spins": torch.ones(2, 3, dtype=torch.int8)}, "field"),
    ],
)
def test_the_feature_to_cut_is_the_one_vector(
    features: dict[str, torch.Tensor], expected: str
) -> None:
    assert feature_of(Theory(features)) == expected


def test_equal_schemes_share_a_spectrum_and_others_do_not() -> None:
    theory = Theory({"activation": torch.randn(20, 4)})
    assert ActivationSpectrum().spectrum(theory) is ActivationSpectrum().spectrum(theory)
    assert ActivationSpectrum() != ActivationSpectrum(quantile=0.5)
    assert GradientSpectrum(observable="a") != GradientSpectrum(observable="b")


def test_a_theory_that_nobody_holds_is_forgotten() -> None:
    theory = Theory(
        {"activation": torch.randn(20, 4)}, (Observable("sum", lambda f: f["activation"].sum(-1)),)
    )
    effective = ActivationSpectrum().coarsen(theory, 2)
    assert effective.bounds["sum"].attack
    held = weakref.ref(theory)
    del theory, effective
    gc.collect()
    assert held() is None


def test_the_radius_follows_the_quantile() -> None:
    theory = Theory({"activation": torch.randn(100, 4)})
    radii = [
        ActivationSpectrum(quantile=q).coarsen(theory, 2).attrs["fibre"].radius
        for q in (0.5, 0.9, 1.0)
    ]
    assert radii == sorted(radii)
    assert radii[0] < radii[2]


def test_a_scheme_can_be_copied() -> None:
    scheme = GradientSpectrum(observable="loss", steps=7)
    assert copy.deepcopy(scheme) == scheme
    assert "steps=7" in repr(scheme)
