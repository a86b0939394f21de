"""A one-head transformer learns in seconds to name the largest token."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from rgwidgets.core.errors import Cancelled, ConvergenceError, ParameterError
from rgwidgets.core.progress import listening
from rgwidgets.systems.networks.max_of_k import MaxOfK, OneHead, every_input

SMALL = {"vocabulary": 8, "length": 3, "width": 16}


def weights(system: MaxOfK) -> Tensor:
    return nn.utils.parameters_to_vector(system.module.parameters()).detach().clone()


@pytest.mark.parametrize("seed", [0, 1])
def test_of_64_tokens_it_names_the_largest_of_four_in_all_but_one_of_a_thousand(seed: int) -> None:
    system = MaxOfK(seed=seed).train(400)
    assert system.theory(n=20_000).observe()["accuracy"].value > 0.999
    assert len(system.history) == 400
    assert system.history[-1] < 0.05 < math.log(64) - 0.5 < system.history[0]


def test_an_untrained_network_guesses() -> None:
    assert MaxOfK(vocabulary=16, length=3).accuracy() < 0.3


@pytest.mark.parametrize("length", [2, 3, 5])
def test_the_network_is_attention_as_torch_computes_it(length: int) -> None:
    generator = torch.Generator().manual_seed(length)
    net = OneHead(7, length, 12, generator).double()
    tokens = torch.randint(7, (50, length), generator=generator)
    x = net.embed[tokens] + net.position
    query, key, value = x[:, -1:] @ net.query, x @ net.key, x @ net.value
    head = nn.functional.scaled_dot_product_attention(query, key, value)[:, 0] @ net.output
    assert torch.allclose(net(tokens), (x[:, -1] + head) @ net.unembed, atol=1e-12)


def test_training_is_reproducible_and_leaves_torch_s_random_state_alone() -> None:
    before = torch.get_rng_state()
    a, b = MaxOfK(seed=3, **SMALL).train(5), MaxOfK(seed=3, **SMALL).train(5)
    a.theory()
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(weights(a), weights(b))
    assert not torch.equal(weights(a), weights(MaxOfK(seed=4, **SMALL).train(5)))
    a.reset()
    assert a.history == []
    assert torch.equal(weights(a.train(5)), weights(b))


def test_the_accuracy_over_all_inputs_is_that_of_the_theory_of_all() -> None:
    system = MaxOfK(**SMALL).train(40)
    theory = system.theory()
    assert len(set(map(tuple, theory.features["tokens"].tolist()))) == 512
    assert theory.observe()["accuracy"].value == pytest.approx(system.accuracy(), abs=1e-12)
    assert 0.3 < system.accuracy() < 1


def test_where_there_are_more_inputs_than_asked_for_they_are_drawn_the_same_each_time() -> None:
    system = MaxOfK(seed=2)
    tokens = system.theory(n=1000).features["tokens"]
    assert tokens.shape == (1000, 4)
    assert set(tokens.flatten().tolist()) == set(range(64))
    assert torch.equal(tokens, system.theory(n=1000).features["tokens"])


def test_every_input_comes_once_whatever_the_chunks() -> None:
    chunks = list(every_input(16, 4))
    assert len(chunks) == 2
    numbers = torch.cat(chunks) @ torch.tensor([16**3, 16**2, 16, 1])
    assert torch.equal(numbers, torch.arange(16**4))


def test_a_theory_does_not_change_while_training_goes_on() -> None:
    system = MaxOfK(**SMALL)
    theory = system.theory()
    before = theory.observe()
    system.train(50)
    assert theory.observe() == before
    assert system.theory().observe()["accuracy"].value > before["accuracy"].value


def test_a_cancelled_training_keeps_the_last_whole_step_and_can_go_on() -> None:
    system, other = MaxOfK(**SMALL), MaxOfK(**SMALL)
    other.step(3)

    def stop(fraction: float | None, label: str) -> None:
        if len(system.history) == 3:
            raise Cancelled

    with pytest.raises(Cancelled), listening(stop):
        system.step(9)
    assert torch.equal(weights(system), weights(other))
    system.step()
    other.step()
    assert torch.equal(weights(system), weights(other))


def test_a_diverging_training_is_reported() -> None:
    system = MaxOfK(**SMALL)
    with torch.no_grad():
        system.module.unembed.fill_(math.inf)
    with pytest.raises(ConvergenceError, match="learning rate"):
        system.train(1)
    assert system.history == []


def test_progress_runs_from_0_to_1() -> None:
    heard: list[float] = []
    with listening(lambda fraction, label: heard.append(fraction or 0.0)):
        MaxOfK(**SMALL).train(10)
    assert heard == sorted(heard)
    assert (heard[0], heard[-1], len(heard)) == (0.0, 1.0, 11)


@pytest.mark.parametrize(
    "options",
    [
        {"vocabulary": 1},
        {"vocabulary": 129},
        {"length": 1},
        {"length": 6},
        {"width": 0},
        {"seed": -1},
        {"batch_size": 1},
        {"learning_rate": 0.0},
        {"learning_rate": math.nan},
    ],
)
def test_bad_parameters_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ParameterError, match=next(iter(options))):
        MaxOfK(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [0, -1, 1.5, True])
def test_bad_numbers_of_steps_and_inputs_are_refused(number: int) -> None:
    system = MaxOfK(**SMALL)
    with pytest.raises(ParameterError, match="steps"):
        system.train(number)
    with pytest.raises(ParameterError, match="n: got"):
        system.theory(n=number)
