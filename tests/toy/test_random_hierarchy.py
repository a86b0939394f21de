"""T1: the Random Hierarchy Model is what its papers say, and its answers are exact."""

import itertools
import math

import pytest
import torch

from rgwidgets.core.errors import ParameterError, ShapeError
from rgwidgets.toy import RandomHierarchy
from rgwidgets.toy.classifier import KINDS

SHAPES = [
    {"vocabulary": 4, "rules": 2, "depth": 3},
    {"vocabulary": 3, "rules": 4, "branching": 3, "depth": 2},
    {"vocabulary": 5, "rules": 3, "depth": 2, "classes": 3},
    {"vocabulary": 3, "rules": 3, "depth": 2},
    {"vocabulary": 6, "rules": 1, "depth": 3, "classes": 8},
]


@pytest.fixture(params=SHAPES, ids=str)
def toy(request):
    return RandomHierarchy(**request.param, seed=3)


def everything(toy):
    strings = toy.grammar.strings(toy.depth)
    return toy.grammar.one_hot(strings), toy.grammar.parse(strings)


# -- coarse-graining -------------------------------------------------------------------------------


def test_coarse_data_are_the_mean_of_all_data_with_the_same_symbols(toy):
    x, latents = everything(toy)
    for level in toy.levels():
        coarse = toy.coarse_grain(x, level)
        _, group = latents[level].unique(dim=0, return_inverse=True)
        members = torch.nn.functional.one_hot(group).double()
        mean = (members.T @ x) / members.sum(0)[:, None]
        torch.testing.assert_close(coarse, mean[group], rtol=0, atol=1e-13)


def test_the_oracle_of_a_function_is_its_mean_over_all_data(toy):
    x, _ = everything(toy)
    weights = torch.randn(toy.dimension, generator=torch.Generator().manual_seed(1)).double()

    def bump(x):
        return torch.tanh(x @ weights) ** 3

    for level in toy.levels():
        expected = float(bump(toy.coarse_grain(x, level)).mean())
        assert toy.oracle(bump, level) == pytest.approx(expected, abs=1e-12)


def test_the_oracle_of_a_form_is_that_of_the_function(toy):
    generator = torch.Generator().manual_seed(1)
    line = torch.randn(toy.dimension, generator=generator).double()
    form = torch.randn(toy.dimension, toy.dimension, generator=generator).double()
    for level in toy.levels():
        assert toy.oracle(line, level) == pytest.approx(toy.oracle(lambda x: x @ line, level))
        quadratic = toy.oracle(lambda x: ((x @ form) * x).sum(-1), level)
        assert toy.oracle(form, level) == pytest.approx(quadratic, abs=1e-11)


def test_forms_are_exact_where_data_cannot_be_enumerated():
    toy = RandomHierarchy(vocabulary=8, rules=4, depth=6)
    assert toy.grammar.count(6) > 10**30
    assert toy.oracle(torch.eye(toy.dimension), 6) == pytest.approx(64, abs=1e-9)
    with pytest.raises(ParameterError, match="enumerate"):
        toy.oracle(lambda x: x.sum(-1), 6)


# -- features --------------------------------------------------------------------------------------


def test_features_span_what_the_level_says_of_the_data_and_no_more(toy):
    x, _ = everything(toy)
    for level in toy.levels():
        basis = toy.ground_truth_features(level)
        coarse = toy.coarse_grain(x, level) - toy.grammar.mean()
        torch.testing.assert_close(coarse @ basis @ basis.T, coarse, rtol=0, atol=1e-10)
        assert int(torch.linalg.matrix_rank(coarse, atol=1e-9)) == basis.shape[1]
        torch.testing.assert_close(basis.T @ basis, torch.eye(basis.shape[1]).double())


def test_features_of_a_level_are_the_first_of_the_next(toy):
    bases = [toy.ground_truth_features(level) for level in toy.levels()]
    for coarse, fine in itertools.pairwise(bases):
        torch.testing.assert_close(fine[:, : coarse.shape[1]], coarse)
    assert bases[0].shape[1] <= toy.classes - 1
    assert bases[-1].shape[1] <= toy.grammar.leaves * (toy.vocabulary - 1)


