"""The digits network learns in seconds, the same each time, and stops when told."""

from __future__ import annotations

import math
import threading
from dataclasses import replace

import pytest
import torch
from torch import nn

from rgwidgets.bounds import attack, certify
from rgwidgets.core.errors import Cancelled, ConvergenceError, LayerError, ParameterError
from rgwidgets.core.flow import Flow
from rgwidgets.core.progress import listening
from rgwidgets.core.system import System
from rgwidgets.schemes.activation_spectrum import ActivationSpectrum
from rgwidgets.systems.capture import capture
from rgwidgets.systems.networks.mlp import DigitsMLP, digits
from rgwidgets.systems.networks.observables import logit_difference


@pytest.fixture(scope="module")
def trained() -> DigitsMLP:
    return DigitsMLP().train()


def weights(system: DigitsMLP) -> torch.Tensor:
    return nn.utils.parameters_to_vector(system.module.parameters()).detach().clone()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_names_97_to_98_of_100_digits_that_it_has_not_seen(seed: int) -> None:
    system = DigitsMLP(seed=seed).train(30)
    assert 0.97 <= system.test_accuracy <= 0.99
    assert system.history[-1].accuracy == system.test_accuracy
    assert system.history[-1].loss < 0.1 < system.history[0].loss
    assert [epoch.number for epoch in system.history] == list(range(1, 31))


def test_an_untrained_network_guesses() -> None:
    system = DigitsMLP()
    assert system.test_accuracy < 0.3
    loss = system.theory().observe()["loss"].value
    assert math.log(10) - 0.5 < loss < math.log(10) + 2


def test_the_split_is_fixed_and_the_inputs_scaled() -> None:
    images, labels, test_images, test_labels = digits()
    assert (len(images), len(test_images)) == (1437, 360)
    assert (float(images.min()), float(images.max())) == (0.0, 1.0)
    assert set(labels.tolist()) == set(test_labels.tolist()) == set(range(10))
    assert torch.equal(digits()[2], test_images)


def test_training_is_reproducible_and_leaves_torch_s_random_state_alone() -> None:
    before = torch.get_rng_state()
    a, b = DigitsMLP(seed=3).train(2), DigitsMLP(seed=3).train(2)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(weights(a), weights(b))
    assert not torch.equal(weights(a), weights(DigitsMLP(seed=4).train(2)))
    a.reset()
    assert a.history == []
    assert torch.equal(weights(a.train(2)), weights(b))


def test_progress_runs_from_0_to_1() -> None:
    heard: list[float] = []
    with listening(lambda fraction, label: heard.append(fraction or 0.0)):
        DigitsMLP().train(2)
    assert heard == sorted(heard)
    assert (heard[0], heard[-1]) == (0.0, 1.0)
    assert len(heard) > 40


def test_a_cancelled_training_keeps_the_last_whole_epoch_and_can_go_on() -> None:
    system, other = DigitsMLP(), DigitsMLP()
    other.step(2)

    def stop(fraction: float | None, label: str) -> None:
        if len(system.history) == 2 and (fraction or 0) > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled), listening(stop):
        system.step(4)
    assert len(system.history) == 2
    assert torch.equal(weights(system), weights(other))
    system.step()
    other.step()
    assert torch.equal(weights(system), weights(other))


def test_a_diverging_training_keeps_the_last_good_weights() -> None:
    system = DigitsMLP()
    system.images = system.images * math.nan
    before = weights(system)
    with pytest.raises(ConvergenceError, match="learning rate"):
        system.train(1)
    assert torch.equal(weights(system), before)


def test_a_theory_does_not_change_while_training_goes_on() -> None:
    system = DigitsMLP()
    theory = system.theory(n=20)
    before = theory.observe()
    system.train(1)
    assert theory.observe() == before
    assert system.theory(n=20).observe()["loss"].value < before["loss"].value


def test_it_can_be_looked_at_while_another_thread_trains() -> None:
    system = DigitsMLP()
    thread = threading.Thread(target=system.train, args=(4,))
    thread.start()
    values = []
    while thread.is_alive():
        values.append(system.theory(n=16).observe()["loss"].value)
    thread.join()
    assert all(math.isfinite(v) for v in values)


