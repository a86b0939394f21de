"""Belief propagation is exact, and the class is lost where the mean field says."""

import math

import pytest
import torch

from rgwidgets.core.errors import ParameterError, ShapeError
from rgwidgets.core.progress import listening
from rgwidgets.toy import belief_propagation
from rgwidgets.toy.belief_propagation import infer, mean_field, transition
from rgwidgets.toy.grammar import Grammar

SIZES = [
    {"classes": 3, "vocabulary": 3, "rules": 2, "branching": 2, "depth": 3},
    {"classes": 2, "vocabulary": 4, "rules": 3, "branching": 2, "depth": 2},
    {"classes": 5, "vocabulary": 4, "rules": 2, "branching": 3, "depth": 2},
    {"classes": 2, "vocabulary": 2, "rules": 2, "branching": 2, "depth": 3},
    {"classes": 4, "vocabulary": 5, "rules": 1, "branching": 4, "depth": 2},
    {"classes": 6, "vocabulary": 3, "rules": 1, "branching": 2, "depth": 1},
]


def brute_force(grammar, evidence):
    """Weigh every string there is: marginals of each level, ln of the mean weight."""
    strings = grammar.strings(grammar.depth)
    hot = torch.nn.functional.one_hot(strings, grammar.vocabulary).bool()
    chosen = torch.where(hot, evidence.log()[:, None], 0.0).sum((2, 3))
    weights = chosen.softmax(1)
    levels = [
        torch.einsum("nk,kia->nia", weights, torch.nn.functional.one_hot(h, count).double())
        for h, count in zip(grammar.parse(strings), grammar.symbols, strict=True)
    ]
    return levels, chosen.logsumexp(1) - math.log(len(strings))


def seen(grammar, kind, n=5):
    """Likelihoods of leaves that something was seen of."""
    generator = torch.Generator().manual_seed(7)
    shape = (n, grammar.leaves, grammar.vocabulary)
    noise = torch.rand(shape, generator=generator, dtype=torch.float64)
    classes = torch.randint(grammar.classes, (n,), generator=generator)
    clean = grammar.expand(classes, generator)[-1]
    clean = torch.nn.functional.one_hot(clean, grammar.vocabulary).double()
    erased = torch.rand((n, grammar.leaves, 1), generator=generator) < 0.5
    return {
        "random": noise,
        "noisy": 0.7 * clean + 0.3 / grammar.vocabulary,
        "erased": clean.masked_fill(erased, 1.0),
        "partly impossible": torch.maximum(clean, noise * (noise > 0.5)),
        "nearly impossible": torch.where(clean > 0, 1e-290 * noise, 1e-300),
        "nothing": torch.ones(shape, dtype=torch.float64),
        "clean": clean,
    }[kind]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "-".join(map(str, size.values())))