def test_new_features_of_a_level_come_by_variance(toy):
    known = 0
    for level in toy.levels():
        basis = toy.ground_truth_features(level)[:, known:]
        values = (basis.T @ toy.covariance(level) @ basis).diagonal()
        assert bool((values.diff() <= 1e-12).all())
        known += basis.shape[1]


def test_synonyms_hide_the_levels_from_linear_tools():
    """Of the variance a share of about 1/m a level is left, over grammars and at two m."""
    for m in (3, 6):
        shares = torch.zeros(3)
        for seed in range(20):
            toy = RandomHierarchy(vocabulary=16, rules=m, depth=3, seed=seed)
            traces = torch.tensor([float(toy.covariance(level).trace()) for level in (1, 2, 3)])
            shares += traces / traces[-1] / 20
        assert float(shares[1]) == pytest.approx(1 / m, rel=0.25)
        assert float(shares[0]) == pytest.approx(1 / m**2, rel=0.35)


# -- correlations ----------------------------------------------------------------------------------


def test_the_measured_correlation_is_that_of_the_data(toy):
    x, _ = everything(toy)
    s, v = toy.branching, toy.vocabulary
    covariance = torch.cov(x.T, correction=0)
    for distance in range(1, toy.depth + 1):
        squares = [
            float(covariance[i * v : (i + 1) * v, j * v : (j + 1) * v].square().mean())
            for i in range(toy.grammar.leaves)
            for j in range(toy.grammar.leaves)
            if i // s**distance == j // s**distance
            and i // s ** (distance - 1) != j // s ** (distance - 1)
        ]
        expected = math.sqrt(sum(squares) / len(squares))
        assert toy.measured_correlation(distance) == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize(
    "options",
    [
        {"vocabulary": 32, "rules": 8, "depth": 3},
        {"vocabulary": 16, "rules": 6, "depth": 3},
        {"vocabulary": 8, "rules": 4, "depth": 3},
        {"vocabulary": 12, "rules": 5, "depth": 3, "classes": 4},
        {"vocabulary": 6, "rules": 9, "branching": 3, "depth": 2},
    ],
    ids=str,
)
def test_tokens_correlate_as_the_formula_for_their_number_of_symbols_says(options):
    """Root mean square over 60 grammars, within 3 standard errors and the 1/(vm) left out."""
    toys = [RandomHierarchy(**options, seed=seed) for seed in range(60)]
    for distance in range(1, toys[0].depth + 1):
        squares = torch.tensor([t.measured_correlation(distance) ** 2 for t in toys]).double()
        expected = toys[0].token_correlation(distance, corrected=True) ** 2
        left_out = expected / (options["vocabulary"] * options["rules"])
        error = float(squares.std()) / math.sqrt(len(toys))
        assert abs(float(squares.mean()) - expected) < 3 * error + left_out


def test_the_published_formula_is_that_of_many_symbols():
    """The mean over 20 grammars comes closer to it as v grows, m = √v."""
    off = []
    for v, m in ((9, 3), (25, 5), (64, 8)):
        toys = [RandomHierarchy(vocabulary=v, rules=m, depth=2, seed=seed) for seed in range(20)]
        ratios = [
            sum(t.measured_correlation(d) for t in toys) / 20 / toys[0].token_correlation(d)
            for d in (1, 2)
        ]
        off.append(max(abs(r - 1) for r in ratios))
    assert off == sorted(off, reverse=True)
    assert off[-1] < 0.08


def test_the_correction_vanishes_with_many_symbols():
    for v, m, within in ((100, 20, 0.06), (1000, 200, 0.006)):
        toy = RandomHierarchy(vocabulary=v, rules=m, depth=3)
        for distance in (1, 2, 3):
            ratio = toy.token_correlation(distance, corrected=True) / toy.token_correlation(
                distance
            )
            assert ratio == pytest.approx(1, abs=within)


def test_tokens_do_not_correlate_where_every_tuple_is_in_use():
    toy = RandomHierarchy(vocabulary=4, rules=4, depth=3, seed=1)
    for distance in (1, 2, 3):
        assert (
            toy.token_correlation(distance) == toy.token_correlation(distance, corrected=True) == 0
        )
        assert toy.measured_correlation(distance) == pytest.approx(0, abs=1e-15)


# -- inference and noise ---------------------------------------------------------------------------


