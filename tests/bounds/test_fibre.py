"""A fibre holds what shares the coarse features, within a measured radius."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from rgwidgets.bounds import Opaque, SubspaceFibre
from rgwidgets.core.errors import ParameterError, ShapeError
from rgwidgets.core.theory import Theory

from .conftest import draw, make_fibre, make_theory


def test_the_radius_is_the_quantile_of_the_measured_tails() -> None:
    fibre = make_fibre(make_theory(samples=200), discarded=5, radius=None)
    norms = fibre.tails.norm(dim=1)
    assert float((norms <= fibre.radius).double().mean()) == pytest.approx(0.99)
    assert replace(fibre, quantile=1.0).radius == float(norms.max())
    assert replace(fibre, ball=0.25).radius == 0.25


def test_own_tails_lead_back_to_the_samples() -> None:
    theory = make_theory()
    fibre = make_fibre(theory, discarded=5, radius=None)
    assert torch.allclose(fibre.points(fibre.own), theory.features["activation"].double())


@pytest.mark.parametrize("name", ["loss", "accuracy", "logit 0 − 1"])
def test_the_tail_as_read_and_the_network_itself_agree(name: str) -> None:
    theory = make_theory("tanh")
    fibre = make_fibre(theory, discarded=5, radius=1.0)
    observable = theory.observable(name)
    z = draw(fibre, 7)
    values, _ = fibre.evaluate(observable, z)
    direct = [observable.samples({"activation": fibre.points(row).float()}) for row in z]
    assert torch.allclose(values, torch.stack(direct).double(), atol=1e-4)


def test_a_theory_without_a_network_has_no_tail() -> None:
    x = torch.randn(5, 3, dtype=torch.float64)
    fibre = SubspaceFibre(Theory({"activation": x}), "activation", x, torch.eye(3).double(), 0 * x)
    assert fibre.tail is None
    with pytest.raises(Opaque, match="does not say"):
        _ = fibre.propagations


def test_shapes_that_do_not_fit_are_refused() -> None:
    x = torch.randn(5, 3, dtype=torch.float64)
    with pytest.raises(ShapeError, match="centre, tails and basis"):
        SubspaceFibre(Theory(), "activation", x, torch.eye(3).double(), x[:, :2])
    with pytest.raises(ShapeError, match="orthonormal"):
        SubspaceFibre(Theory(), "activation", x, 2 * torch.eye(3).double(), x)


@pytest.mark.parametrize("ball", [-1.0, math.nan, math.inf])
def test_a_radius_must_be_finite(ball: float) -> None:
    x = torch.randn(5, 3, dtype=torch.float64)
    with pytest.raises(ParameterError, match="ball"):
        SubspaceFibre(Theory(), "activation", x, torch.eye(3).double(), x, ball=ball)
