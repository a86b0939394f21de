"""Clusters have Simon's sizes, their trees are uniform, and their edges join them additively."""

import itertools
import math
from collections import Counter
from fractions import Fraction

import pytest
import torch

from rgwidgets.core.errors import ConvergenceError, ParameterError
from rgwidgets.core.estimate import estimate
from rgwidgets.toy.coalescent import (
    Forest,
    attached,
    distance_law,
    expected_counts,
    fitted_exponent,
    grow,
    size_law,
)

CREATE = [0.1, 1 / 3, 0.6, 0.9]


def generator(seed):
    return torch.Generator().manual_seed(seed)


def counted(forest, length):
    return torch.bincount(forest.sizes(), minlength=length).double()


def every_tree(n):
    """Each tree that Aldous's rule grows, as parents, and how many of its n^{n−1} outcomes do."""
    outcomes = itertools.product(range(n), repeat=n - 1)
    index = torch.arange(n)
    found = Counter(tuple(attached(torch.tensor([0, *o]), index).tolist()) for o in outcomes)
    return found.items()


def as_forest(parent, mark):
    n = len(parent)
    return Forest(torch.zeros(n, dtype=torch.int64), torch.tensor(parent), torch.tensor(mark))


# -- trees ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_every_labelled_tree_is_as_likely(n):
    """Cayley: there are n^{n−2}. Names are those of growth, so all renamings are counted."""
    found = Counter()
    for parent, times in every_tree(n):
        for name in itertools.permutations(range(n)):
            edges = [(name[i], name[parent[i]]) for i in range(1, n)]
            found[frozenset(frozenset(edge) for edge in edges)] += times
    assert len(found) == n ** (n - 2)
    assert len(set(found.values())) == 1


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_the_law_of_distances_is_that_of_all_trees(n):
    total = Counter()
    for parent, times in every_tree(n):
        distances = as_forest(parent, [0.0] * n).distances()
        for d in distances[torch.triu_indices(n, n, 1).unbind()].tolist():
            total[d] += times
    pairs = sum(total.values())
    law = [total[k] / pairs for k in range(1, n)]
    assert distance_law(n).tolist() == pytest.approx(law, rel=1e-12)


@pytest.mark.parametrize("n", [2, 30, 1000, 100_000])
def test_distances_grow_as_the_root_of_the_size(n):
    law, k = distance_law(n), torch.arange(1, n)
    assert float(law.sum()) == pytest.approx(1, rel=1e-12)
    if n >= 1000:
        assert float((law * k).sum()) == pytest.approx(math.sqrt(math.pi * n / 2), rel=0.05)


@pytest.mark.parametrize("n, trees", [(20, 300), (150, 100)])
def test_trees_that_are_grown_have_these_distances(n, trees):
    draw = generator(n)
    means = [grow(n, 0.0, draw).distances().sum() / (n * (n - 1)) for _ in range(trees)]
    found = estimate(torch.stack(means))
    expected = float((distance_law(n) * torch.arange(1, n)).sum())
    assert abs(found.value - expected) < 4 * found.error
    assert found.error < 0.05 * expected


def test_distances_are_infinite_between_clusters():
    forest = grow(60, 0.3, generator(1))
    distances = forest.distances()
    together = forest.cluster[:, None] == forest.cluster
    assert torch.equal(distances.isfinite(), together)
    assert torch.equal(distances, distances.T)
    edges = torch.arange(60) != forest.parent
    assert torch.equal((distances == 1).sum() / 2, edges.sum().float())


# -- the latent tree -----------------------------------------------------------------------------


def additive(n):
    """Distribution of the sizes of the blocks, sorted, after each merger, by the kernel x + y."""
    state = {(1,) * n: Fraction(1)}
    while True:
        yield state
        after = Counter()
        for sizes, chance in state.items():
            blocks = len(sizes)
            for i, j in itertools.combinations(range(blocks), 2):
                rest = [s for k, s in enumerate(sizes) if k not in (i, j)]
                joined = tuple(sorted([*rest, sizes[i] + sizes[j]]))
                after[joined] += chance * Fraction(sizes[i] + sizes[j], n * (blocks - 1))
        state = after


