"""A random grammar is unambiguous, and its moments are those that counting gives."""

import math

import pytest
import torch

from rgwidgets.core.errors import ParameterError, ShapeError
from rgwidgets.toy.grammar import Grammar

SIZES = [
    {"classes": 3, "vocabulary": 3, "rules": 2, "branching": 2, "depth": 3},
    {"classes": 2, "vocabulary": 4, "rules": 3, "branching": 2, "depth": 3},
    {"classes": 5, "vocabulary": 4, "rules": 2, "branching": 3, "depth": 2},
    {"classes": 2, "vocabulary": 2, "rules": 2, "branching": 2, "depth": 4},
    {"classes": 4, "vocabulary": 5, "rules": 1, "branching": 4, "depth": 2},
    {"classes": 6, "vocabulary": 3, "rules": 1, "branching": 2, "depth": 1},
]


@pytest.fixture(params=SIZES, ids=lambda size: "-".join(map(str, size.values())))
def grammar(request):
    return Grammar(**request.param, seed=4)


def hot(symbols, count):
    return torch.nn.functional.one_hot(symbols, count).double()


def test_no_two_symbols_share_a_tuple(grammar):
    for productions, count in zip(grammar.productions, grammar.symbols, strict=False):
        assert productions.shape == (count, grammar.rules, grammar.branching)
        tuples = productions.flatten(0, 1)
        assert len(tuples.unique(dim=0)) == len(tuples)
        assert 0 <= int(tuples.min()) <= int(tuples.max()) < grammar.vocabulary


def test_strings_are_all_different_and_as_many_as_counted(grammar):
    for level in range(grammar.depth + 1):
        strings = grammar.strings(level)
        assert len(strings.unique(dim=0)) == len(strings) == grammar.count(level)
        assert strings.shape[1] == grammar.branching**level


def test_a_string_is_parsed_as_it_was_derived(grammar):
    generator = torch.Generator().manual_seed(0)
    latents = grammar.expand(torch.arange(200) % grammar.classes, generator)
    for derived, parsed in zip(latents, grammar.parse(latents[-1]), strict=True):
        assert torch.equal(derived, parsed)


def test_moments_are_those_of_all_strings(grammar):
    for level in range(grammar.depth + 1):
        z = hot(grammar.strings(level), grammar.symbols[level])
        counted = torch.einsum("nia,njb->iajb", z, z) / len(z)
        torch.testing.assert_close(grammar.moments(level), counted, rtol=0, atol=1e-13)


def test_means_below_a_symbol_are_those_of_all_strings(grammar):
    strings = grammar.strings(grammar.depth)
    leaves = hot(strings, grammar.vocabulary)
    for level, symbols in enumerate(grammar.parse(strings)):
        below = leaves.unflatten(1, (symbols.shape[1], -1))
        expected = grammar.below(level)
        for symbol in symbols.unique():
            mean = below[symbols == symbol].mean(0)
            torch.testing.assert_close(mean, expected[symbol], rtol=0, atol=1e-13)


def test_covariances_are_those_of_all_strings(grammar):
    strings = grammar.strings(grammar.depth)
    for level, symbols in enumerate(grammar.parse(strings)):
        x = grammar.below(level)[symbols].flatten(1)
        torch.testing.assert_close(x.mean(0), grammar.mean(), rtol=0, atol=1e-13)
        counted = torch.cov(x.T, correction=0)
        torch.testing.assert_close(grammar.covariance(level), counted, rtol=0, atol=1e-13)


def test_synonyms_are_equally_frequent():
    grammar = Grammar(classes=4, vocabulary=4, rules=3, branching=2, depth=1, seed=1)
    n = 24_000
    generator = torch.Generator().manual_seed(2)
    leaves = grammar.expand(torch.arange(n) % 4, generator)[1]
    counts = (leaves @ torch.tensor([4, 1])).bincount(minlength=16)
    used = counts[counts > 0]
    assert len(used) == 12
    assert float((used - n / 12).abs().max()) < 4 * math.sqrt(n / 12)


def test_the_grammar_is_its_seed():
    first, again, other = (Grammar(**SIZES[0], seed=seed).productions for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_one_hot_is_read_back(grammar):
    strings = grammar.strings(grammar.depth)[:7]
    x = grammar.one_hot(strings)
    assert x.shape == (len(strings), grammar.leaves * grammar.vocabulary)
    assert torch.equal(grammar.read(x), strings)
    for wrong in (x[0], x[:, 1:], 2 * x, x - 0.5, torch.full_like(x, math.nan)):
        with pytest.raises(ShapeError, match="x"):
            grammar.read(wrong)


def test_what_is_no_string_of_the_grammar_is_refused():
    grammar = Grammar(classes=2, vocabulary=3, rules=1, branching=2, depth=1, seed=0)
    known = {tuple(string) for string in grammar.strings(1).tolist()}
    (unknown, *_) = [(a, b) for a in range(3) for b in range(3) if (a, b) not in known]
    strings = torch.tensor([min(known), unknown])
    with pytest.raises(ParameterError, match="number 1"):
        grammar.parse(strings)


@pytest.mark.parametrize(
    "bad",
    [
        {"classes": 1},
        {"classes": 19},
        {"vocabulary": 1},
        {"vocabulary": 6.0},
        {"vocabulary": True},
        {"vocabulary": 1025},
        {"rules": 0},
        {"rules": 7},
        {"rules": "2"},
        {"branching": 1},
        {"branching": 8},
        {"depth": 0},
        {"depth": 13},
        {"depth": 10**9},
        {"branching": 10**9},
        {"seed": -1},
        {"seed": 0.5},
        {"vocabulary": 1000, "rules": 1000, "depth": 6},
    ],
    ids=str,
)
def test_grammars_that_there_are_not_are_refused(bad):
    good = {
        "classes": 6, "vocabulary": 6, "rules": 2, "branching": 2, "depth": 3, "seed": 0
    }  # fmt: skip
    Grammar(**good)
    with pytest.raises(ParameterError):
        Grammar(**good | bad)


def test_what_is_too_large_to_enumerate_or_multiply_is_refused():
    grammar = Grammar(classes=8, vocabulary=8, rules=4, branching=2, depth=9, seed=0)
    for refused in (grammar.strings, grammar.moments, grammar.covariance):
        with pytest.raises(ParameterError, match="at most"):
            refused(9)
    assert grammar.moments(2).shape == (4, 8, 4, 8)
