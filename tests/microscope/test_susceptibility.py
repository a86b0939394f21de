"""Susceptibilities are first-order changes, with honest errors."""

import pytest
import torch

from rgwidgets.core.errors import ObservableError
from rgwidgets.core.theory import Observable, Theory
from rgwidgets.microscope.susceptibility import susceptibility
from rgwidgets.schemes.activation_spectrum import ActivationSpectrum

SIZES = torch.tensor([4.0, 2.0, 1.0], dtype=torch.float64)


def theory_of(*observables, n=500, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 3, generator=generator, dtype=torch.float64) * SIZES
    return Theory({"activation": x}, observables)


def measured(theory):
    return susceptibility(theory, "activation", ActivationSpectrum().spectrum(theory))


def test_a_linear_observable_moves_by_its_weight_times_the_spread():
    weights = torch.tensor([0.5, -3.0, 1.0], dtype=torch.float64)
    theory = theory_of(Observable("o", lambda f: f["activation"] @ weights))
    found = measured(theory)
    spectrum = ActivationSpectrum().spectrum(theory)
    expected = (weights @ spectrum.basis).abs() * spectrum.values.sqrt()
    torch.testing.assert_close(found.value[0], expected)
    assert float(found.error.max()) < 1e-12  # the gradient is the same everywhere
    assert found.order("o")[0] == 1


def test_the_error_is_the_scatter_over_new_samples():
    cubic = Observable("o", lambda f: (f["activation"] ** 3).sum(1))
    draws = [measured(theory_of(cubic, seed=s)) for s in range(60)]
    # relative to the spread of the data, which is measured on the same samples
    values = torch.stack([d.value[0, 0] / s.sqrt() for d, s in zip(draws, _top(60), strict=True)])
    errors = torch.stack([d.error[0, 0] / s.sqrt() for d, s in zip(draws, _top(60), strict=True)])
    assert float(errors.mean()) == pytest.approx(float(values.std()), rel=0.35)


def _top(count):
    blank = Observable("o", lambda f: f["activation"][:, 0])
    return [ActivationSpectrum().spectrum(theory_of(blank, seed=s)).values[0] for s in range(count)]


def test_positions_are_averaged_over():
    x = torch.randn(50, 4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    last = Observable("last", lambda f: f["activation"][:, -1, 0])
    every = Observable("every", lambda f: f["activation"][:, :, 0].sum(1))
    found = measured(Theory({"activation": x}, (last, every)))
    torch.testing.assert_close(2 * found.value[0], found.value[1])


def test_an_observable_without_gradient_is_named_and_the_others_are_measured():
    step = Observable("step", lambda f: (f["activation"][:, 0] > 0).double())
    smooth = Observable("smooth", lambda f: f["activation"][:, 0])
    found = measured(theory_of(step, smooth))
    assert found.observables == ("smooth",)
    assert "gradient" in found.missing["step"]
    with pytest.raises(ObservableError, match="step"):
        measured(theory_of(step))
    with pytest.raises(ObservableError):
        measured(theory_of())