@pytest.mark.parametrize("n", [3, 4, 5])
def test_blocks_join_in_proportion_to_the_sum_of_their_sizes(n):
    """All trees with all orders of their edges: the additive coalescent, exactly."""
    found = [Counter() for _ in range(n)]
    orders = list(itertools.permutations(range(n - 1)))
    for (parent, times), order in itertools.product(every_tree(n), orders):
        forest = as_forest(parent, [0.0, *order])
        for joined in range(n):
            sizes = torch.bincount(forest.blocks(joined - 0.5))
            found[joined][tuple(sorted(sizes.tolist()))] += times
    total = n ** (n - 1) * len(orders)
    for seen, expected in zip(found, additive(n), strict=False):
        assert {sizes: Fraction(c, total) for sizes, c in seen.items()} == expected


@pytest.mark.parametrize("create", [0.0, *CREATE])
def test_blocks_nest_from_the_data_to_the_clusters(create):
    forest = grow(300, create, generator(2))
    assert torch.equal(forest.blocks(0.0), torch.arange(300))
    assert torch.equal(forest.blocks(1.0), forest.cluster)
    fine = forest.blocks(0.0)
    for keep in (0.2, 0.5, 0.8, 0.97, 1.0):
        coarse = forest.blocks(keep)
        pairs = torch.unique(torch.stack([fine, coarse]), dim=1)
        assert pairs.shape[1] == int(fine.max()) + 1
        fine = coarse


@pytest.mark.parametrize("keep", [0.5, 0.75, 0.9])
def test_two_data_share_a_block_if_every_edge_between_them_holds(keep):
    n, draw = 200, generator(round(100 * keep))
    shares = []
    for _ in range(300):
        sizes = torch.bincount(grow(n, 0.0, draw).blocks(keep)).double()
        shares.append((sizes * (sizes - 1)).sum() / (n * (n - 1)))
    found = estimate(torch.stack(shares))
    expected = float((distance_law(n) * keep ** torch.arange(1, n)).sum())
    assert abs(found.value - expected) < 4 * found.error
    assert found.error < 0.05 * expected


@pytest.mark.parametrize("keep", [0.3, 0.8])
def test_edges_hold_independently_of_how_the_clusters_grew(keep):
    held, draw = [], generator(11)
    for _ in range(150):
        forest = grow(100, 1 / 3, draw)
        block = forest.blocks(keep)
        next_but_one = forest.distances() == 2
        if bool(next_but_one.any()):
            held.append((block[:, None] == block)[next_but_one].double().mean())
    found = estimate(torch.stack(held))
    assert abs(found.value - keep**2) < 4 * found.error
    assert found.error < 0.02


@pytest.mark.parametrize("length", [1.5, 4, 10])
def test_blocks_have_the_square_of_the_correlation_length(length):
    n = 100_000
    held = (1 - 1 / length) ** torch.arange(1, n, dtype=torch.float64)
    mean_size = 1 + (n - 1) * float((distance_law(n) * held).sum())
    assert mean_size == pytest.approx(length**2, rel=0.01)


# -- sizes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("create", [0.0, *CREATE])
@pytest.mark.parametrize("n", [1, 2, 4])
def test_expected_counts_are_those_of_every_growth(create, n):
    """Every datum founds a cluster or follows one of the earlier ones, enumerated."""
    expected = torch.zeros(n + 1, dtype=torch.float64)
    for follows in itertools.product(*[[None, *range(i)] for i in range(1, n)]):
        cluster, chance = [0], 1.0
        for i, earlier in enumerate(follows, start=1):
            chance *= create if earlier is None else (1 - create) / i
            cluster.append(i if earlier is None else cluster[earlier])
        expected += chance * torch.bincount(
            torch.bincount(torch.tensor(cluster), minlength=n), minlength=n + 1
        )
    expected[0] = 0
    torch.testing.assert_close(expected_counts(n, create), expected)


