"""T0: the spectrum, its cliffs, and the times at which a network learns them, exactly."""

import itertools
import math

import pytest
import torch

from rgwidgets.core.errors import ParameterError, ShapeError
from rgwidgets.core.flow import Flow
from rgwidgets.schemes.activation_spectrum import ActivationSpectrum
from rgwidgets.toy import UltrametricTree

TREES = [
    {},
    {"branching": 3, "depth": 3, "sigma": 0.6},
    {"branching": 2, "depth": 6, "sigma": 1.3, "seed": 3},
    {"branching": 2, "depth": 3, "sigma": (1, 0.2, 2, 0.5)},
    {"branching": 5, "depth": 2, "sigma": (0, 1, 0.4), "dimension": 50},
    {"branching": 2, "depth": 4, "sigma": (0, 1, 0, 1, 1)},
    {"branching": 7, "depth": 1, "sigma": (3, 1e-3)},
]


@pytest.fixture(params=TREES, ids=str)
def tree(request):
    return UltrametricTree(**request.param)


def covariance(x):
    return torch.cov(x.T, correction=0)


def test_leaves_are_as_near_as_their_last_common_ancestor(tree):
    """⟨x_a, x_b⟩ is the sum of σ_l² over the ancestors that they share."""
    data, leaf = tree.data(), torch.arange(tree.leaves)
    for a, b in itertools.product(range(0, tree.leaves, 5), range(tree.leaves)):
        shared = [
            s**2
            for level, s in enumerate(tree.sigma)
            if tree.ancestors(leaf[a], level) == tree.ancestors(leaf[b], level)
        ]
        assert float(data[a] @ data[b]) == pytest.approx(sum(shared), abs=1e-12)


def test_the_covariance_of_a_balanced_sample_has_the_exact_spectrum(tree):
    x = tree.sample(3 * tree.leaves, seed=1).x
    found = torch.linalg.eigvalsh(covariance(x)).flip(0)
    torch.testing.assert_close(found[: tree.leaves - 1], tree.spectrum(), rtol=1e-9, atol=1e-12)
    assert float(found[tree.leaves - 1 :].abs().max()) < 1e-12


def cliffs(tree):
    """Ranks b^j − 1 after which the exact eigenvalue changes: σ_j = 0 makes no cliff."""
    values = [*tree.eigenvalues(), 0.0]
    return [tree.rank(j) for j in tree.levels()[1:] if values[j] > values[j + 1] * (1 + 1e-9)]


def test_the_tool_finds_the_cliffs_and_the_subspaces(tree):
    flow = Flow(tree.theory(), ActivationSpectrum())
    assert flow.relevance(flow.scale.cutoffs[0]).cliffs() == cliffs(tree)
    basis = ActivationSpectrum().spectrum(flow.theory).basis
    for level in tree.levels()[1:]:
        truth, rank = tree.ground_truth_features(level), tree.rank(level)
        assert truth.shape == (tree.dimension, rank)
        torch.testing.assert_close(truth.T @ truth, torch.eye(rank, dtype=torch.float64))
        if rank in cliffs(tree):
            overlap = float((truth.T @ basis[:, :rank]).square().sum()) / rank
            assert overlap > 1 - 1e-9


def test_a_large_random_sample_has_the_spectrum_within_its_error():
    tree = UltrametricTree(depth=3)
    n = 100_003
    x = tree.sample(n, seed=2).x
    found = torch.linalg.eigvalsh(covariance(x)).flip(0)[: tree.leaves - 1]
    assert float((found / tree.spectrum() - 1).abs().max()) < 1e-3


def test_coarse_graining_is_the_mean_of_those_below_a_node(tree):
    data, leaf = tree.data(), torch.arange(tree.leaves)
    for level in tree.levels():
        coarse = tree.coarse_grain(data, level)
        node = tree.ancestors(leaf, level)
        for k in range(tree.branching**level):
            mean = data[node == k].mean(0)
            assert float((coarse[node == k] - mean).abs().max()) < 1e-12
        again = tree.coarse_grain(coarse, level)
        torch.testing.assert_close(again, coarse)
        if level:
            coarser = tree.coarse_grain(data, level - 1)
            torch.testing.assert_close(tree.coarse_grain(coarse, level - 1), coarser)


