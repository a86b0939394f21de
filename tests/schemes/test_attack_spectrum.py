"""Directions that an attack on the rest would use."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from rgwidgets.bounds import attack
from rgwidgets.core.errors import ObservableError
from rgwidgets.core.outputs import OutputObservable
from rgwidgets.core.theory import Observable, Theory
from rgwidgets.schemes.activation_spectrum import ActivationSpectrum
from rgwidgets.schemes.attack_spectrum import AttackSpectrum
from rgwidgets.schemes.gradient_spectrum import GradientSpectrum
from rgwidgets.schemes.subspace import ALL


def normal(n: int, d: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)).double()


def ridge(d: int = 10, k: int = 3, n: int = 200, seed: int = 0) -> tuple[Theory, torch.Tensor]:
    """An observable that depends on `k` directions of `d`, by construction."""
    w = torch.linalg.qr(normal(d, k, seed + 1))[0]
    o = Observable("ridge", lambda f: torch.sin(f["activation"] @ w).sum(-1), unit="nats")
    x = normal(n, d, seed) * torch.logspace(-1, 0, d).double()
    return Theory({"activation": x}, (o,)), w


def cubic(n: int = 400, d: int = 6) -> Theory:
    """An observable that is steep only further out than any sample is."""
    x = normal(n, d)
    x[:, 5] *= 0.3
    o = Observable("cubic", lambda f: f["activation"][:, 0] + f["activation"][:, 5] ** 3)
    return Theory({"activation": x}, (o,))


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_ridge_function_is_kept_whole_by_its_own_directions(k: int, seed: int) -> None:
    theory, w = ridge(k=k, seed=seed)
    scheme = AttackSpectrum()
    spectrum = scheme.spectrum(theory)
    span = spectrum.basis[:, :k]
    assert torch.allclose(span @ span.T, w @ w.T, atol=1e-8)
    assert float(spectrum.values[k - 1]) > 1e-3
    assert float(spectrum.values[k:].max()) < 1e-6
    assert scheme.coarsen(theory, k).bounds["ridge"].attack.value == pytest.approx(0.0, abs=1e-6)
    assert scheme.coarsen(theory, k - 1).bounds["ridge"].attack.value > 1e-3


def test_of_two_directions_that_are_alike_the_one_that_varies_more_is_kept_first() -> None:
    x = normal(400, 5) * torch.tensor([1.0, 4.0, 1.0, 2.0, 0.5]).double()
    o = Observable("two", lambda f: torch.tanh(f["activation"][:, 0]) + f["activation"][:, 3])
    basis = AttackSpectrum().spectrum(Theory({"activation": x}, (o,))).basis
    assert float(basis[3, 0].abs()) > 0.9
    assert float(basis[[0, 3], :2].square().sum()) == pytest.approx(2.0)


def test_what_no_attack_needs_is_ordered_by_its_variance() -> None:
    theory, _ = ridge()
    basis = AttackSpectrum().spectrum(theory).basis
    assert torch.allclose(basis.T @ basis, torch.eye(10).double(), atol=1e-10)
    x = theory.features["activation"]
    variances = ((x - x.mean(0)) @ basis[:, 3:]).var(0)
    assert variances.tolist() == sorted(variances.tolist(), reverse=True)


def test_it_sees_what_is_steep_where_only_an_adversary_goes() -> None:
    theory = cubic()
    changes = {
        scheme: float(scheme.coarsen(theory, 1).bounds["cubic"].attack.each.max())
        for scheme in (AttackSpectrum(), GradientSpectrum(), ActivationSpectrum())
    }
    attacked, *others = changes.values()
    assert float(AttackSpectrum().spectrum(theory).basis[5, 0].abs()) > 0.9
    assert all(attacked < other / 2 for other in others)


def test_the_values_are_the_largest_changes_that_attacks_on_the_rest_have_made() -> None:
    theory, _ = ridge()
    scheme = AttackSpectrum(steps=4, restarts=2)
    spectrum = scheme.spectrum(theory)
    found = []
    for rank in range(10):
        fibre = scheme.coarsen(theory, rank).attrs["fibre"]
        found.append(float(attack(fibre, theory.observables[0], steps=4, restarts=2).change.max()))
    from_here = [max(found[rank:]) for rank in range(10)]
    assert spectrum.values.tolist() == pytest.approx(from_here, rel=0.05, abs=1e-6)
    assert spectrum.quantity == "largest attacked change of ridge"
    assert spectrum.unit == "nats"


def test_all_observables_count_in_units_of_their_tolerances() -> None:
    x = normal(100, 4)
    both = (
        Observable("fine", lambda f: f["activation"][:, 0], tolerance=0.1),
        Observable("coarse", lambda f: 3 * f["activation"][:, 2], tolerance=10.0),
    )
    basis = AttackSpectrum(observable=ALL).spectrum(Theory({"activation": x}, both)).basis
    assert float(basis[0, 0].abs()) > 0.99
    assert float(basis[2, 1].abs()) > 0.99
    coarse = AttackSpectrum(observable="coarse").spectrum(Theory({"activation": x}, both)).basis
    assert float(coarse[2, 0].abs()) > 0.99


def test_the_accuracy_is_attacked_by_its_margin() -> None:
    theory, w = ridge(k=2)
    accuracy = OutputObservable(
        "accuracy",
        of_outputs=lambda z: (z[..., 0] > z[..., 1]).double(),
        surrogate=lambda z: z[..., 0] - z[..., 1],
    ).through(lambda f: f["activation"] @ w)
    spectrum = AttackSpectrum().spectrum(replace(theory, observables=(accuracy,)))
    direction = (w[:, 0] - w[:, 1]) / 2**0.5
    assert float((spectrum.basis[:, 0] @ direction).abs()) == pytest.approx(1.0)
    assert spectrum.values.tolist() == [1.0] + 9 * [0.0]


def test_positions_share_their_directions() -> None:
    x = normal(30, 20).reshape(30, 4, 5)
    o = Observable("o", lambda f: f["activation"][:, 1, 2] + 2 * f["activation"][:, 3, 0])
    basis = AttackSpectrum().spectrum(Theory({"activation": x}, (o,))).basis
    assert float(basis[0, 0].abs()) > 0.99
    assert float(basis[[0, 2], :2].square().sum()) == pytest.approx(2.0)


def test_what_was_cut_is_cut_again_in_its_own_frame() -> None:
    theory, w = ridge(k=2)
    first = ActivationSpectrum().coarsen(theory, 8)
    again = AttackSpectrum().coarsen(first, 2)
    kept, within = again.attrs["frame"].basis, first.attrs["frame"].basis
    span = torch.linalg.qr(within @ within.T @ w)[0]
    assert torch.allclose(kept @ kept.T, span @ span.T, atol=1e-8)
    assert again.bounds["ridge"].attack.value == pytest.approx(0.0, abs=1e-6)


def test_many_directions_are_kept_several_at_a_time() -> None:
    x = normal(150, 96)
    w = torch.linalg.qr(normal(96, 5, seed=1))[0]
    o = Observable("o", lambda f: torch.sin(f["activation"] @ w).sum(-1))
    basis = AttackSpectrum().spectrum(Theory({"activation": x}, (o,))).basis
    assert torch.allclose(basis.T @ basis, torch.eye(96).double(), atol=1e-9)
    assert torch.allclose(basis[:, :5] @ basis[:, :5].T, w @ w.T, atol=1e-6)


def test_nothing_varies_and_nothing_is_attacked() -> None:
    o = Observable("o", lambda f: f["activation"][:, 0])
    spectrum = AttackSpectrum().spectrum(Theory({"activation": torch.ones(5, 3)}, (o,)))
    assert spectrum.values.tolist() == [0.0, 0.0, 0.0]
    assert torch.allclose(spectrum.basis.T @ spectrum.basis, torch.eye(3).double(), atol=1e-12)


def test_what_cannot_be_attacked_along_a_gradient_is_refused() -> None:
    theory, _ = ridge()
    with pytest.raises(ObservableError, match="did you mean 'ridge'"):
        AttackSpectrum(observable="rigde").spectrum(theory)
    with pytest.raises(ObservableError, match="at least one"):
        AttackSpectrum().spectrum(Theory(theory.features))
    steps = Observable("steps", lambda f: (f["activation"][:, 0] > 0).double())
    with pytest.raises(ObservableError, match="no gradient"):
        AttackSpectrum().spectrum(Theory(theory.features, (steps,)))