@pytest.mark.parametrize("create", CREATE)
def test_clusters_that_are_grown_have_the_expected_sizes(create):
    n, draw = 200, generator(round(100 * create))
    counts = torch.stack([counted(grow(n, create, draw), n + 1) for _ in range(400)])
    for k, mean in enumerate(expected_counts(n, create)[:5].tolist()):
        if k:
            found = estimate(counts[:, k])
            assert abs(found.value - mean) < 4 * found.error
    clusters = estimate(counts[:, 1:].sum(1))
    assert abs(clusters.value - (1 + create * (n - 1))) < 4 * clusters.error


@pytest.mark.parametrize("seed", range(3))
def test_three_fifths_are_single_data_at_criticality(seed):
    counts = counted(grow(500_000, 1 / 3, generator(seed)), 4)
    shares = counts[1:3] / counts.sum()
    assert float(shares[0]) == pytest.approx(0.6, abs=0.005)
    assert float(shares[1]) == pytest.approx(6 / 35, abs=0.005)


@pytest.mark.parametrize("create", CREATE)
def test_expected_counts_tend_to_yule_and_simons_law(create):
    k = torch.arange(1, 6)
    limit = size_law(k, create)
    off = []
    for n in (500, 2000):
        counts = expected_counts(n, create)
        off.append(float((counts[1:6] / counts.sum() - limit).abs().max()))
    assert off[1] < 0.3 * off[0]  # as 1/n
    assert off[1] < 3e-3
    far = torch.tensor([1e5, 2e5])
    tail = size_law(far, create).log().diff() / math.log(2)
    assert float(tail) == pytest.approx(-1 - 1 / (1 - create), abs=1e-3)


@pytest.mark.parametrize("create", CREATE[:3])
def test_the_fitted_exponent_is_that_of_the_finite_growth(create):
    """The fit of many growths together is that of the expected counts; it tends to 1 + ρ."""
    n, draw = 400, generator(7)
    counts = torch.stack([counted(grow(n, create, draw), n + 1) for _ in range(200)])
    finite = fitted_exponent(expected_counts(n, create))
    pooled = fitted_exponent(counts.sum(0))
    assert abs(pooled.value - finite.value) < 4 * pooled.error
    asymptotic = 1 + 1 / (1 - create)
    assert finite.value < asymptotic
    larger = fitted_exponent(expected_counts(4 * n, create))
    assert abs(larger.value - asymptotic) < 0.7 * abs(finite.value - asymptotic)
    fits = [fitted_exponent(row) for row in counts]
    scatter = float(torch.tensor([fit.value for fit in fits]).std())
    stated = sum(fit.error for fit in fits) / len(fits)
    assert 0.5 * stated < scatter < 1.1 * stated


@pytest.mark.parametrize("exponent", [2.2, 2.5, 4.0])
def test_the_fit_finds_the_exponent_of_the_law(exponent):
    create = 1 - 1 / (exponent - 1)
    law = size_law(torch.arange(200_001).clamp(min=1), create)
    law[0] = 0
    found = fitted_exponent(1000 * law)
    assert found.value == pytest.approx(exponent, abs=2e-3)


# -- what does not fit ---------------------------------------------------------------------------


def test_the_same_generator_grows_the_same_and_the_random_state_is_left_alone():
    state = torch.get_rng_state()
    first, again, other = (grow(100, 0.3, generator(seed)) for seed in (4, 4, 5))
    assert torch.equal(first.parent, again.parent)
    assert torch.equal(first.mark, again.mark)
    assert not torch.equal(first.parent, other.parent)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("create", [-0.1, 1.0, 2, math.nan, True, None])
def test_probabilities_that_there_are_not_are_refused(create):
    for ask in (
        lambda: grow(5, create, generator(0)),
        lambda: expected_counts(5, create),
        lambda: size_law(torch.ones(1), create),
    ):
        with pytest.raises(ParameterError, match="create_probability"):
            ask()


def test_what_has_no_answer_is_refused():
    with pytest.raises(ParameterError, match="data"):
        grow(0, 0.5, generator(0))
    with pytest.raises(ParameterError, match="size"):
        distance_law(1)
    with pytest.raises(ConvergenceError, match="more data"):
        fitted_exponent(torch.tensor([0, 12]))