def test_clean_data_are_known_at_every_level(toy):
    x, latents = toy.sample(20, seed=2)
    for found, symbols in zip(toy.posterior(toy.evidence(x)).levels, latents, strict=True):
        assert torch.equal(found.argmax(-1), symbols)
        torch.testing.assert_close(found.amax(-1), torch.ones(symbols.shape).double())


def test_the_posterior_of_corrupted_data_is_calibrated():
    """The right class has its posterior probability, on average over what is thought likely."""
    toy = RandomHierarchy(vocabulary=4, rules=2, depth=3, seed=1)
    x, latents = toy.sample(6000, seed=5)
    found = toy.posterior(toy.evidence(toy.corrupt(x, 0.2, seed=6), noise=0.2)).levels[0][:, 0]
    confidence, guess = found.max(-1)
    right = (guess == latents[0][:, 0]).double()
    assert float(confidence.std()) > 0.1
    for low, high in ((0.0, 0.6), (0.6, 0.85), (0.85, 0.97), (0.97, 1.01)):
        held = (confidence >= low) & (confidence < high)
        error = float((confidence * (1 - confidence))[held].mean().sqrt()) / held.sum() ** 0.5
        assert int(held.sum()) > 100
        assert abs(float((right - confidence)[held].mean())) < 4 * error


def test_erased_leaves_carry_no_evidence(toy):
    x, _ = toy.sample(4)
    all_erased = torch.ones(4, toy.grammar.leaves, dtype=torch.bool)
    found = toy.posterior(toy.evidence(x, erased=all_erased))
    expected = toy.grammar.mean().reshape(1, -1, toy.vocabulary).expand(4, -1, -1)
    torch.testing.assert_close(found.levels[-1], expected)
    torch.testing.assert_close(found.log_evidence, torch.zeros(4).double())


def test_corruption_replaces_the_share_of_leaves_it_says():
    toy = RandomHierarchy(vocabulary=8, rules=4, depth=6)
    x = toy.sample(200).x
    same = (toy.corrupt(x, 0.4, seed=3) * x).sum(-1) / 64
    assert float(same.mean()) == pytest.approx(0.6 + 0.4 / 8, abs=0.01)
    assert torch.equal(toy.corrupt(x, 0.0), x)
    assert torch.equal(toy.corrupt(x, 0.4, seed=3), toy.corrupt(x, 0.4, seed=3))


@pytest.mark.parametrize(
    "options, within",
    [
        ({"vocabulary": 32, "rules": 8, "depth": 6}, 0.04),
        ({"vocabulary": 16, "rules": 20, "branching": 3, "depth": 4}, 0.04),
    ],
    ids=str,
)
def test_the_class_of_real_grammars_is_lost_where_the_mean_field_says(options, within):
    toys = [RandomHierarchy(**options, seed=seed) for seed in range(4)]
    star = toys[0].transition().noise
    beliefs = {}
    for noise in (0.5, star - 0.1, star, star + 0.1, 0.9):
        found = []
        for toy in toys:
            x, latents = toy.sample(12, seed=5)
            root = toy.posterior(toy.evidence(x, noise=noise)).levels[0][:, 0]
            found.append(root.gather(1, latents[0]))
        beliefs[noise] = float(torch.cat(found).mean())
        assert beliefs[noise] == pytest.approx(toys[0].recovery(noise), abs=within)
    assert beliefs[star - 0.1] > 0.75
    assert beliefs[star + 0.1] < 0.07
    assert beliefs[star] == pytest.approx(toys[0].transition().probability, abs=0.05)


def test_recovery_sharpens_with_depth():
    slopes = []
    for depth in (2, 5, 8):
        toy = RandomHierarchy(vocabulary=32, rules=8, depth=depth)
        star = toy.transition().noise
        slopes.append((toy.recovery(star - 0.01) - toy.recovery(star + 0.01)) / 0.02)
    assert slopes == sorted(slopes)
    assert slopes[-1] > 5 * slopes[0]
    other = RandomHierarchy(vocabulary=8, rules=4, depth=3, classes=2)
    assert other.recovery(1.0) == pytest.approx(1 / 2)
    assert other.recovery(0.0) == 1


