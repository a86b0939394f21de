"""How much of a head's mechanism is used, and what that leaves to an adversary and to a proof."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from rgwidgets.bounds.circuits import Circuits
from rgwidgets.bounds.compact import guarantee
from rgwidgets.core.errors import CutoffError, ParameterError
from rgwidgets.core.flow import Flow, RecordedFlow
from rgwidgets.core.theory import Observable, Theory
from rgwidgets.schemes.circuit_spectrum import CircuitSpectrum
from rgwidgets.systems.networks.max_of_k import MaxOfK
from rgwidgets.systems.networks.observables import accuracy, loss

RANKS = (8, 7, 4, 2, 1, 0)


@pytest.fixture(scope="module")
def system() -> MaxOfK:
    return MaxOfK(vocabulary=12, length=3, width=8).train(300)


@pytest.fixture(scope="module")
def theory(system: MaxOfK) -> Theory:
    return system.theory()


def test_the_scale_is_the_rank_from_all_directions_to_none(theory: Theory) -> None:
    scale = CircuitSpectrum().scale(theory)
    assert scale.cutoffs == tuple(map(float, range(8, -1, -1)))
    assert scale.direction == "decreasing"
    with pytest.raises(CutoffError, match="rank r: got 9"):
        CircuitSpectrum().coarsen(theory, 9)


def test_the_directions_are_the_singular_ones_of_the_scores(theory: Theory) -> None:
    network = theory.attrs["network"]
    queries = (network.embed + network.position[-1]) @ network.query / 8**0.5
    table = queries @ (network.embed @ network.key).T
    u, values, v = torch.linalg.svd(table)
    tokens = theory.features["tokens"]
    for rank in RANKS:
        effective = CircuitSpectrum().coarsen(theory, rank)
        assert effective.relevance is not None
        assert effective.relevance.values == pytest.approx(values[:8].tolist(), abs=1e-9)
        cut = (u[:, :rank] * values[:rank]) @ v[:rank]
        assert effective.features["scores"].shape == (*tokens.shape, rank)
        summed = effective.features["scores"].sum(-1)
        assert torch.allclose(summed, cut[tokens[:, -1:], tokens], atol=1e-9)


def test_all_directions_leave_the_theory_as_it_is(theory: Theory) -> None:
    effective = CircuitSpectrum().coarsen(theory, 8)
    assert effective.observe() == theory.observe()
    assert effective.lift()["scores"] is theory.features["scores"]
    assert effective.bounds["accuracy"].certificate.value == 0


def test_cutting_twice_is_cutting_once(theory: Theory) -> None:
    scheme = CircuitSpectrum()
    twice, once = scheme.coarsen(scheme.coarsen(theory, 4), 2), scheme.coarsen(theory, 2)
    assert torch.equal(twice.features["scores"], once.features["scores"])
    assert twice.bounds["accuracy"] == once.bounds["accuracy"]
    assert scheme.scale(scheme.coarsen(theory, 4)).cutoffs == (4, 3, 2, 1, 0)


@pytest.mark.parametrize("strategy", ["brute force", "cubic", "quadratic"])
def test_average_is_at_most_attack_is_at_most_certificate_for_each_input(
    theory: Theory, strategy: str
) -> None:
    for level in Flow(theory, CircuitSpectrum(strategy=strategy), cutoffs=RANKS[1:]):
        found = level.bounds["accuracy"]
        assert found.certificate.kind == "proved"
        each = [b.each for b in (found.average, found.attack, found.certificate)]
        assert all(e is not None and len(e) == 12**3 for e in each)
        assert bool((each[0] <= each[1]).all() and (each[1] <= each[2]).all())  # type: ignore[operator]


def test_on_all_inputs_the_certificate_is_what_is_not_proved(theory: Theory) -> None:
    effective = CircuitSpectrum().coarsen(theory, 2)
    proved = guarantee(Circuits.of(theory.attrs["network"]).cut(2))
    found = effective.bounds["accuracy"].certificate
    assert found.mean == pytest.approx(1 - proved.accuracy, abs=1e-12)
    assert 0.5 < proved.accuracy < 1
    assert str(proved) in found.how


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_where_the_mechanism_is_right_brute_force_and_attack_meet(
    theory: Theory, rank: int
) -> None:
    effective = CircuitSpectrum(strategy="brute force").coarsen(theory, rank)
    found = effective.bounds["accuracy"]
    alone = effective.samples("accuracy").bool()
    attacked, open_ = (torch.as_tensor(b.each)[alone] for b in (found.attack, found.certificate))
    assert torch.equal(attacked, open_)
    assert len(attacked) > 0.9 * 12**3
    assert rank > 1 or 0 < float(attacked.mean()) < 1


def test_one_direction_is_right_on_average_and_open_to_an_adversary() -> None:
    """The first direction is the number of a token; the rest is noise that a proof must bear."""
    theory = MaxOfK(vocabulary=32).train(400).theory(n=1000)
    effective = CircuitSpectrum().coarsen(theory, 1)
    relevance, found = effective.relevance, effective.bounds["accuracy"]
    assert relevance is not None
    assert relevance.values[0] > 10 * relevance.values[1]
    assert effective.observe()["accuracy"].value > 0.99
    assert found.average.value < 0.01
    assert found.attack.mean > 3 * found.average.value
    assert found.attack.mean < found.certificate.mean < 0.5


def test_longer_proofs_leave_less_open(theory: Theory) -> None:
    left = [
        CircuitSpectrum(strategy=s).coarsen(theory, 2).bounds["accuracy"].certificate.mean
        for s in ("brute force", "cubic", "quadratic")
    ]
    assert left == sorted(left)
    assert left[0] < left[2]


def test_a_proof_that_the_network_contradicts_is_withdrawn(
    theory: Theory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def boasting(circuits: Circuits, strategy: str) -> object:
        found = guarantee(circuits, strategy)
        return replace(found, member=lambda tokens: torch.ones(len(tokens), dtype=torch.bool))

    monkeypatch.setattr("rgwidgets.schemes.circuit_spectrum.guarantee", boasting)
    found = CircuitSpectrum().coarsen(theory, 0).bounds["accuracy"]
    assert found.certificate.kind == "none"
    assert found.certificate.how.startswith("withdrawn: the ")
    assert found.attack.mean > 0.5


def test_of_other_observables_nothing_is_proved(theory: Theory) -> None:
    network, tokens = theory.attrs["network"], theory.features["tokens"]
    others = [
        loss(tokens.amax(1)),
        accuracy(tokens.amin(1), name="accuracy of the smallest"),
    ]
    tied = tuple(o.through(lambda f: network.logits(f["tokens"], f["scores"])) for o in others)
    spread = Observable(
        "spread",
        lambda f: torch.stack([f["scores"].sum((1, 2)) ** k for k in (1, 2)], 1),
        reduce=lambda m: m[1] - m[0] ** 2,
    )
    effective = CircuitSpectrum().coarsen(replace(theory, observables=(*tied, spread)), 2)
    for name in ("loss", "accuracy of the smallest"):
        found = effective.bounds[name]
        assert found.certificate.how == "only the accuracy in naming the largest token is proved"
        assert found.attack.value > 0
    assert "ensemble" in effective.bounds["spread"].attack.how


def test_what_is_drawn_is_the_same_for_the_same_seed(theory: Theory) -> None:
    before = torch.get_rng_state()
    bounds = [CircuitSpectrum(seed=s).coarsen(theory, 1).bounds["accuracy"] for s in (0, 0, 1)]
    a, b, c = (torch.as_tensor(found.resample.each) for found in bounds)
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_record_keeps_what_is_proved_of_all_inputs(theory: Theory) -> None:
    flow = Flow(theory, CircuitSpectrum(), cutoffs=(8, 2))
    found = RecordedFlow(flow.to_xarray()).level(2).influences["accuracy"].certificate
    kept = flow[2].bounds["accuracy"].certificate
    assert torch.equal(found.each, kept.each)
    assert "of all 1,728 inputs" in found.how


def test_other_theories_and_strategies_are_refused(theory: Theory) -> None:
    with pytest.raises(ParameterError, match="MaxOfK"):
        CircuitSpectrum().scale(Theory({"activation": torch.ones(3, 2)}))
    with pytest.raises(ParameterError, match="MaxOfK"):
        CircuitSpectrum().scale(replace(theory, attrs={}))
    with pytest.raises(ParameterError, match="strategy"):
        CircuitSpectrum(strategy="linear")
    with pytest.raises(ParameterError, match="seed"):
        CircuitSpectrum(seed=-1)
