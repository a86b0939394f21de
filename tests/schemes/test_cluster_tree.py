"""Clusters of units, one tree for every number of them."""

import itertools

import pytest
import torch

from rgwidgets.core.errors import CutoffError
from rgwidgets.core.flow import Flow
from rgwidgets.core.theory import Observable, Theory
from rgwidgets.schemes.cluster_tree import ClusterTree


def planted(groups, per, seed, *, noise=0.2, n=600):
    """Groups of units that share one variable each, with random signs and strengths."""
    generator = torch.Generator().manual_seed(seed)
    shared = torch.randn(n, groups, generator=generator, dtype=torch.float64)
    own = torch.randn(n, groups * per, generator=generator, dtype=torch.float64)
    strength = 0.5 + 2 * torch.rand(groups * per, generator=generator, dtype=torch.float64)
    sign = torch.randint(0, 2, (groups * per,), generator=generator) * 2 - 1
    label = torch.arange(groups).repeat_interleave(per)
    shuffle = torch.randperm(groups * per, generator=generator)
    x = (shared[:, label] * sign + noise * own) * strength
    return Theory({"activation": x[:, shuffle] + 3.0}), label[shuffle]


@pytest.mark.parametrize(
    ("groups", "per", "seed"), [(2, 3, 0), (4, 4, 1), (7, 3, 2), (3, 10, 3), (5, 1, 4)]
)
def test_planted_groups_are_found_whatever_their_signs_and_strengths(groups, per, seed):
    theory, label = planted(groups, per, seed)
    found = ClusterTree().clusters(theory, groups)
    assert torch.equal(found[:, None] == found, label[:, None] == label)


@pytest.mark.parametrize("seed", range(4))
def test_the_tree_is_one_orthonormal_basis(seed):
    x = torch.randn(40, 9, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    spectrum = ClusterTree().spectrum(Theory({"activation": x}))
    torch.testing.assert_close(spectrum.basis.T @ spectrum.basis, torch.eye(9).double())
    assert bool((spectrum.values.diff() <= 1e-12).all())
    assert float(spectrum.values[0]) == 1.0


@pytest.mark.parametrize("seed", range(3))
def test_every_rank_keeps_one_collective_unit_of_each_cluster(seed):
    theory, _ = planted(4, 3, seed, noise=1.0)
    scheme, sigma = ClusterTree(), theory.features["activation"].std(0, correction=0)
    basis = scheme.spectrum(theory).basis
    for rank in range(1, 13):
        clusters = scheme.clusters(theory, rank)
        assert len(set(clusters.tolist())) == rank
        projection = basis[:, :rank] @ basis[:, :rank].T
        for c in range(rank):
            members = clusters == c
            block = projection[members][:, members]
            values, vectors = torch.linalg.eigh(block)
            assert abs(float(values.sum()) - 1) < 1e-9
            torch.testing.assert_close(
                vectors[:, -1].abs(), sigma[members] / sigma[members].norm(), atol=1e-9, rtol=0
            )
            assert float(projection[members][:, ~members].abs().sum()) < 1e-9


def test_coarser_clusters_are_unions_of_finer_ones():
    theory, _ = planted(3, 4, 5, noise=1.0)
    scheme = ClusterTree()
    partitions = [scheme.clusters(theory, rank) for rank in range(1, 13)]
    for coarse, fine in itertools.pairwise(partitions):
        for c in set(fine.tolist()):
            assert len(set(coarse[fine == c].tolist())) == 1


def test_anticorrelated_units_are_kept_as_their_difference():
    x = torch.randn(300, 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    theory = Theory({"activation": torch.cat([x, -x], 1)})
    effective = ClusterTree().coarsen(theory, 1)
    torch.testing.assert_close(effective.lift()["activation"], theory.features["activation"])


def test_units_that_never_vary_cost_no_cluster():
    x = torch.randn(200, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    x[:, [1, 3]] = 7.0
    first = Observable("first", lambda f: f["activation"][:, 0], tolerance=1e-9)
    theory = Theory({"activation": x}, (first,))
    clusters = ClusterTree().clusters(theory, 4)
    assert clusters[1] == clusters[3]
    effective = ClusterTree().coarsen(theory, 4)
    torch.testing.assert_close(effective.lift()["activation"], x)


def test_nothing_varies_and_a_single_unit_are_fine():
    for x in (torch.ones(6, 3), torch.randn(6, 1, generator=torch.Generator().manual_seed(0))):
        flow = Flow(Theory({"activation": x}), ClusterTree())
        lifted = flow[flow.scale.cutoffs[0]].lift()["activation"]
        torch.testing.assert_close(lifted, x.double())


def test_the_four_numbers_come_together():
    theory, _ = planted(3, 3, 7)
    o = Observable("sum", lambda f: f["activation"].sum(1), tolerance=1.0)
    level = Flow(Theory(dict(theory.features), (o,)), ClusterTree()).level(3)
    influence = level.influences["sum"]
    assert influence.average.value > 0
    assert influence.attack.value >= influence.average.value / 10


def test_as_many_clusters_as_there_are_not_is_refused():
    theory, _ = planted(2, 2, 0)
    with pytest.raises(CutoffError, match="5"):
        ClusterTree().clusters(theory, 5)
