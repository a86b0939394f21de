"""Fisher information of a layer's weights: what it means, and which order loses less."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rgwidgets.core.errors import ParameterError
from rgwidgets.core.theory import Theory
from rgwidgets.schemes.fisher_spectrum import FisherSpectrum
from rgwidgets.schemes.kernel_spectrum import KernelSpectrum
from rgwidgets.systems.networks.layer_jacobian import LayerJacobian
from rgwidgets.systems.networks.mlp import DigitsMLP
from rgwidgets.systems.weights import capture_weights


def theory(n: int = 30, *, seed: int = 0, layer: str = "0", classes: int = 3) -> Theory:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, classes)).double()
    generator = torch.Generator().manual_seed(seed)
    return capture_weights(
        module, torch.randn(n, 5, generator=generator, dtype=torch.float64), layer, ()
    )


def divergence(of: Theory, weights: Tensor) -> float:
    """Mean KL from the labels at the theory's own weights to those at others, nats a row."""
    network: Any = of.attrs["jacobian"]
    here, there = (
        torch.log_softmax(network.outputs(w).double(), -1)
        for w in (of.features["weights"], weights)
    )
    return float((here.exp() * (here - there)).sum(-1).mean())


@pytest.mark.parametrize("layer", ["0", "2", ""])
@pytest.mark.parametrize("classes", [2, 3, 6])
def test_it_is_the_mean_outer_product_of_scores_over_labels_of_its_own(
    layer: str, classes: int
) -> None:
    of = theory(12, layer=layer, classes=classes)
    network: LayerJacobian = of.attrs["jacobian"]  # type: ignore[assignment]
    leaf = of.features["weights"].clone().requires_grad_()
    log_p = torch.log_softmax(network.outputs(leaf), -1)
    exact = torch.zeros(leaf.numel(), leaf.numel()).double()
    for value in log_p.flatten():
        (score,) = torch.autograd.grad(value, leaf, retain_graph=True)
        exact += value.exp().detach() * score.T @ score / 12
    spectrum = FisherSpectrum().spectrum(of)
    rebuilt = spectrum.basis @ spectrum.values.diag() @ spectrum.basis.T
    assert torch.allclose(rebuilt, exact, atol=1e-12)


@pytest.mark.parametrize("layer", ["0", "2"])
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("length", [1e-3, 5e-3])
def test_a_step_along_a_direction_diverges_by_half_its_information(
    layer: str, seed: int, length: float
) -> None:
    of = theory(seed=seed, layer=layer)
    spectrum = FisherSpectrum().spectrum(of)
    for i in range(8):
        step = length * spectrum.basis[:, i]
        both = [divergence(of, of.features["weights"] + s * step) for s in (1, -1)]
        for found in both:
            ratio = found / (0.5 * length**2 * float(spectrum.values[i]))
            assert 0.99 <= ratio <= 1.01


@cache
def digits(seed: int) -> tuple[DigitsMLP, dict[str, Tensor]]:
    system = DigitsMLP(seed=seed, widths=(16, 16))
    initial = {name: t.clone() for name, t in system.module.state_dict().items()}
    return system.train(15), initial


@pytest.mark.slow
@pytest.mark.parametrize("layer", ["linear2", "logits"])
@pytest.mark.parametrize("initial", [False, True], ids=["from zero", "from initialisation"])
@pytest.mark.parametrize("seed", [0, 1])
def test_information_times_weight_squared_loses_less_than_information(
    layer: str, initial: bool, seed: int
) -> None:
    from sklearn.datasets import load_digits

    system, start = digits(seed)
    x = torch.tensor(load_digits().data[:200] / 16).float()
    of = capture_weights(system.module, x, layer, (), reference=start if initial else None)
    size = of.features["weights"].shape[1]
    losses = []
    for weighted in (False, True):
        scheme = FisherSpectrum(weighted=weighted)
        near = [
            min(scheme.scale(of).cutoffs, key=lambda c: abs(c - f * size))
            for f in (0.05, 0.1, 0.2, 0.3)
        ]
        losses.append([divergence(of, scheme.coarsen(of, c).lift()["weights"]) for c in near])
    assert all(w < f for f, w in zip(*losses, strict=True)), losses


def test_weighted_values_are_twice_the_divergence_to_second_order() -> None:
    of = theory()
    near = of.features["weights"][0] + 1e-3 * torch.sin(torch.arange(48)).double()
    of = Theory(of.features, attrs={**of.attrs, "reference": near})
    scheme = FisherSpectrum(weighted=True)
    spectrum = scheme.spectrum(of)
    assert spectrum.values.tolist() == sorted(spectrum.values.tolist(), reverse=True)
    for rank in (0, 2, 5):
        predicted = 0.5 * float(spectrum.values[rank:].sum())
        found = divergence(of, scheme.coarsen(of, rank).lift()["weights"])
        assert found == pytest.approx(predicted, rel=0.01)
    assert spectrum.quantity == "Fisher information × coefficient²"


def test_the_weighted_order_is_the_same_directions_anew() -> None:
    of = theory()
    plain, weighted = (FisherSpectrum(weighted=w).spectrum(of) for w in (False, True))
    overlap = (plain.basis.T @ weighted.basis).abs()
    assert torch.allclose(overlap.sort(0).values[-1], torch.ones(48).double())
    coefficients = (weighted.basis.T @ of.features["weights"][0]) ** 2
    known = weighted.values > 1e-12
    information = weighted.values[known] / coefficients[known]
    assert torch.allclose(information.sort().values, plain.values[plain.values > 0].sort().values)


def test_a_regression_has_the_kernel_as_its_information() -> None:
    of = theory()
    found = FisherSpectrum(likelihood="gaussian").spectrum(of)
    assert torch.equal(found.values, KernelSpectrum().spectrum(of).values)
    one = theory(classes=1)
    assert float(FisherSpectrum(likelihood="gaussian").spectrum(one).values[0]) > 0
    with pytest.raises(ParameterError, match="gaussian"):
        FisherSpectrum().spectrum(one)
    with pytest.raises(ParameterError, match="likelihood"):
        FisherSpectrum(likelihood="poisson")  # type: ignore[arg-type]


def test_a_sure_network_has_nothing_to_tell() -> None:
    module = nn.Linear(2, 3, dtype=torch.float64)
    with torch.no_grad():
        module.bias.copy_(torch.tensor([800.0, 0.0, -800.0]))
    of = capture_weights(module, torch.ones(4, 2).double(), "", ())
    assert FisherSpectrum().spectrum(of).values.count_nonzero() == 0