# -- learning --------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_networks_generalise_from_part_of_the_data(kind):
    toy = RandomHierarchy(vocabulary=4, rules=2, depth=3, seed=1)
    network = toy.network(kind=kind, samples=256, width=64, steps=300)
    found = toy.accuracy(network)
    assert toy.grammar.count(3) == 512
    assert found.value > 0.9  # guessing: 1/4
    assert found.error < 0.01
    state = toy.network(kind=kind, samples=256, width=64, steps=300).state_dict()
    assert all(torch.equal(state[key], value) for key, value in network.state_dict().items())


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"vocabulary": 8, "rules": 4, "depth": 2},
        {"vocabulary": 6, "rules": 3, "depth": 3},
        {"vocabulary": 8, "rules": 4, "depth": 3},
    ],
    ids=str,
)
def test_half_of_the_classes_are_learnt_within_twice_the_sample_complexity(options):
    """The number of data that halves the error of guessing, interpolated, over P* = n_c m^L."""
    toy = RandomHierarchy(**options)
    guess = 1 - 1 / toy.classes
    shares = (0.5, 1.0, 2.0)
    errors = [
        1 - toy.accuracy(toy.network(samples=int(share * toy.sample_complexity()))).value
        for share in shares
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > guess / 2 > errors[-1]


@pytest.mark.slow
def test_a_network_that_shares_its_weights_as_the_grammar_does_needs_fewer_data():
    toy = RandomHierarchy(vocabulary=6, rules=3, depth=3)
    tree, dense = (toy.accuracy(toy.network(kind=kind, samples=486)).value for kind in KINDS)
    assert tree > 0.95
    assert tree > dense + 0.1


# -- what is refused -------------------------------------------------------------------------------


def test_the_theory_holds_each_datum_once_where_they_are_few(toy):
    theory = toy.theory()
    x = theory.features["activation"]
    assert len(x.unique(dim=0)) == len(x) == toy.grammar.count(toy.depth)
    length = theory.observe()["squared length"].value
    assert length == pytest.approx(toy.grammar.leaves)
    assert len(RandomHierarchy().theory().features["activation"]) == 4096


@pytest.mark.parametrize(
    "bad",
    [
        {"vocabulary": 1},
        {"vocabulary": 0.5},
        {"vocabulary": None},
        {"rules": 0},
        {"rules": 9},
        {"branching": 1},
        {"branching": 7},
        {"depth": 0},
        {"depth": 13},
        {"classes": 1},
        {"classes": 17},
        {"seed": -1},
        {"seed": "0"},
    ],
    ids=str,
)
def test_models_that_there_are_not_are_refused(bad):
    with pytest.raises(ParameterError):
        RandomHierarchy(**bad)


def test_what_does_not_fit_is_refused():
    toy = RandomHierarchy(vocabulary=4, rules=2, depth=2)
    x = toy.sample(3).x
    with pytest.raises(ShapeError):
        toy.coarse_grain(x + 0.1, 1)
    with pytest.raises(ParameterError, match="posterior"):
        toy.coarse_grain(toy.grammar.one_hot(torch.cartesian_prod(*[torch.arange(4)] * 4)), 1)
    for observable in (lambda x: x, torch.ones(3), torch.ones(2, 16)):
        with pytest.raises(ShapeError):
            toy.oracle(observable, 1)
    for erased in (torch.zeros(3, 3, dtype=torch.bool), torch.zeros(3, 4)):
        with pytest.raises(ShapeError, match="erased"):
            toy.evidence(x, erased=erased)
    for noise in (-0.1, 1.1, math.nan, True, "0.5"):
        for refusing in (toy.corrupt, lambda x, noise: toy.evidence(x, noise=noise)):
            with pytest.raises(ParameterError, match="noise"):
                refusing(x, noise)
        with pytest.raises(ParameterError, match="noise"):
            toy.recovery(noise)
    for distance in (0, 3, 1.0, True):
        with pytest.raises(ParameterError, match="distance"):
            toy.token_correlation(distance)
        with pytest.raises(ParameterError, match="distance"):
            toy.measured_correlation(distance)
    for bad in ({"kind": "round"}, {"samples": 0}, {"width": 0}, {"steps": 0}, {"seed": -1}):
        with pytest.raises(ParameterError, match=next(iter(bad))):
            toy.network(**bad)
