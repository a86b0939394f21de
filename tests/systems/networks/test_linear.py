"""The deep linear network is what its matrices say."""

from __future__ import annotations

import pytest
import torch

from rgwidgets.core.errors import LayerError, ParameterError
from rgwidgets.schemes.activation_spectrum import ActivationSpectrum
from rgwidgets.schemes.gradient_spectrum import GradientSpectrum
from rgwidgets.systems.networks.linear import DeepLinear


@pytest.mark.parametrize("widths", [(4, 2), (8, 6, 3), (10, 12, 9, 5, 2)])
@pytest.mark.parametrize("seed", [0, 5])
def test_the_observable_is_linear_in_every_layer(widths: tuple[int, ...], seed: int) -> None:
    system = DeepLinear(widths=widths, seed=seed, samples=20)
    for layer in [f"linear{i}" for i in range(1, len(widths))]:
        theory = system.theory(layer=layer)
        x = theory.features["activation"].double()
        assert torch.allclose(
            theory.samples("logit 0 − 1").double(), x @ system.weights(layer), atol=1e-5
        )


@pytest.mark.parametrize("rank", [0, 3, 9, 15])
def test_every_number_of_a_cut_is_known_in_closed_form(rank: int) -> None:
    system = DeepLinear(widths=(20, 16, 3), samples=64)
    effective = ActivationSpectrum().coarsen(system.theory(), rank)
    fibre = effective.attrs["fibre"]
    along = fibre.basis.T @ system.weights("linear1")
    influence = effective.bounds["logit 0 − 1"]
    exact = fibre.radius * float(along.norm())
    assert influence.attack.value == pytest.approx(exact, rel=1e-6)
    assert influence.certificate.value == pytest.approx(exact, rel=1e-6)
    assert influence.average.value == pytest.approx(
        float((fibre.own @ along).abs().mean()), rel=1e-5
    )


def test_one_direction_is_enough_for_a_linear_observable() -> None:
    effective = GradientSpectrum().coarsen(DeepLinear().theory(), 1)
    assert effective.bounds["logit 0 − 1"].certificate.value < 1e-5
    assert effective.bounds["logit 0 − 1"].average.value < 1e-5


def test_it_is_reproducible_and_leaves_torch_s_random_state_alone() -> None:
    before = torch.get_rng_state()
    a, b, c = DeepLinear(seed=1), DeepLinear(seed=1), DeepLinear(seed=2)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(a.inputs, b.inputs)
    assert torch.equal(a.module[0].weight, b.module[0].weight)
    assert not torch.equal(a.module[0].weight, c.module[0].weight)


@pytest.mark.parametrize(
    "options",
    [
        {"widths": (4,)},
        {"widths": (4, 1)},
        {"widths": (0, 2)},
        {"widths": (2.5, 2)},
        {"samples": 0},
        {"spread": 0.5},
        {"spread": float("nan")},
        {"spread": float("inf")},
    ],
)
def test_bad_parameters_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ParameterError, match=next(iter(options))):
        DeepLinear(**options)  # type: ignore[arg-type]


def test_a_layer_that_does_not_exist_names_the_nearest() -> None:
    with pytest.raises(LayerError, match="did you mean 'linear2'"):
        DeepLinear().weights("liner2")
