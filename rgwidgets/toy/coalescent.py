"""Random forests of critical percolation: clusters of power-law sizes, each a random tree."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.errors import ConvergenceError
from ..core.estimate import Estimate
from ..core.numeric import real, whole


@dataclass(frozen=True, eq=False)
class Forest:
    """Clusters of data; the edges of each make a tree, and come in a random order.

    Join data edge by edge, the lowest mark first: if every tree is uniform among the labelled
    trees and marks are independent and uniform in [0, 1), two blocks of a cluster join with
    probability in proportion to the sum of their sizes. That is the additive coalescent
    (J. Pitman, Coalescent random forests, J. Combin. Theory A 85, 165 (1999)); its history is the
    latent tree of the data. Blocks at `keep` are those that bond percolation leaves, with the
    correlation length 1/(1 − keep) and a mean size, over data, that tends to its square.

    Attributes
    ----------
    cluster
        Name of the cluster of each datum, 0 … in the order in which they arose, (N,) int64.
    parent
        The neighbour of each datum on the way to the root of its tree, (N,) int64; an earlier
        datum, or the root itself.
    mark
        Of the edge to the parent, in [0, 1), (N,) float64.

    Examples
    --------
    >>> chain = Forest(torch.zeros(4).long(), torch.tensor([0, 0, 1, 2]),
    ...                torch.tensor([0, 0.5, 0.1, 0.7]))
    >>> chain.blocks(0.5).tolist(), chain.blocks(0.6).tolist()
    ([0, 1, 1, 2], [0, 0, 0, 1])
    """

    cluster: Tensor
    parent: Tensor
    mark: Tensor

    def blocks(self, keep: float) -> Tensor:
        """Name of the block of each datum, 0 …, (N,) int64, when edges below `keep` hold."""
        index = torch.arange(len(self.parent))
        heads = _followed(torch.where(self.mark < keep, self.parent, index))
        return torch.unique(heads, return_inverse=True)[1]

    def sizes(self) -> Tensor:
        """Data in each cluster, (C,) int64."""
        return torch.bincount(self.cluster)

    def distances(self) -> Tensor:
        """Edges between each two data, (N, N) float64; infinite between clusters."""
        n = len(self.parent)
        found = torch.full((n, n), math.inf, dtype=torch.float64)
        for i, parent in enumerate(self.parent.tolist()):
            if parent < i:
                found[i, :i] = found[parent, :i] + 1
                found[:i, i] = found[i, :i]
            found[i, i] = 0
        return found


def grow(data: int, create: float, generator: torch.Generator) -> Forest:
    """A random forest: cluster sizes by Simon's growth, each tree uniform given its size.

    Every new datum founds a cluster with probability `create`, and otherwise joins that of an
    earlier datum, all equally likely. The tree of a cluster is drawn by Aldous's rule, see
    `attached`, so data of a cluster are named in the order of a walk.

    Raises
    ------
    ParameterError
        If there is not at least one datum, or `create` is not in [0, 1).
    """
    whole("data", data, 1)
    _probability(create)
    index = torch.arange(data)
    draw = torch.rand(4, data, generator=generator, dtype=torch.float64)
    founds = draw[0] < create
    founds[0] = True
    earlier = (draw[1] * index).long()
    cluster = torch.unique(_followed(torch.where(founds, index, earlier)), return_inverse=True)[1]
    sizes = torch.bincount(cluster)
    order = torch.argsort(cluster, stable=True)
    first = (sizes.cumsum(0) - sizes)[cluster[order]]
    local = attached((draw[2] * sizes[cluster[order]]).long(), index - first)
    parent = torch.empty_like(index)
    parent[order] = order[first + local]
    return Forest(cluster, parent, draw[3])


def attached(choice: Tensor, index: Tensor) -> Tensor:
    """Parents min(choice, index − 1) of the nodes `index` = 0 …; the root is its own.

    With choices uniform over all n names, the tree is uniform among the n^{n−2} labelled trees
    once its nodes are renamed at random (D. J. Aldous, SIAM J. Discrete Math. 3, 450 (1990)).

    >>> attached(torch.tensor([2, 1, 0, 3]), torch.arange(4)).tolist()
    [0, 0, 0, 2]
    """
    return torch.minimum(choice, index - 1).clamp(min=0)


def distance_law(size: int) -> Tensor:
    """Probability of 1 … n − 1 edges between two data of a uniform tree of n, (n − 1,) float64.

    P(k) = (k + 1) n^{−k} (n − 2)! / (n − k − 1)!, for there are (k + 1) n^{n−k−2} labelled trees
    that contain a given path of k edges. The mean tends to √(πn/2).

    >>> distance_law(3).tolist()  # two of three pairs are neighbours
    [0.6666666666666666, 0.3333333333333333]
    """
    n = whole("size", size, 2)
    k = torch.arange(1, n, dtype=torch.float64)
    steps = torch.cat([torch.ones(1, dtype=torch.float64), (n - k[1:]) / n])
    return steps.cumprod(0) * (k + 1) / n


def size_law(sizes: Tensor, create: float) -> Tensor:
    """Probability ρ B(k, ρ + 1) of a cluster of size k, ρ = 1/(1 − create): Yule and Simon's law.

    It falls as k^{−(ρ + 1)}: as k^{−5/2}, the law of critical percolation in the mean field, at
    create = 1/3 (H. A. Simon, Biometrika 42, 425 (1955)).

    >>> [round(p, 6) for p in size_law(torch.tensor([1, 2]), 1 / 3).tolist()]  # 3/5 and 6/35
    [0.6, 0.171429]
    """
    rho = torch.tensor(1 / (1 - _probability(create)), dtype=torch.float64)
    k = sizes.double()
    beta = torch.lgamma(k) + torch.lgamma(rho + 1) - torch.lgamma(k + rho + 1)
    return rho * beta.exp()


def expected_counts(data: int, create: float) -> Tensor:
    """Mean number of clusters of size 0, 1 … N after N data, (N + 1,) float64: exact.

    Divided by their sum it tends to `size_law`; a finite N has fewer large clusters.

    >>> expected_counts(2, 0.5).tolist()  # two of one, or one of two
    [0.0, 1.0, 0.5]
    """
    counts = torch.zeros(whole("data", data, 1) + 1, dtype=torch.float64)
    counts[1] = 1
    k = torch.arange(data + 1, dtype=torch.float64)
    _probability(create)
    for n in range(1, data):
        grown = (1 - create) * k * counts / n
        counts = counts - grown + torch.cat([grown.new_zeros(1), grown[:-1]])
        counts[1] += create
    return counts


def fitted_exponent(counts: Tensor) -> Estimate:
    """The exponent ρ + 1 of the size law that makes these cluster sizes most likely.

    The error is that of independent sizes, from the curvature of the likelihood: too large by up
    to a half, since clusters of one growth share its data. Of `expected_counts` it is what a
    growth of N data shows, lower than the asymptotic one.

    Parameters
    ----------
    counts
        Number, or mean number, of clusters of size 0, 1, …

    Raises
    ------
    ConvergenceError
        If every cluster is a single datum, which fits best with no power law at all.

    Examples
    --------
    >>> law = 1e4 * size_law(torch.arange(1, 100_001), 1 / 3)
    >>> print(fitted_exponent(torch.cat([torch.zeros(1), law])))
    2.50 ± 0.02
    """
    counts = counts.double()
    clusters = float(counts[1:].sum())
    if not bool(counts[2:].any()):
        raise ConvergenceError(
            "exponent of the cluster sizes",
            given=f"{clusters:g} clusters of one datum",
            allowed="at least one larger cluster",
            mend="take more data, or a smaller create_probability",
        )
    # clusters of a size ≥ j, j = 1 …: each gives the likelihood one factor 1/(ρ + j)
    above = counts.flip(0).cumsum(0).flip(0)[1:]
    j = torch.arange(1, len(counts), dtype=torch.float64)

    def slope(rho: float) -> float:
        return clusters / rho - float((above / (rho + j)).sum())

    # ρ times the slope falls, from the number of clusters to that less the number of data
    low, high = 0.0, 1.0
    while slope(high) > 0:
        low, high = high, 2 * high
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    curvature = clusters / high**2 - float((above / (high + j) ** 2).sum())
    return Estimate(high + 1, 1 / math.sqrt(curvature), samples=max(round(clusters), 1))


def _probability(create: float) -> float:
    return real("create_probability", create, "[0, 1)")


def _followed(pointer: Tensor) -> Tensor:
    """Where each chain of pointers ends; every one points to itself or to an earlier one."""
    while not torch.equal(further := pointer[pointer], pointer):
        pointer = further
    return pointer
