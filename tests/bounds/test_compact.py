"""What is proved of all inputs is never above what the network does on each of them."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from rgwidgets.bounds.circuits import Circuits
from rgwidgets.bounds.compact import STRATEGIES, guarantee
from rgwidgets.bounds.operations import Operations
from rgwidgets.core.errors import ParameterError, ShapeError
from rgwidgets.systems.networks.max_of_k import MaxOfK, OneHead, every_input

EVERY = pytest.mark.parametrize("strategy", STRATEGIES)


def random_network(seed: int, v: int, k: int, scale: float) -> OneHead:
    """Weights of very unequal sizes."""
    generator = torch.Generator().manual_seed(seed)
    network = OneHead(v, k, 6, generator)
    for weight in network.parameters():
        weight.data *= scale * float(torch.rand((), generator=generator) + 0.1)
    return network


def counting(v: int = 6, k: int = 3, steep: float = 8.0) -> OneHead:
    """By hand: attends to a token by its number, and copies it."""
    network = OneHead(v, k, v, torch.Generator().manual_seed(0))
    with torch.no_grad():
        for weight in network.parameters():
            weight.zero_()
        network.query[:, 0], network.key[:, 0] = steep * math.sqrt(v), torch.arange(v)
        for identity in (network.embed, network.value, network.unembed):
            identity.copy_(torch.eye(v))
        network.output.copy_(5 * torch.eye(v))
    return network


def right(network: OneHead, tokens: Tensor, scores: Tensor | None = None) -> Tensor:
    """By running it in double precision; strictly the largest."""
    exact = copy.deepcopy(network).double()
    with torch.no_grad():
        logits = exact(tokens) if scores is None else exact.logits(tokens, scores)
    two = logits.topk(2, dim=1)
    return (two.indices[:, 0] == tokens.amax(1)) & (two.values[:, 0] > two.values[:, 1])


def all_inputs(v: int, k: int) -> Tensor:
    return torch.cat(list(every_input(v, k)))


@given(
    seed=st.integers(0, 10**6),
    v=st.integers(2, 6),
    k=st.integers(2, 4),
    scale=st.sampled_from([0.1, 1.0, 4.0, 30.0, 300.0]),
)
@settings(max_examples=25, deadline=None)
def test_what_is_proved_right_of_random_networks_is_right(
    seed: int, v: int, k: int, scale: float
) -> None:
    network, tokens = random_network(seed, v, k, scale), all_inputs(v, k)
    circuits, truth = Circuits.of(network), right(network, tokens)
    rank = seed % (len(circuits.values) + 1)
    for head in (circuits, circuits.cut(rank)):
        by_hand = guarantee(head, "brute force").holds(tokens)
        assert not bool((by_hand & ~truth).any())
        for strategy in STRATEGIES:
            found = guarantee(head, strategy)
            holds = found.holds(tokens)
            assert int(holds.sum()) == found.proved
            assert not bool((holds & ~by_hand).any())


@given(seed=st.integers(0, 10**6), scale=st.sampled_from([0.3, 1.0, 3.0]))
@settings(max_examples=25, deadline=None)
def test_what_is_proved_of_a_cut_holds_of_every_head_that_is_as_close(
    seed: int, scale: float
) -> None:
    network, tokens = random_network(seed, 5, 3, scale), all_inputs(5, 3)
    with torch.no_grad():  # a head that counts, so that something is proved
        network = counting(5) if seed % 2 else network
        for weight in network.parameters():
            weight += 0.1 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed))
    cut = Circuits.of(network).cut(seed % 5)
    generator = torch.Generator().manual_seed(seed)
    shape, at = cut.low.shape, (tokens[:, -1:], tokens)
    for strategy in STRATEGIES:
        holds = guarantee(cut, strategy).holds(tokens)
        for _ in range(5):
            share = torch.rand(shape, generator=generator, dtype=torch.float64)
            for mix in (share, share.round()):
                scores = (cut.low + mix * (cut.high - cut.low))[at]
                assert not bool((holds & ~right(network, tokens, scores[..., None])).any())


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_of_two_tokens_what_is_right_by_a_hair_is_proved_and_what_is_wrong_by_one_is_not(
    noise: float,
) -> None:
    """One wrong output, and it is known which scores help it: without noise, ln 6 is the hair."""
    tokens, changed = all_inputs(2, 5), set()
    for steep in torch.linspace(1.72, 1.92, 16).tolist():
        network = counting(2, 5, steep)
        with torch.no_grad():
            network.query[:, 1] = network.key[:, 1] = noise * torch.tensor([1.0, -1.0])
        cut, at = Circuits.of(network).cut(1 if noise else 2), (tokens[:, -1:], tokens)
        truth = right(
            network, tokens, torch.where(tokens == 1, cut.low[at], cut.high[at])[..., None]
        )
        changed.add(int(truth.sum()))
        assert torch.equal(guarantee(cut, "brute force").holds(tokens), truth)
        for strategy in ("cubic", "quadratic"):
            holds = guarantee(cut, strategy).holds(tokens)
            assert not bool((holds & ~truth).any())
            assert int(holds.sum()) >= int(truth.sum()) - (4 if strategy == "cubic" else 0)
    assert len(changed) > 1


def test_the_network_itself_is_among_the_heads_of_each_cut() -> None:
    network, tokens = MaxOfK(vocabulary=9, length=3, width=7).train(30).module, all_inputs(9, 3)
    circuits, at = Circuits.of(network), (tokens[:, -1:], tokens)
    exact = copy.deepcopy(network).double()
    own = exact.scores(tokens).sum(-1)
    before = math.inf
    for rank in range(8):
        cut = circuits.cut(rank)
        middle, reach = (cut.low + cut.high)[at] / 2, (cut.high - cut.low)[at] / 2
        off = own - middle
        off = off - off[:, -1:]  # what is common to a row does not matter
        assert bool((off.abs() <= reach + reach[:, -1:]).all())
        assert float(reach.max()) <= before
        before = float(reach.max())
    assert before < 1e-9


@EVERY
def test_a_head_that_counts_and_copies_is_proved_right_on_every_input(strategy: str) -> None:
    found = guarantee(Circuits.of(counting()), strategy)
    assert (found.proved, found.inputs, found.accuracy) == (216, 216, 1.0)


@EVERY
def test_a_tie_is_not_right(strategy: str) -> None:
    network = counting()
    with torch.no_grad():
        network.unembed[:, 4] = network.unembed[:, 5]  # 4 and 5 have one logit
    found = guarantee(Circuits.of(network), strategy)
    assert found.proved == 4**3  # no input in which one of the two is the largest


@EVERY
def test_a_lead_below_rounding_proves_nothing(strategy: str) -> None:
    network = counting().double()
    with torch.no_grad():
        network.unembed[:, 4] = network.unembed[:, 5] * (1 - 2**-52)
    holds = guarantee(Circuits.of(network), strategy).holds
    assert bool(right(network, torch.tensor([[5, 5, 5]])))
    assert not bool(holds(torch.tensor([[5, 5, 5]])))


@pytest.fixture(scope="module")
def trained() -> MaxOfK:
    return MaxOfK(vocabulary=16).train(300)


def test_brute_force_loses_nothing(trained: MaxOfK) -> None:
    for system in (trained, MaxOfK(vocabulary=10, length=3).train(20)):
        found = guarantee(Circuits.of(system.module), "brute force")
        assert found.accuracy == system.accuracy()


def test_longer_proofs_prove_more(trained: MaxOfK) -> None:
    proofs = [guarantee(Circuits.of(trained.module), s) for s in STRATEGIES]
    assert list(STRATEGIES) == ["brute force", "cubic", "quadratic"]
    assert [p.operations for p in proofs] == sorted((p.operations for p in proofs), reverse=True)
    brute, cubic, quadratic = (p.accuracy for p in proofs)
    assert brute == trained.accuracy() > 0.999
    assert 0.99 < cubic < brute
    assert 0.85 < quadratic < cubic


@pytest.mark.parametrize("strategy, power", [("brute force", 4), ("cubic", 3), ("quadratic", 2)])
def test_the_length_grows_as_the_strategy_says(strategy: str, power: float) -> None:
    small, large = (12, 24) if strategy == "brute force" else (48, 96)
    lengths = [
        guarantee(Circuits.of(random_network(0, v, 3, 1.0)), strategy).operations
        for v in (small, large)
    ]
    found = math.log2(lengths[1] / lengths[0])
    assert power - 0.6 < found < power + 0.3  # histograms and logarithms beside the leading power


def test_an_untrained_network_has_little_to_prove() -> None:
    system = MaxOfK(vocabulary=10, length=3)
    cubic = guarantee(Circuits.of(system.module), "cubic")
    assert cubic.accuracy < 0.5 * system.accuracy()


def test_operations_are_counted() -> None:
    a, b = torch.ones(2, 3), torch.ones(3, 5)
    for work, count in (
        (lambda: a @ b, 60),
        (lambda: a + 1, 6),
        (lambda: a.sum(), 6),
        (lambda: a.T[0], 0),
        (lambda: b.topk(2, dim=1), 15),
    ):
        with Operations() as counted:
            work()
        assert counted.count == count


class Rectified(OneHead):
    """Not what its weights say."""

    def logits(self, tokens: Tensor, scores: Tensor) -> Tensor:
        return super().logits(tokens, scores).relu()


def spoilt(change: Callable[[OneHead], object]) -> OneHead:
    network = OneHead(5, 3, 4, torch.Generator().manual_seed(0))
    change(network)
    return network


def test_nothing_is_proved_of_a_network_that_computes_something_else() -> None:
    with pytest.raises(ParameterError, match="off its tables"):
        Circuits.of(Rectified(5, 3, 4, torch.Generator().manual_seed(0)))


@pytest.mark.parametrize(
    "network",
    [
        nn.Linear(3, 3),
        None,
        spoilt(lambda n: n.embed.data.fill_(math.nan)),
        spoilt(lambda n: n.key.data.fill_(math.inf)),
        spoilt(lambda n: setattr(n, "unembed", nn.Parameter(torch.ones(4, 6)))),
        spoilt(lambda n: setattr(n, "position", nn.Parameter(torch.ones(4)))),
    ],
)
def test_what_is_no_such_network_is_refused(network: object) -> None:
    with pytest.raises(ShapeError, match="network"):
        Circuits.of(network)


def test_bad_ranks_strategies_and_tokens_are_refused() -> None:
    circuits = Circuits.of(counting())
    for rank in (-1, 7, 1.5):
        with pytest.raises(ParameterError, match="rank"):
            circuits.cut(rank)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="did you mean 'cubic'"):
        guarantee(circuits, "cubical")
    holds = guarantee(circuits).holds
    for tokens in (
        [[0, 1, 2]],
        torch.zeros(2, 4).long(),
        torch.zeros(2, 3),
        torch.tensor([[6] * 3]),
    ):
        with pytest.raises(ShapeError, match="tokens"):
            holds(tokens)  # type: ignore[arg-type]
