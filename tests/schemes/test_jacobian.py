"""What the schemes of weight space share: thin bases, the rest, other orders, limits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rgwidgets.core.errors import ParameterError
from rgwidgets.core.flow import Flow
from rgwidgets.core.theory import Observable, Theory
from rgwidgets.schemes import jacobian
from rgwidgets.schemes.activation_spectrum import ActivationSpectrum
from rgwidgets.schemes.fisher_spectrum import FisherSpectrum
from rgwidgets.schemes.jacobian import JacobianScheme
from rgwidgets.schemes.kernel_spectrum import KernelSpectrum
from rgwidgets.systems.weights import capture_weights

pytestmark = pytest.mark.slow  # a minute in all

SCHEMES = [KernelSpectrum, FisherSpectrum, lambda **o: FisherSpectrum(weighted=True, **o)]


def network(hidden: int = 8, dtype: torch.dtype = torch.float64, seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(5, hidden), nn.Tanh(), nn.Linear(hidden, 3)).to(dtype)


def theory(
    n: int = 20,
    *,
    hidden: int = 8,
    dtype: torch.dtype = torch.float64,
    seed: int = 0,
    **options: Any,
) -> Theory:
    generator = torch.Generator().manual_seed(seed + 1)
    x = torch.randn(n, 5, generator=generator).to(dtype)
    labels = torch.randint(0, 3, (n,), generator=generator)
    module = network(hidden, dtype, seed)
    return capture_weights(module, x, "0", labels=labels, **options)


def rows_of(scheme: JacobianScheme, of: Theory) -> tuple[int, Tensor]:
    jac, w = jacobian.jacobian_of(of), of.features["weights"].reshape(-1)
    pieces = list(scheme.rows(jac, w))
    return sum(n for n, _ in pieces), torch.cat([r for _, r in pieces])


@pytest.mark.parametrize("make", SCHEMES[:2])
@pytest.mark.parametrize("n", [4, 40], ids=["fewer outputs", "fewer weights"])
@pytest.mark.parametrize("directions", [6, 9])
def test_thin_and_complete_bases_lead_alike(make: Any, n: int, directions: int) -> None:
    of = theory(n)  # 48 weights; 12 or 120 outputs, of which n probabilities are not free
    full, thin = make().spectrum(of), make(directions=directions).spectrum(of)
    eye = torch.eye(thin.basis.shape[1]).double()
    assert torch.allclose(thin.basis.T @ thin.basis, eye, atol=1e-10)
    rank = min(directions, n * (2 if make is FisherSpectrum else 3))
    assert full.basis.shape == (48, 48)
    assert thin.basis.shape == (48, rank + 1)
    known = slice(0, rank)
    assert torch.allclose(thin.values[known], full.values[known], rtol=1e-9, atol=1e-14)
    overlap = (thin.basis[:, known] * full.basis[:, known]).sum(0)
    assert torch.allclose(overlap, torch.ones_like(overlap), atol=1e-6)


@pytest.mark.parametrize("make", SCHEMES[:2])
@pytest.mark.parametrize("n", [4, 40])
def test_the_rest_is_one_direction_with_the_value_along_it(make: Any, n: int) -> None:
    of, scheme = theory(n), make(directions=5)
    found = scheme.spectrum(of)
    count, rows = rows_of(scheme, of)
    along = ((rows @ found.basis) ** 2).sum(0) / count
    assert torch.allclose(along, found.values, rtol=1e-9, atol=1e-14)
    assert found.values.tolist() == sorted(found.values.tolist(), reverse=True)
    offset = of.features["weights"][0] - found.mean
    assert torch.allclose(found.basis @ (found.basis.T @ offset), offset, atol=1e-12)
    within = of.features["weights"][0] - 3 * found.basis[:, 1]
    near = Theory(of.features, attrs={**of.attrs, "reference": within})
    assert torch.equal(scheme.spectrum(near).basis, found.basis[:, :5])


@pytest.mark.parametrize("make", SCHEMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("directions", [7, 512])
@pytest.mark.parametrize("referred", [False, True])
def test_full_rank_changes_nothing_and_rank_zero_is_the_reference(
    make: Any, dtype: torch.dtype, directions: int, referred: bool
) -> None:
    reference = network(dtype=dtype, seed=5).state_dict() if referred else None
    of = theory(12, dtype=dtype, reference=reference)
    flow = Flow(of, make(directions=directions, steps=2, restarts=2))
    full, none = flow[flow.scale.cutoffs[0]], flow[0]
    assert flow.scale.cutoffs[0] == (48 if directions == 512 else 8)
    exact = {"weights": of.attrs["reference"][None]}
    assert torch.equal(none.lift()["weights"].to(dtype), exact["weights"])
    for name in ("loss", "accuracy"):
        assert torch.equal(none.samples(name), of.samples(name, exact))
        change = float((full.samples(name) - of.samples(name)).abs())
        assert change <= 8 * torch.finfo(dtype).eps
        assert full.bounds[name].attack.value == 0.0


@pytest.mark.parametrize("make", SCHEMES)
@pytest.mark.parametrize("directions", [7, 512])
def test_the_four_numbers_of_a_flow_are_told_apart(make: Any, directions: int) -> None:
    of = theory(12)
    flow = Flow(of, make(directions=directions, steps=4, restarts=4), cutoffs=[7, 4, 2, 0])
    for effective in flow:
        for name in ("loss", "accuracy"):
            found = effective.bounds[name]
            own = float((of.samples(name) - effective.samples(name)).abs())
            assert found.average.value == pytest.approx(own, abs=1e-9)
            assert found.attack.value >= found.average.value - 1e-12
            assert found.attack.kind == "measured"
            assert found.resample.kind == "none"
            assert "single sample" in found.resample.how
            assert found.certificate.kind == "proved"
            assert found.certificate.value >= found.attack.value
            assert found.certificate.how
    assert {"loss", "accuracy"} <= set(flow.to_xarray().observable.values.tolist())


@pytest.mark.parametrize("make", SCHEMES)
@pytest.mark.parametrize("directions", [9, 512])
def test_cutting_twice_is_cutting_once(make: Any, directions: int) -> None:
    of, scheme = theory(12), make(directions=directions)
    once = scheme.coarsen(of, 3)
    twice = scheme.coarsen(scheme.coarsen(of, 8), 3)
    assert torch.equal(once.lift()["weights"], twice.lift()["weights"])


@pytest.mark.parametrize("rank", [4, 20])
def test_what_another_scheme_cut_is_differentiated_where_it_is(rank: int) -> None:
    of = theory(12)
    outer = FisherSpectrum(weighted=True).coarsen(of, rank)
    inner = KernelSpectrum().spectrum(outer)
    frame: Any = outer.attrs["frame"]
    jac = jacobian.jacobian_of(of)
    rows = torch.cat([r for _, r in jac(outer.lift()["weights"])]).flatten(0, 1) @ frame.basis
    exact = torch.linalg.eigvalsh(rows.T @ rows / 12).flip(0).clamp_min(0)
    assert torch.allclose(inner.values, exact, rtol=1e-9, atol=1e-13)
    cut = KernelSpectrum().coarsen(outer, rank)
    assert torch.allclose(cut.samples("loss"), outer.samples("loss"), atol=1e-12)
    none = KernelSpectrum().coarsen(outer, 0)
    assert torch.allclose(none.lift(none.features)["coefficients"], torch.zeros(1, rank).double())


@pytest.mark.parametrize("directions", [9, 512])
def test_other_orders_have_the_same_scale_and_the_same_ends(directions: int) -> None:
    of, scheme = theory(12), KernelSpectrum(directions=directions)
    others = scheme.alternatives(of)
    assert set(others) == {"reversed", "own"}
    for other in others.values():
        assert other.scale(of) == scheme.scale(of)
        full, none = other.coarsen(of, other.scale(of).cutoffs[0]), other.coarsen(of, 0)
        assert torch.allclose(full.samples("loss"), of.samples("loss"), atol=1e-12)
        assert torch.equal(none.lift()["weights"], of.attrs["reference"][None])
    flipped = others["reversed"].spectrum(of).basis.flip(1)  # type: ignore[attr-defined]
    assert torch.equal(flipped, scheme.spectrum(of).basis)


def test_the_own_order_finds_the_one_direction_that_is_needed() -> None:
    direction = torch.nn.functional.normalize(torch.arange(1.0, 49.0).double(), dim=0)
    features, attrs = theory().features, theory().attrs
    there = features["weights"] @ direction
    # no slope at the weights themselves, only on the way to them
    needed = Observable("needed", lambda f: (f["weights"] @ direction - there) ** 2, tolerance=1e-3)
    of = Theory(features, (needed,), attrs=attrs)
    flow = Flow(of, KernelSpectrum(steps=2, restarts=2))
    own: Any = flow.scheme.alternatives(of)["own"]
    assert abs(float(own.spectrum(of).basis[:, 0] @ direction)) == pytest.approx(1)
    assert float(own.coarsen(of, 1).bounds["needed"].average.value) < 1e-12
    assert flow.diagnose(30).fault == "misaligned relevance"


@pytest.mark.parametrize("make", SCHEMES)
@pytest.mark.parametrize("directions", [5, 512])
def test_outputs_that_never_move_leave_the_weights_whole(make: Any, directions: int) -> None:
    module = network()
    with torch.no_grad():
        module[2].weight.zero_()
    of = capture_weights(module, torch.randn(6, 5).double(), "0", labels=torch.zeros(6).long())
    scheme = make(directions=directions)
    spectrum = scheme.spectrum(of)
    assert spectrum.values.count_nonzero() == 0
    assert torch.allclose(scheme.coarsen(of, 1).lift()["weights"], of.features["weights"])
    assert scheme.coarsen(of, 0).bounds["loss"].attack.value == 0.0
    at_rest = Theory(of.features, attrs={**of.attrs, "reference": of.features["weights"][0]})
    assert scheme.scale(at_rest).cutoffs[-2:] == (1, 0)


def test_weights_at_their_reference_have_nothing_to_lose() -> None:
    module = network()
    x = torch.ones(2, 5).double()
    for directions in (1, 512):
        of = capture_weights(module, x, "0", lambda z: z[:, 0], reference=module.state_dict())
        effective = KernelSpectrum(directions=directions).coarsen(of, 0)
        assert effective.bounds["observable"].certificate.value == 0.0


def test_a_layer_too_large_is_refused_with_a_smaller_one(monkeypatch: pytest.MonkeyPatch) -> None:
    of = theory(20)  # 48 weights, 60 outputs; the readout has 27
    monkeypatch.setattr(jacobian, "LARGEST", 47)
    with pytest.raises(ParameterError, match=r"layer '0'.*48 weights and 20 × 3.*'2'.*at most 15"):
        KernelSpectrum(directions=9).spectrum(of)
    monkeypatch.setattr(jacobian, "LARGEST", 48)
    monkeypatch.setattr(jacobian, "ROOM", 48 * 48)
    assert KernelSpectrum(directions=9).spectrum(of).basis.shape == (48, 10)
    monkeypatch.setattr(jacobian, "ROOM", 48 * 48 - 1)
    assert KernelSpectrum(directions=9, output=0).spectrum(of).basis.shape == (48, 10)
    with pytest.raises(ParameterError, match="layer '0'"):
        KernelSpectrum(directions=8).spectrum(of)


@pytest.mark.parametrize("given", [0, 4097, 2.0, True])
def test_a_wrong_number_of_directions_is_refused(given: Any) -> None:
    with pytest.raises(ParameterError, match="directions"):
        KernelSpectrum(directions=given)


def test_a_theory_that_is_not_of_weights_is_refused() -> None:
    with pytest.raises(ParameterError, match="capture_weights"):
        KernelSpectrum().spectrum(Theory({"activation": torch.ones(3, 2)}))
    with pytest.raises(ParameterError, match="capture_weights"):
        FisherSpectrum().scale(Theory({"activation": torch.ones(3, 2)}))


def test_other_schemes_keep_their_complete_bases() -> None:
    of = Theory({"activation": torch.eye(3)})
    assert ActivationSpectrum().full_rank(of) == 3