def test_the_oracle_knows_how_much_variance_a_level_keeps(tree):
    mean = tree.data().mean(0)
    for level in tree.levels():
        kept = tree.oracle(lambda x: ((x - mean) ** 2).sum(-1), level)
        assert kept == pytest.approx(float(tree.spectrum()[: tree.rank(level)].sum()), rel=1e-9)


def test_samples_are_leaves_with_their_ancestors():
    tree = UltrametricTree(branching=3, depth=2)
    x, latents = tree.sample(20, seed=4)
    torch.testing.assert_close(x, tree.data()[latents[-1]])
    assert all(torch.equal(latents[j], latents[j + 1] // 3) for j in range(2))
    assert int(torch.bincount(latents[-1]).max()) == 3  # 20 of 9 leaves
    assert torch.equal(x, tree.sample(20, seed=4).x)
    assert not torch.equal(x, tree.sample(20, seed=5).x)


@pytest.mark.parametrize(
    "options",
    [
        {"branching": 2, "depth": 5},
        {"branching": 3, "depth": 3, "sigma": 0.7},
        {"branching": 2, "depth": 3, "sigma": (1, 0.2, 2, 0.5)},
        {"branching": 4, "depth": 2, "sigma": (0.5, 1, 1)},
        {"branching": 2, "depth": 1, "sigma": (0.3, 2)},
    ],
    ids=str,
)
@pytest.mark.parametrize("initial, seed", [(1e-4, 0), (1e-6, 7)])
def test_a_network_learns_each_level_when_the_formula_says(options, initial, seed):
    tree = UltrametricTree(**options)
    learning = tree.learning(initial=initial, seed=seed)
    for level, expected in enumerate(tree.learning_times(initial)):
        assert learning.half_times[level].value == pytest.approx(expected, rel=0.03)


@pytest.mark.slow
def test_training_time_and_rank_order_the_levels_alike(tree):
    weakest = math.sqrt(tree.eigenvalues()[-1])
    learning = tree.learning(initial=min(1e-4, weakest / 100))
    eigenvalues = tree.eigenvalues()
    for earlier, later in itertools.pairwise(learning.order):
        assert eigenvalues[earlier] > eigenvalues[later] * (1 - 1e-9)


def test_the_trained_network_reproduces_the_data():
    tree = UltrametricTree(branching=2, depth=4)
    names = math.sqrt(tree.leaves) * torch.eye(tree.leaves)
    network = tree.network(initial=1e-3)
    assert not network.training
    error = (network(names).detach().double() - tree.data()).norm() / tree.data().norm()
    assert float(error) < 0.05  # an untrained one is off by 1


def test_learning_leaves_the_random_state_alone():
    state = torch.get_rng_state()
    UltrametricTree(depth=2).learning()
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize(
    "bad",
    [
        {"branching": 1},
        {"branching": 2.0},
        {"branching": True},
        {"depth": 0},
        {"depth": 13},
        {"branching": 100, "depth": 9},
        {"sigma": (1, 1)},
        {"sigma": (1, 1, 1, 1, 1, 0)},
        {"sigma": -1.0},
        {"sigma": math.nan},
        {"sigma": (1, 1, 1, 1, -1, 1)},
        {"dimension": 62},
    ],
    ids=str,
)
def test_trees_that_there_are_not_are_refused(bad):
    with pytest.raises(ParameterError):
        UltrametricTree(**bad)


@pytest.mark.parametrize("level", [-1, 6, 1.0, True, None])
def test_levels_that_there_are_not_are_refused(level):
    with pytest.raises(ParameterError, match="0 to 5"):
        UltrametricTree().ground_truth_features(level)


def test_what_does_not_fit_is_refused():
    tree = UltrametricTree(depth=3)
    with pytest.raises(ShapeError):
        tree.coarse_grain(torch.zeros(4, 3), 1)
    with pytest.raises(ShapeError):
        tree.oracle(lambda x: x, 1)
    with pytest.raises(ParameterError, match="smaller weights"):
        tree.learning(initial=0.5)
    with pytest.raises(ParameterError, match="n"):
        tree.sample(0)
    with pytest.raises(ParameterError, match="smaller tree"):
        UltrametricTree(depth=10).learning(initial=1e-5)
