"""T2: distances are those of the trees, blocks those of the latent tree, and all means exact."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rgwidgets.core.errors import ConvergenceError, ParameterError, ShapeError
from rgwidgets.core.estimate import estimate
from rgwidgets.core.flow import Flow
from rgwidgets.schemes.activation_spectrum import ActivationSpectrum
from rgwidgets.toy import PercolationData

TOYS = [
    {"data": 96},
    {"data": 80, "create_probability": 0.0, "depth": 6, "seed": 3},
    {"data": 60, "create_probability": 0.8, "depth": 3, "rescaling": 3.5, "separation": 0.01},
    {"data": 70, "depth": 4, "rescaling": 1.5, "separation": 1000.0, "dimension": 90, "seed": 8},
    {"data": 50, "depth": 2, "diffusion": (0, 2), "seed": 5},
    {"data": 2, "depth": 2, "create_probability": 0.0},
]
CROWDED = [
    {"data": 120, "dimension": 12},
    {"data": 64, "dimension": 2, "depth": 3},
    {"data": 64, "dimension": 63, "create_probability": 0.0},
]


@pytest.fixture(params=TOYS, ids=str)
def toy(request):
    return PercolationData(**request.param)


@pytest.fixture(params=[*TOYS, *CROWDED], ids=str)
def any_toy(request):
    return PercolationData(**request.param)


def squared_distances(toy):
    """Between data, from the forest alone: edges, and the way over two roots between clusters."""
    edges = toy.forest.distances()
    root = torch.arange(toy.count)
    for _ in range(toy.count):
        root = toy.forest.parent[root]
    down = edges[torch.arange(toy.count), root]
    apart = down[:, None] + down + 2 * toy.separation**2
    return torch.where(edges.isfinite(), edges, apart)


def spread(squared):
    """Variance of points about their mean, from the squared distances between them."""
    return float(squared.mean() / 2)


# -- the data are the trees ----------------------------------------------------------------------


def test_squared_distances_are_edges(toy):
    x = toy.data()
    found = (x[:, None] - x).square().sum(-1)
    torch.testing.assert_close(found, squared_distances(toy), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("n, seed", [(2, 0), (25, 1), (150, 2)])
def test_the_spectrum_of_one_cluster_is_that_of_its_laplacian_inverted(n, seed):
    toy = PercolationData(data=n, create_probability=0.0, seed=seed)
    laplacian = -(toy.forest.distances() == 1).double()
    laplacian -= torch.diag(laplacian.sum(1))
    expected = 1 / (n * torch.linalg.eigvalsh(laplacian)[1:])
    torch.testing.assert_close(toy.spectrum(), expected, rtol=1e-8, atol=1e-12)


def test_the_spectrum_is_that_of_the_distances(toy):
    """Classical scaling: the centred −½ D has the eigenvalues of the covariance, times N."""
    n = toy.count
    centre = torch.eye(n, dtype=torch.float64) - 1 / n
    gram = -centre @ squared_distances(toy) @ centre / (2 * n)
    expected = torch.linalg.eigvalsh(gram).flip(0)[: n - 1]
    torch.testing.assert_close(toy.spectrum(), expected, rtol=1e-8, atol=1e-10)


def test_the_spectrum_is_what_the_tool_sees(any_toy):
    flow = Flow(any_toy.theory(), ActivationSpectrum())
    seen = flow.relevance(flow.scale.cutoffs[0]).values
    spectrum = any_toy.spectrum()
    k = min(len(seen), len(spectrum))
    torch.testing.assert_close(
        torch.as_tensor(seen[:k]).double(), spectrum[:k], rtol=1e-6, atol=1e-9
    )
    assert len(spectrum) == min(any_toy.count - 1, any_toy.dimension)


def test_the_variance_of_a_level_follows_from_the_distances_within_its_blocks(toy):
    squared = squared_distances(toy)
    within = []
    for level in toy.levels():
        block = toy.blocks(level)
        parts = [squared[block == k][:, block == k] for k in range(int(block.max()) + 1)]
        within.append(sum(len(part) * spread(part) for part in parts) / toy.count)
    expected = -torch.tensor(within, dtype=torch.float64).diff()
    torch.testing.assert_close(toy.variances(), expected, rtol=1e-9, atol=1e-9)


def test_the_variances_of_the_levels_add_up(any_toy):
    assert float(any_toy.variances().sum()) == pytest.approx(float(any_toy.spectrum().sum()))
    assert bool((any_toy.variances() >= 0).all())


# -- the latent tree -----------------------------------------------------------------------------


def test_blocks_nest_from_all_to_each(any_toy):
    toy = any_toy
    assert int(toy.blocks(0).max()) == 0
    assert torch.equal(toy.blocks(1), toy.forest.cluster)
    assert torch.equal(toy.blocks(toy.depth), torch.arange(toy.count))
    for coarse, fine in itertools.pairwise(toy.levels()):
        pairs = torch.unique(torch.stack([toy.blocks(coarse), toy.blocks(fine)]), dim=1)
        assert pairs.shape[1] == int(toy.blocks(fine).max()) + 1
    assert int(toy.sizes().sum()) == toy.count


@pytest.mark.parametrize("rescaling, depth", [(2.0, 5), (3.0, 3), (1.2, 9), (1e200, 4)])
def test_the_correlation_length_shrinks_by_the_rescaling_factor(rescaling, depth):
    toy = PercolationData(data=8, rescaling=rescaling, depth=depth)
    lengths = [toy.correlation_length(level) for level in toy.levels()]
    assert lengths[:2] == [math.inf, math.inf]
    assert lengths[-1] == 1
    for longer, shorter in itertools.pairwise(lengths[2:]):
        assert longer == pytest.approx(min(shorter * rescaling, math.exp(700)), rel=1e-9)
    assert [toy.kept(level) for level in (1, depth)] == [1, 0]


def test_blocks_are_the_edges_that_hold(toy):
    """Joined one edge at a time, in the order of their marks."""
    for level in toy.levels()[1:]:
        label = list(range(toy.count))
        for i in toy.forest.mark.argsort().tolist():
            parent = int(toy.forest.parent[i])
            if float(toy.forest.mark[i]) < toy.kept(level) and parent != i:
                old, new = label[i], label[parent]
                label = [new if name == old else name for name in label]
        joined = torch.tensor(label)
        block = toy.blocks(level)
        assert torch.equal(joined[:, None] == joined, block[:, None] == block)


def test_cluster_sizes_show_their_exponent():
    assert PercolationData(data=8).exponent == pytest.approx(2.5)
    assert PercolationData(data=8, create_probability=0.5).exponent == pytest.approx(3)
    toy = PercolationData(data=4096, dimension=2)
    found = toy.fitted_exponent()
    assert found.samples == len(toy.sizes())
    assert abs(found.value - toy.exponent) < 3 * found.error
    assert found.error < 0.06
    with pytest.raises(ConvergenceError):
        PercolationData(data=2, create_probability=0.999).fitted_exponent()


# -- coarse-graining -----------------------------------------------------------------------------


def test_coarse_graining_is_the_mean_of_a_block_and_composes(any_toy):
    toy = any_toy
    data = toy.data()
    coarse = {level: toy.coarse_grain(data, level) for level in toy.levels()}
    for level, x in coarse.items():
        block = toy.blocks(level)
        for k in range(int(block.max()) + 1):
            mean = data[block == k].mean(0)
            assert float((x[block == k] - mean).abs().max()) < 1e-9
        for other in toy.levels():
            again = toy.coarse_grain(x, other)
            torch.testing.assert_close(again, coarse[min(level, other)], rtol=0, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_near_a_datum_counts_as_it(dtype):
    toy = PercolationData(data=90, seed=2)
    noise = torch.randn(90, 90, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    near = (toy.data() + 1e-3 * noise / math.sqrt(90)).to(dtype)
    for level in toy.levels():
        found = toy.coarse_grain(near.reshape(9, 10, 90), level)
        assert (found.dtype, found.shape) == (dtype, (9, 10, 90))
        expected = toy.coarse_grain(toy.data(), level).to(dtype)
        torch.testing.assert_close(found.reshape(90, 90), expected, rtol=0, atol=1e-5)
    one = toy.coarse_grain(toy.data()[3], 1)
    assert torch.equal(one, toy.coarse_grain(toy.data(), 1)[3])


def test_the_oracle_is_the_mean_over_all_data(any_toy):
    toy = any_toy
    for level in toy.levels():
        x = toy.coarse_grain(toy.data(), level)
        expected = float((x**3).sum(-1).sin().mean())
        assert toy.oracle(lambda x: (x**3).sum(-1).sin(), level) == pytest.approx(expected)


def test_features_span_the_differences_of_the_blocks_and_nothing_finer(any_toy):
    toy = any_toy
    finest = toy.ground_truth_features(toy.depth)
    centred = toy.data() - toy.data().mean(0)
    for level in reversed(toy.levels()):
        basis = toy.ground_truth_features(level)
        rank = toy.rank(level)
        assert basis.shape == (toy.dimension, rank)
        assert rank == min(int(toy.blocks(level).max()), toy.dimension)
        assert float((basis.T @ basis - torch.eye(rank)).abs().sum()) < 1e-10
        assert torch.equal(basis, finest[:, :rank])
        means = toy.coarse_grain(toy.data(), level) - toy.data().mean(0)
        torch.testing.assert_close(means @ basis @ basis.T, means, rtol=0, atol=1e-8)
        added = basis[:, toy.rank(max(level - 1, 0)) :]
        strengths = (means @ added).square().sum(0)
        assert bool((strengths[1:] < strengths[:-1] * (1 + 1e-9)).all())
        assert bool((strengths > 1e-9).all())
    kept = (centred @ finest).square().sum()
    assert float(kept) == pytest.approx(float(centred.square().sum()))


@pytest.mark.parametrize("seed", range(3))
def test_variance_alone_does_not_find_the_latent_tree(seed):
    """Principal components mix the levels: large blocks of a fine one outdo small clusters."""
    toy = PercolationData(data=200, seed=seed)
    basis = ActivationSpectrum().spectrum(toy.theory()).basis
    for level in toy.levels()[1:-1]:
        rank = toy.rank(level)
        truth = toy.ground_truth_features(level)
        overlap = float((truth.T @ basis[:, :rank]).square().sum()) / rank
        assert rank / 199 + 0.1 < overlap < 0.98


# -- samples and values --------------------------------------------------------------------------


def test_samples_are_data_with_their_blocks(any_toy):
    toy = any_toy
    n = 2 * toy.count + 1
    x, latents = toy.sample(n, seed=4)
    assert torch.equal(x, toy.data()[latents[-1]])
    for level in toy.levels():
        assert torch.equal(latents[level], toy.blocks(level)[latents[-1]])
        assert latents[level].dtype == torch.int64
    times = torch.bincount(latents[-1], minlength=toy.count)
    assert sorted(times.tolist()) == [2] * (toy.count - 1) + [3]


def test_targets_of_a_level_are_means_over_its_blocks(any_toy):
    toy = any_toy
    assert torch.equal(toy.target(), toy.target(toy.depth))
    for level in toy.levels():
        block = toy.blocks(level)
        for k in range(int(block.max()) + 1):
            mean = float(toy.target()[block == k].mean())
            assert toy.target(level)[block == k].tolist() == pytest.approx(
                [mean] * int((block == k).sum()), abs=1e-12
            )


@pytest.mark.parametrize("diffusion", [1.0, (2.0, 0.0, 1.0, 0.5), 0.5, 0.0])
def test_values_differ_by_the_steps_since_two_data_parted(diffusion):
    """⟨(y_i − y_j)²⟩ = 2 Σ s_l² over the levels at which their blocks differ."""
    if diffusion == 0.5:
        assert PercolationData(data=2, depth=3, diffusion=0.5).diffusion == (0.5, 0.25, 0.125)
    ratios = {level: [] for level in (1, 2, 3, 4)}
    for seed in range(200):
        toy = PercolationData(data=40, depth=4, diffusion=diffusion, dimension=2, seed=seed)
        y = toy.target()
        parted = sum((toy.blocks(j)[:, None] == toy.blocks(j)).long() for j in toy.levels())
        for level, found in ratios.items():
            pairs = parted == level
            if bool(pairs.any()):
                found.append((y[:, None] - y).square()[pairs].mean())
    for level, found in ratios.items():
        measured = estimate(torch.stack(found))
        expected = 2 * sum(s**2 for s in toy.diffusion[level - 1 :])
        assert abs(measured.value - expected) <= 4 * measured.error
        assert measured.error <= 0.2 * expected


@pytest.mark.parametrize(
    "options",
    [{"data": 64}, {"data": 128, "dimension": 16, "seed": 1}, {"data": 64, "diffusion": 2.0}],
    ids=str,
)
def test_the_network_learns_the_values(options):
    toy = PercolationData(**options)
    x, y = toy.data().float(), toy.target()

    def error(network):
        found = network(x)[:, 0].double()
        return float((found - y).square().mean() / y.var(correction=0))

    trained = toy.network()
    assert error(trained) < 0.02
    assert error(toy.network(steps=1)) > 0.5
    assert not trained.training
    assert [name for name, _ in trained.named_children()][-2:] == ["hidden2", "logits"]


# -- seeds, and what does not fit ----------------------------------------------------------------


@settings(max_examples=20)
@given(data=st.integers(2, 60), create=st.floats(0, 0.99), seed=st.integers(0, 2**31))
def test_the_same_seed_makes_the_same(data, create, seed):
    options = {"data": data, "create_probability": create, "seed": seed}
    first, again = PercolationData(**options), PercolationData(**options)
    assert torch.equal(first.data(), again.data())
    assert torch.equal(first.target(), again.target())
    crowded = PercolationData(**options, dimension=3)
    assert torch.equal(crowded.target(), first.target())
    assert torch.equal(crowded.forest.parent, first.forest.parent)
    assert not torch.equal(
        PercolationData(**{**options, "seed": seed + 1}).target(), first.target()
    )


def test_the_random_state_is_left_alone():
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    toy = PercolationData(data=30)
    toy.sample(5)
    toy.coarse_grain(toy.data(), 2)
    toy.network(steps=2)
    assert torch.equal(torch_state, torch.get_rng_state())
    assert np.array_equal(numpy_state, np.random.get_state()[1])


def test_the_data_are_the_users_own_to_change():
    toy = PercolationData(data=10)
    toy.data().zero_()
    toy.sample(10).x.zero_()
    assert torch.equal(toy.data(), PercolationData(data=10).data())


@pytest.mark.parametrize(
    "bad",
    [
        {"data": 1},
        {"data": 4097},
        {"data": 10.0},
        {"create_probability": 1.0},
        {"create_probability": -0.1},
        {"create_probability": None},
        {"depth": 1},
        {"rescaling": 1.0},
        {"rescaling": math.inf},
        {"rescaling": "2"},
        {"separation": 0.0},
        {"separation": 1e-3},
        {"separation": 1e4},
        {"separation": math.nan},
        {"separation": True},
        {"diffusion": (1, 1)},
        {"diffusion": -1.0},
        {"diffusion": math.nan},
        {"diffusion": 1e300},
        {"diffusion": None},
        {"diffusion": "abcde"},
        {"dimension": 1},
        {"dimension": 5000},
        {"seed": -1},
        {"seed": 0.5},
    ],
    ids=str,
)
def test_data_that_there_are_not_are_refused(bad):
    with pytest.raises(ParameterError, match=next(iter(bad))):
        PercolationData(**bad)


@pytest.mark.parametrize("level", [-1, 6, 1.0, True, None])
def test_levels_that_there_are_not_are_refused(level):
    toy = PercolationData(data=10)
    for ask in (toy.blocks, toy.rank, toy.kept, toy.correlation_length):
        with pytest.raises(ParameterError, match="0 to 5"):
            ask(level)
    with pytest.raises(ParameterError, match="0 to 5"):
        toy.oracle(lambda x: x[:, 0], level)


def test_what_does_not_fit_is_refused():
    toy = PercolationData(data=12)
    with pytest.raises(ShapeError):
        toy.coarse_grain(torch.zeros(4, 3), 1)
    with pytest.raises(ShapeError):
        toy.coarse_grain(torch.tensor(1.0), 1)
    with pytest.raises(ParameterError, match="finite"):
        toy.coarse_grain(torch.full((2, 12), math.nan), 1)
    with pytest.raises(ShapeError):
        toy.oracle(lambda x: x, 1)
    with pytest.raises(ParameterError, match="n"):
        toy.sample(0)
    with pytest.raises(ParameterError, match="steps"):
        toy.network(steps=0)
    with pytest.raises(TypeError, match="epochs"):
        toy.network(epochs=3)