@pytest.mark.parametrize(
    "layer, width",
    [
        ("linear1", 64),
        ("hidden1", 64),
        ("linear2", 32),
        ("hidden2", 32),
        ("logits", 10),
    ],
)
def test_every_layer_can_be_looked_at(trained: DigitsMLP, layer: str, width: int) -> None:
    theory = trained.theory(layer=layer, n=100)
    assert theory.features["activation"].shape == (100, width)
    names = {"loss", "accuracy", "logit 3 − 8"}
    assert set(theory.observe()) == names
    assert theory.observe()["accuracy"].value > 0.95
    effective = ActivationSpectrum(steps=3, restarts=2).coarsen(theory, 5)
    for name in names:
        influence = effective.bounds[name]
        assert influence.certificate.kind == "proved"
        assert influence.attack.value <= influence.certificate.value


def test_the_average_says_little_of_the_worst_case(trained: DigitsMLP) -> None:
    influence = ActivationSpectrum().coarsen(trained.theory(), 24).bounds["loss"]
    assert influence.average.value < 0.03
    assert influence.attack.value > 5 * influence.average.value
    assert influence.certificate.value < 2 * influence.attack.value


def test_a_flow_finds_the_coarsest_rank_in_budget_by_each_number(trained: DigitsMLP) -> None:
    flow = Flow(
        trained.theory(n=64),
        ActivationSpectrum(steps=4, restarts=3),
        cutoffs=(64, 48, 32, 24, 16, 8, 0),
    )
    budget = {"loss": 0.8}
    chosen = [flow.cutoff(budget, by=by) for by in ("average", "attack", "certificate")]
    assert chosen == sorted(chosen)
    assert 0 < chosen[0] < chosen[-1] < 64


@pytest.mark.parametrize(
    "options",
    [
        {"widths": ()},
        {"widths": (0,)},
        {"widths": (64, -1)},
        {"widths": 64},
        {"widths": (10**6,)},
        {"seed": -1},
        {"seed": 0.5},
        {"learning_rate": 0.0},
        {"learning_rate": math.nan},
        {"learning_rate": 2},
        {"learning_rate": "fast"},
        {"batch_size": 0},
        {"batch_size": True},
    ],
)
def test_bad_hyper_parameters_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ParameterError, match=next(iter(options))):
        DigitsMLP(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("epochs", [0, -1, 1.5, None])
def test_epochs_are_whole_numbers(epochs: object) -> None:
    with pytest.raises(ParameterError, match="epochs"):
        DigitsMLP().train(epochs)  # type: ignore[arg-type]


def test_what_a_theory_cannot_be_made_of_is_refused(trained: DigitsMLP) -> None:
    with pytest.raises(LayerError, match="did you mean 'hidden1'"):
        trained.theory(layer="hiden1")
    with pytest.raises(ParameterError, match="1 to 360"):
        trained.theory(n=361)
    with pytest.raises(ParameterError, match="two different"):
        trained.theory(classes=(3, 3))


def test_it_is_a_system_with_a_source() -> None:
    assert issubclass(DigitsMLP, System)
    assert DigitsMLP.name == "digits"
    assert "1998" in DigitsMLP.citation


@pytest.mark.parametrize("discarded", [8, 32, 64])
def test_crown_is_within_the_reference_ratios_of_the_attack(
    trained: DigitsMLP, discarded: int
) -> None:
    """On three layers, from the input on: 1.09 at radius 0.1 and 1.36 at 0.3, or better."""
    module = nn.Sequential(nn.Identity(), *trained.module)
    theory = capture(module, trained.test_images[:96], "0", logit_difference(3, 8))
    observable = theory.observables[0]
    fibre = ActivationSpectrum().coarsen(theory, 64 - discarded).attrs["fibre"]
    for radius, reference in ((0.1, 1.09), (0.3, 1.36)):
        at = replace(fibre, ball=radius)
        ratio = float(certify(at, observable).mean() / attack(at, observable).change.mean())
        assert 1.0 <= ratio <= reference
