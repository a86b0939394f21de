"""Directions along which an observable moves."""

from __future__ import annotations

import pytest
import torch

from rgwidgets.core.errors import ObservableError
from rgwidgets.core.outputs import OutputObservable
from rgwidgets.core.theory import Observable, Theory
from rgwidgets.schemes.activation_spectrum import ActivationSpectrum
from rgwidgets.schemes.gradient_spectrum import GradientSpectrum


def ridge(d: int = 10, k: int = 3, n: int = 200, seed: int = 0) -> tuple[Theory, torch.Tensor]:
    """An observable that depends on `k` directions of `d`, by construction."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=generator).double() * torch.logspace(-1, 0, d).double()
    w = torch.linalg.qr(torch.randn(d, k, generator=generator).double())[0]
    o = Observable("ridge", lambda f: torch.sin(f["activation"] @ w).sum(-1), unit="nats")
    return Theory({"activation": x}, (o,)), w


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_ridge_function_is_kept_whole_by_its_own_directions(k: int, seed: int) -> None:
    theory, w = ridge(k=k, seed=seed)
    scheme = GradientSpectrum()
    spectrum = scheme.spectrum(theory)
    assert float(spectrum.values[k - 1]) > 1e-6
    assert spectrum.values[k:].tolist() == [0.0] * (10 - k)
    span = spectrum.basis[:, :k]
    assert torch.allclose(span @ span.T, w @ w.T, atol=1e-8)
    influence = scheme.coarsen(theory, k).bounds["ridge"]
    assert influence.attack.value == pytest.approx(0.0, abs=1e-6)
    assert scheme.coarsen(theory, k - 1).bounds["ridge"].attack.value > 1e-3


def test_the_values_are_mean_squared_gradients() -> None:
    theory, w = ridge()
    cosines = torch.cos(theory.features["activation"] @ w)
    expected = torch.linalg.eigvalsh(cosines.T @ cosines / 200).flip(0)
    spectrum = GradientSpectrum().spectrum(theory)
    assert torch.allclose(spectrum.values[:3], expected, atol=1e-10)
    assert spectrum.quantity == "mean squared gradient of ridge"
    assert spectrum.unit == "(nats)²"


def test_directions_without_gradient_are_ordered_by_their_variance() -> None:
    theory, _ = ridge()
    basis = GradientSpectrum().spectrum(theory).basis
    assert torch.allclose(basis.T @ basis, torch.eye(10).double(), atol=1e-10)
    x = theory.features["activation"]
    variances = ((x - x.mean(0)) @ basis[:, 3:]).var(0)
    assert variances.tolist() == sorted(variances.tolist(), reverse=True)
    cross = ((x - x.mean(0)) @ basis[:, 3:]).T.cov()
    assert float((cross - cross.diag().diag()).abs().max()) < 1e-10


def test_small_variance_is_not_small_relevance() -> None:
    x = torch.randn(500, 6, generator=torch.Generator().manual_seed(0)).double()
    x[:, 5] *= 0.05
    o = Observable("o", lambda f: 20 * f["activation"][:, 5])
    theory = Theory({"activation": x}, (o,))
    by_variance = ActivationSpectrum().coarsen(theory, 5)
    by_gradient = GradientSpectrum().coarsen(theory, 1)
    assert by_variance.attrs["kept_variance"] > 0.99
    assert by_variance.bounds["o"].average.value > 0.5
    assert by_gradient.bounds["o"].attack.value < 1e-9


def test_the_first_observable_is_the_default_and_names_are_checked() -> None:
    theory, _ = ridge()
    assert GradientSpectrum().spectrum(theory).quantity.endswith("ridge")
    with pytest.raises(ObservableError, match="did you mean 'ridge'"):
        GradientSpectrum(observable="rigde").spectrum(theory)
    with pytest.raises(ObservableError, match="at least one"):
        GradientSpectrum().spectrum(Theory(theory.features))


def test_an_observable_without_gradient_is_refused() -> None:
    theory, _ = ridge()
    steps = Observable("steps", lambda f: (f["activation"][:, 0] > 0).double())
    with pytest.raises(ObservableError, match="no gradient"):
        GradientSpectrum().spectrum(Theory(theory.features, (steps,)))


def test_a_gradient_that_is_not_finite_is_refused() -> None:
    root = Observable("root", lambda f: (0 * f["activation"][:, 0]).abs().sqrt())
    theory, _ = ridge()
    with pytest.raises(ObservableError, match="NaN or infinity"):
        GradientSpectrum().spectrum(Theory(theory.features, (root,)))


def test_the_accuracy_is_followed_by_its_margin() -> None:
    theory, w = ridge(k=2)
    accuracy = OutputObservable(
        "accuracy",
        of_outputs=lambda z: (z[..., 0] > z[..., 1]).double(),
        surrogate=lambda z: z[..., 0] - z[..., 1],
    ).through(lambda f: f["activation"] @ w)
    spectrum = GradientSpectrum().spectrum(Theory(theory.features, (accuracy,)))
    direction = (w[:, 0] - w[:, 1]) / 2**0.5
    assert float((spectrum.basis[:, 0] @ direction).abs()) == pytest.approx(1.0)


def test_positions_are_averaged_over() -> None:
    x = torch.randn(30, 4, 5, generator=torch.Generator().manual_seed(0)).double()
    o = Observable("o", lambda f: f["activation"][:, 1, 2] + 2 * f["activation"][:, 3, 0])
    spectrum = GradientSpectrum().spectrum(Theory({"activation": x}, (o,)))
    assert torch.allclose(spectrum.values[:2], torch.tensor([1.0, 0.25]).double())
    assert torch.allclose(spectrum.basis[:, 0].abs(), torch.eye(5).double()[0])