@pytest.mark.parametrize(
    "kind",
    ["random", "noisy", "erased", "partly impossible", "nearly impossible", "nothing", "clean"],
)
def test_posteriors_are_those_of_brute_force(size, kind):
    grammar = Grammar(**size, seed=2)
    evidence = seen(grammar, kind)
    levels, log_evidence = brute_force(grammar, evidence)
    found = infer(grammar.productions, evidence)
    for posterior, expected in zip(found.levels, levels, strict=True):
        torch.testing.assert_close(posterior, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(found.log_evidence, log_evidence, rtol=1e-13, atol=1e-12)


def test_probabilities_sum_to_one_however_deep_the_tree():
    grammar = Grammar(classes=8, vocabulary=8, rules=4, branching=2, depth=9, seed=0)
    found = infer(grammar.productions, seen(grammar, "noisy", n=2))
    for level in found.levels:
        torch.testing.assert_close(level.sum(-1), torch.ones(level.shape[:2]).double())


def test_data_are_inferred_in_pieces_alike(monkeypatch):
    grammar = Grammar(**SIZES[0], seed=1)
    evidence = seen(grammar, "random", n=9)
    whole = infer(grammar.productions, evidence)
    monkeypatch.setattr(belief_propagation, "CHUNK", 1)
    heard = []
    with listening(lambda fraction, label: heard.append(fraction)):
        pieces = infer(grammar.productions, evidence)
    assert len(heard) == 10
    for a, b in zip(whole.levels, pieces.levels, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-15)


@pytest.mark.parametrize("depth", [1, 2])
def test_evidence_that_does_not_fit_is_refused(depth):
    size = {"classes": 3, "vocabulary": 3, "rules": 2, "branching": 2, "depth": depth}
    grammar = Grammar(**size, seed=0)
    good = torch.ones(2, 2**depth, 3)
    infer(grammar.productions, good)
    for shape in ((2**depth, 3), (0, 2**depth, 3), (2, 2**depth, 2), (2, 2**depth + 1, 3)):
        with pytest.raises(ShapeError, match="evidence"):
            infer(grammar.productions, torch.ones(shape))
    for bad in (-1.0, math.nan, math.inf):
        with pytest.raises(ParameterError, match="finite"):
            infer(grammar.productions, torch.where(good.cumsum(0) > 1, bad, good))
    with pytest.raises(ParameterError, match="number 1"):
        infer(grammar.productions, torch.where(good.cumsum(0) > 1, 0.0, good))


# -- mean field ------------------------------------------------------------------------------------

#: v, m, s
BISTABLE = [(32, 8, 2), (8, 4, 2), (8, 2, 2), (16, 5, 2), (16, 20, 3), (9, 20, 3), (8, 60, 4)]


@pytest.mark.parametrize("v, m", [(32, 8), (8, 4), (8, 2), (100, 30), (64, 2), (7, 3)])
def test_the_transition_of_pairs_is_the_closed_form(v, m):
    found = transition(vocabulary=v, rules=m)
    p = (m - 1) / (v - m)
    assert found.phase == "transition"
    assert found.probability == pytest.approx(p, abs=1e-14)
    assert found.noise == pytest.approx((1 - p) / (1 - 1 / v), abs=1e-14)


def test_the_published_transition_is_reproduced():
    assert transition(vocabulary=32, rules=8).noise == pytest.approx(0.7312, abs=5e-5)


@pytest.mark.parametrize("v, m, s", BISTABLE)
def test_beliefs_flow_away_from_the_transition(v, m, s):
    numbers = {"vocabulary": v, "rules": m, "branching": s}
    star = transition(**numbers).probability
    assert mean_field(star, **numbers) == pytest.approx(star, abs=1e-12)
    for start, end in ((star + 1e-6, 1.0), (star - 1e-6, 1 / v), (1.0, 1.0), (1 / v, 1 / v)):
        p = start
        for _ in range(1000):
            p = mean_field(p, **numbers)
        assert p == pytest.approx(end, abs=1e-6)


@pytest.mark.parametrize("s", [2, 3, 4])
@pytest.mark.parametrize("v", [2, 3, 5, 8])
def test_the_phase_is_where_iteration_ends(v, s):
    for m in range(1, v ** (s - 1) + 1):
        numbers = {"vocabulary": v, "rules": m, "branching": s}
        found = transition(**numbers)
        ends = []
        for start in (1 / v + 1e-3, 1 - 1e-3):
            p = start
            for _ in range(20_000):
                p, before = mean_field(p, **numbers), p
                if abs(p - before) < 1e-13:
                    break
            ends.append(p)
        low, high = (end > (1 + 1 / v) / 2 for end in ends)
        if found.phase == "transition":
            assert 1 / v < found.probability < 1
            assert 0 < found.noise < 1
            if 1 / v + 1e-3 < found.probability < 1 - 1e-3:
                assert (low, high) == (False, True)
        else:
            assert math.isnan(found.noise)
            assert math.isnan(found.probability)
            assert low == high == (found.phase == "always recovered")


def test_the_recursion_is_the_average_over_grammars_of_both_sides_of_the_fraction():
    """One node: numerator and denominator of its belief, averaged over random tuples."""
    v, m, s, p = 6, 3, 2, 0.6
    beliefs = torch.full((v,), (1 - p) / (v - 1), dtype=torch.float64)
    beliefs[0] = p
    weights = beliefs.outer(beliefs).flatten()  # the children's right symbols are both 0
    generator = torch.Generator().manual_seed(0)
    above = below = 0.0
    for _ in range(20_000):
        others = weights[1:][torch.randperm(v**s - 1, generator=generator)[: v * m - 1]]
        above += float(weights[0] + others[: m - 1].sum())
        below += float(weights[0] + others.sum())
    assert mean_field(p, vocabulary=v, rules=m) == pytest.approx(above / below, abs=2e-3)


@pytest.mark.parametrize(
    "bad",
    [
        {"vocabulary": 1},
        {"vocabulary": 8.0},
        {"vocabulary": 1 << 16},
        {"rules": 0},
        {"rules": 9},
        {"branching": 1},
        {"branching": 65},
    ],
    ids=str,
)
def test_numbers_that_no_grammar_has_are_refused(bad):
    numbers = {"vocabulary": 8, "rules": 4} | bad
    with pytest.raises(ParameterError):
        transition(**numbers)
    with pytest.raises(ParameterError):
        mean_field(0.5, **numbers)


def test_beliefs_that_are_no_probabilities_are_refused():
    for p in (-0.1, 1.1, math.nan, True):
        with pytest.raises(ParameterError, match="probability"):
            mean_field(p, vocabulary=8, rules=4)
    assert math.isfinite(mean_field(0.5, vocabulary=1 << 15, rules=2, branching=64))
