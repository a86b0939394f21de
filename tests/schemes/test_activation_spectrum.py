"""Principal components: the best subspace for the activation itself, and what that is worth."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from rgwidgets.core.errors import CutoffError, ParameterError, ShapeError
from rgwidgets.core.flow import Flow
from rgwidgets.core.outputs import OutputObservable
from rgwidgets.core.theory import Observable, Theory
from rgwidgets.schemes.activation_spectrum import ActivationSpectrum
from rgwidgets.schemes.gradient_spectrum import GradientSpectrum


def theory_of(d: int = 12, n: int = 300, seed: int = 0, positions: int = 0) -> Theory:
    """Correlated activations and two observables of them."""
    generator = torch.Generator().manual_seed(seed)
    shape = (n, positions, d) if positions else (n, d)
    x = torch.randn(shape, generator=generator) * torch.logspace(0, -1.5, d)
    x = x @ torch.linalg.qr(torch.randn(d, d, generator=generator))[0] + 1.0
    w = torch.randn(d, generator=generator).double()

    def square(f: dict[str, torch.Tensor]) -> torch.Tensor:
        return (
            ((f["activation"].double() @ w) ** 2).flatten(1).sum(1)
            if positions
            else (f["activation"].double() @ w) ** 2
        )

    linear = Observable("linear", lambda f: (f["activation"].double() @ w).reshape(n, -1).sum(1))
    return Theory({"activation": x}, (linear, Observable("square", square, tolerance=0.5)))


@pytest.mark.parametrize("d", [2, 12, 40])
@pytest.mark.parametrize("positions", [0, 3])
def test_the_spectrum_is_numpy_s_eigenvalues_of_the_covariance(d: int, positions: int) -> None:
    theory = theory_of(d, positions=positions)
    spectrum = ActivationSpectrum().spectrum(theory)
    x = theory.features["activation"].double().numpy().reshape(-1, d)
    expected = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1]
    assert np.allclose(spectrum.values, expected, atol=1e-12)
    assert torch.allclose(spectrum.basis.T @ spectrum.basis, torch.eye(d).double(), atol=1e-12)
    assert spectrum.relevance().names[0] == "direction 1"


@pytest.mark.parametrize("rank", [0, 1, 5, 11, 12])
def test_no_subspace_of_that_rank_keeps_more_of_the_activation(rank: int) -> None:
    theory = theory_of()
    x = theory.features["activation"].double()
    effective = ActivationSpectrum().coarsen(theory, rank)
    cut = effective.lift()["activation"]
    kept = 1 - float(((x - cut) ** 2).sum() / ((x - x.mean(0)) ** 2).sum())
    assert kept == pytest.approx(effective.attrs["kept_variance"], abs=1e-9)
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        q = torch.linalg.qr(torch.randn(12, 12, generator=generator).double())[0][:, :rank]
        other = x.mean(0) + (x - x.mean(0)) @ q @ q.T
        assert float(((x - cut) ** 2).sum()) <= float(((x - other) ** 2).sum()) + 1e-9


def test_the_full_rank_changes_nothing_and_every_bound_is_exactly_zero() -> None:
    theory = theory_of()
    effective = ActivationSpectrum().coarsen(theory, 12)
    assert torch.allclose(effective.lift()["activation"], theory.features["activation"].double())
    for name, influence in effective.bounds.items():
        assert effective.observe()[name].value == pytest.approx(theory.observe()[name].value)
        assert [
            influence.average.value,
            influence.resample.value,
            influence.attack.value,
            influence.certificate.value,
        ] == [0.0] * 4


def test_rank_zero_predicts_from_the_mean_alone() -> None:
    theory = theory_of()
    effective = ActivationSpectrum().coarsen(theory, 0)
    assert effective.features["coefficients"].shape == (300, 0)
    mean = theory.features["activation"].double().mean(0)
    assert torch.allclose(effective.lift()["activation"], mean.expand(300, -1))
    estimate = effective.observe()["square"]
    assert estimate.error == pytest.approx(0.0, abs=1e-12)
    assert effective.bounds["square"].attack.value > 0


@pytest.mark.parametrize("scheme", [ActivationSpectrum(), GradientSpectrum(observable="square")])
@pytest.mark.parametrize("first, second", [(12, 5), (8, 5), (5, 5), (7, 0)])
def test_cutting_twice_is_cutting_once(scheme: ActivationSpectrum, first: int, second: int) -> None:
    theory = theory_of()
    once = scheme.coarsen(theory, second)
    twice = scheme.coarsen(scheme.coarsen(theory, first), second)
    assert scheme.composes
    assert torch.equal(once.features["coefficients"], twice.features["coefficients"])
    assert torch.equal(once.lift()["activation"], twice.lift()["activation"])
    assert once.bounds["square"] == twice.bounds["square"]


def test_principal_components_of_principal_components_span_the_same_space() -> None:
    theory = theory_of()
    one, other = ActivationSpectrum(), ActivationSpectrum(seed=1)  # not the same scheme: cut anew
    twice = other.coarsen(one.coarsen(theory, 8), 5)
    once = one.coarsen(theory, 5)
    raised = one.coarsen(theory, 8).lift(twice.lift())["activation"]
    assert torch.allclose(raised, once.lift()["activation"], atol=1e-9)
    assert twice.parent is not None
    assert "coefficients" in twice.parent.features


def test_another_scheme_s_cut_is_bounded_in_the_first_theory_s_features() -> None:
    theory = theory_of()
    parent = ActivationSpectrum().coarsen(theory, 8)
    coarse = GradientSpectrum(observable="linear").coarsen(parent, 2)
    fibre = coarse.attrs["fibre"]
    assert fibre.feature == "activation"
    assert fibre.basis.shape == (12, 6)
    before = parent.lift()["activation"]
    assert torch.allclose(fibre.points(fibre.own), before, atol=1e-9)
    # the first direction is the gradient of the linear observable: nothing else moves it
    assert coarse.bounds["linear"].attack.value == pytest.approx(0.0, abs=1e-9)
    assert coarse.bounds["square"].average.value == pytest.approx(0.0, abs=1e-6)


def test_cutting_an_effective_theory_finer_is_refused() -> None:
    coarse = ActivationSpectrum().coarsen(theory_of(), 5)
    with pytest.raises(CutoffError, match="the nearest is 5"):
        ActivationSpectrum().coarsen(coarse, 6)


@pytest.mark.parametrize("d, count", [(1, 2), (12, 13), (64, 65)])
def test_up_to_64_directions_every_rank_is_a_cutoff(d: int, count: int) -> None:
    scale = ActivationSpectrum().scale(Theory({"activation": torch.randn(3, d)}))
    assert scale.cutoffs == tuple(float(r) for r in range(d, -1, -1))
    assert len(scale) == count
    assert scale.direction == "decreasing"


@pytest.mark.parametrize("d", [65, 384, 4096])
def test_beyond_64_each_halving_takes_four_ranks(d: int) -> None:
    cutoffs = ActivationSpectrum().scale(Theory({"activation": torch.randn(3, d)})).cutoffs
    assert (cutoffs[0], cutoffs[-2], cutoffs[-1]) == (d, 1, 0)
    assert {d // 2**k for k in range(d.bit_length()) if d % 2**k == 0} <= set(cutoffs)
    steps = [a / b for a, b in pairwise(cutoffs) if b > 20]
    assert 1.15 < min(steps) < max(steps) < 1.25


@pytest.mark.parametrize("cutoff", [-1, 13, 2.5, float("nan"), "five"])
def test_a_rank_off_the_scale_is_refused(cutoff: object) -> None:
    with pytest.raises(CutoffError, match="rank"):
        ActivationSpectrum().coarsen(theory_of(), cutoff)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [
        {"quantile": 0.0},
        {"quantile": 1.1},
        {"steps": 0},
        {"restarts": -1},
        {"steps": 1.5},
    ],
)
def test_bad_options_are_refused_at_once(options: dict[str, float]) -> None:
    with pytest.raises(ParameterError, match=next(iter(options))):
        ActivationSpectrum(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "features",
    [
        {},
        {"spins": torch.ones(3, 4, 4, dtype=torch.int8)},
        {"a": torch.randn(3)},
        {"a": torch.randn(3, 2), "b": torch.randn(3, 2)},
    ],
)
def test_a_theory_without_one_vector_feature_is_refused(features: dict[str, torch.Tensor]) -> None:
    with pytest.raises(ShapeError, match="make the theory by"):
        ActivationSpectrum().scale(Theory(features))


def test_a_constant_activation_has_no_tail() -> None:
    theory = Theory(
        {"activation": torch.ones(5, 3)}, (Observable("sum", lambda f: f["activation"].sum(-1)),)
    )
    effective = ActivationSpectrum().coarsen(theory, 1)
    assert effective.bounds["sum"].certificate.value == 0.0
    assert effective.attrs["kept_variance"] == 1.0


def test_other_features_are_handed_on() -> None:
    theory = theory_of()
    both = Theory(
        {**theory.features, "image": torch.zeros(300, 2, 2, dtype=torch.uint8)}, theory.observables
    )
    effective = ActivationSpectrum().coarsen(both, 3)
    assert set(effective.features) == {"coefficients", "image"}
    assert set(effective.lift()) == {"activation", "image"}


def test_the_basis_does_not_depend_on_the_sign_that_the_solver_chose() -> None:
    basis = ActivationSpectrum().spectrum(theory_of()).basis
    largest = basis.abs().argmax(0)
    assert bool((basis.gather(0, largest[None]) > 0).all())


def test_a_flow_of_a_network_saves_and_loads(tmp_path: object) -> None:
    theory = theory_of(5, n=40)
    flow = Flow(theory, ActivationSpectrum(steps=3, restarts=2))
    loaded = Flow.load(flow.save(f"{tmp_path}/flow.zarr"))
    for cutoff in flow.scale.cutoffs:
        a, b = flow.level(cutoff), loaded.level(cutoff)
        assert a.influences["square"].attack.value == b.influences["square"].attack.value
        assert b.influences["square"].certificate.kind in ("none", "proved")
    assert flow.cutoff(by="average") == loaded.cutoff(by="average")


def test_declarations_survive_the_cut() -> None:
    theory = theory_of()
    declared = OutputObservable(
        "first", of_outputs=lambda z: z[..., 0], form="linear", weights=torch.ones(1)
    ).through(lambda f: f["activation"])
    effective = ActivationSpectrum().coarsen(Theory(theory.features, (declared,)), 4)
    kept = effective.observables[0]
    assert isinstance(kept, OutputObservable)
    assert kept.form == "linear"
    cut = effective.lift()["activation"][:, 0]
    assert torch.allclose(kept.samples(effective.features), cut)


def test_what_cuts_nothing_speaks_of_others_too_so_that_a_share_of_them_can_be_asked_for() -> None:
    theory = replace(theory_of(seed=1), reference=theory_of(seed=2))
    flow = Flow(theory, ActivationSpectrum(steps=1, restarts=1))
    name = theory.observables[0].name
    largest = flow.level(11).influences[name].attack.value
    assert flow.level(12).over({name: largest}, "attack").count == 0
    assert flow.cutoff({name: largest}, by="attack", share=0.02) <= 11
