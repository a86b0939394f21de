"""T2: data of critical percolation, with the latent tree that made them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..core.errors import ParameterError, ShapeError
from ..core.estimate import Estimate
from ..core.numeric import real, whole
from ..core.theory import Observable, Theory
from .base import Sample, ToyModel
from .coalescent import Forest, fitted_exponent, grow
from .regression import regression

#: Most data that are enumerated.
DATA = 4096
#: Distances of the roots, in steps, at which float64 tells both the roots and the steps apart.
_APART = (0.01, 1000.0)
#: Rows that are compared with the latent tree at a time.
_ROWS = 256


class PercolationData(ToyModel):
    """x = a walk along the tree of the datum's cluster: clusters of power-law sizes, in space.

    On a lattice of many dimensions critical clusters are random trees, P(size k) ~ k^{−5/2}. Here
    each new datum founds a cluster with probability α, or joins that of an earlier one; α = 1/3
    gives that law. The root of a cluster lies at `separation` in a direction of its own, and
    every other datum one step of unit length, in a direction of its own, from its neighbour. So
    ‖x_i − x_j‖² is the number of edges between two data of a cluster, √(πn/2) on average.

    The edges of a cluster join its data in a random order, the additive coalescent, whose history
    is the latent tree. It is cut at the correlation lengths ξ = b^{depth − level}: level 0 is all
    data, level 1 the clusters, level l ≥ 2 the blocks that are left when each edge is kept with
    probability 1 − 1/ξ, of about ξ² data, and the last level the data. The target value y
    changes by a random step at each level of the latent tree.

    Parameters
    ----------
    data
        N, 2 to 4096 data; features of 4096 in as many dimensions take minutes.
    create_probability
        α in [0, 1); 0 for one cluster.
    depth
        Number of the last level, ≥ 2.
    rescaling
        b > 1.
    separation
        Distance of the roots from the origin, 0.01 to 1000 steps.
    diffusion
        s_1 … s_depth, finite and ≥ 0: standard deviation of the steps of y at each level; or one
        number r, for s_l = r^l.
    dimension
        Of the data, 2 to 4096; N if None. With N or more the directions are orthonormal and
        what is said of distances is exact; with fewer they are random, and the data crowd.
    seed
        Of everything random; the forest and y are the same whatever the dimension.

    Raises
    ------
    ParameterError
        If a number is out of range.

    Examples
    --------
    >>> toy = PercolationData(data=64, depth=4, seed=1)
    >>> [toy.rank(level) for level in toy.levels()]
    [0, 23, 34, 44, 63]
    >>> torch.equal(toy.sizes(), torch.bincount(toy.blocks(1)))
    True
    """

    name: ClassVar[str] = "percolation"
    summary: ClassVar[str] = "T2: clusters of critical percolation with their latent tree"
    citation: ClassVar[str] = (
        "A. Brill, Neural scaling laws rooted in the data distribution, arXiv:2412.07942 (2024); "
        "Representation learning on a random lattice, arXiv:2504.20197 (2025)"
    )

    def __init__(
        self,
        *,
        data: int = 256,
        create_probability: float = 1 / 3,
        depth: int = 5,
        rescaling: float = 2.0,
        separation: float = 4.0,
        diffusion: Sequence[float] | float = 1.0,
        dimension: int | None = None,
        seed: int = 0,
    ) -> None:
        self.count = whole("data", data, 2, DATA)
        self.depth = whole("depth", depth, 2)
        self.rescaling = real("rescaling", rescaling, "(1, inf)")
        self.separation = real("separation", separation, "(0, inf)")
        if not _APART[0] <= self.separation <= _APART[1]:
            raise ParameterError(
                "separation", given=separation, allowed=f"{_APART[0]:g} to {_APART[1]:g} steps"
            )
        self.diffusion = _steps(diffusion, self.depth)
        self.dimension = whole("dimension", data if dimension is None else dimension, 2, DATA)
        self._generator = torch.Generator().manual_seed(whole("seed", seed, 0))
        self.forest: Forest = grow(self.count, create_probability, self._generator)
        self.create_probability = float(create_probability)
        self._blocks = [self.forest.blocks(self.kept(level)) for level in self.levels()]
        self._blocks[0] = torch.zeros_like(self.forest.cluster)
        self._value = self._diffused()
        self._directions = self._drawn_directions()
        self._found: list[Tensor] = [torch.zeros(self.dimension, 0, dtype=torch.float64)]

    # -- the latent tree -------------------------------------------------------------------------

    def levels(self) -> tuple[int, ...]:
        """0, all data, 1, the clusters, to the depth, the data."""
        return tuple(range(self.depth + 1))

    def correlation_length(self, level: int) -> float:
        """ξ in edges: b^{depth − level}, infinite where whole clusters hold together."""
        if self.checked_level(level) < 2:
            return math.inf
        exponent = (self.depth - level) * math.log(self.rescaling)
        return math.exp(min(exponent, 700.0))

    def kept(self, level: int) -> float:
        """Probability 1 − 1/ξ that an edge holds at a level."""
        return 1 - 1 / self.correlation_length(level)

    def blocks(self, level: int) -> Tensor:
        """Name of the block of each datum at a level, 0 …, (N,) int64."""
        return self._blocks[self.checked_level(level)]

    def sizes(self) -> Tensor:
        """Data in each cluster, (C,) int64."""
        return self.forest.sizes()

    @property
    def exponent(self) -> float:
        """τ of the law of sizes k^{−τ} that the growth tends to: 1 + 1/(1 − α)."""
        return 1 + 1 / (1 - self.create_probability)

    def fitted_exponent(self) -> Estimate:
        """τ as these clusters show it, by maximum likelihood of Yule and Simon's law.

        A finite growth has a lower one, by a share of the error; see `coalescent`. Raises
        `ConvergenceError` if every cluster is a single datum.
        """
        return fitted_exponent(torch.bincount(self.sizes()))

    def target(self, level: int | None = None) -> Tensor:
        """The mean of y over the block of each datum at a level, (N,); y itself if None.

        y is the sum of a normal step of standard deviation s_l for the datum's block at each
        level l ≥ 1, so that data that share more of the latent tree have nearer values.
        """
        return self._means(self._value[:, None], self.depth if level is None else level)[:, 0]

    def _diffused(self) -> Tensor:
        value = torch.zeros(self.count, dtype=torch.float64)
        for block, size in zip(self._blocks[1:], self.diffusion, strict=True):
            value += size * self._noise(int(block.max()) + 1)[block]
        return value

    # -- the data --------------------------------------------------------------------------------

    def _noise(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self._generator, dtype=torch.float64)

    def _drawn_directions(self) -> Tensor:
        """A unit vector for each datum (N, d)."""
        noise = self._noise(self.dimension, self.count)
        if self.dimension >= self.count:
            return torch.linalg.qr(noise)[0].T
        return nn.functional.normalize(noise, dim=0).T

    @cached_property
    def _data(self) -> Tensor:
        x = self._directions.clone()
        for i, parent in enumerate(self.forest.parent.tolist()):
            if parent == i:
                x[i] *= self.separation
            else:
                x[i] += x[parent]
        return x

    def data(self) -> Tensor:
        """Every datum once, (N, d), float64."""
        return self._data.clone()

    def sample(self, n: int, seed: int = 0) -> Sample:
        """Data at random, each as often as the others as far as `n` admits: x is (n, d) float64.

        The latents are the names of a datum's blocks; the last is that of the datum, which finds
        its value in `target()`.
        """
        whole("n", n, 1)
        generator = torch.Generator().manual_seed(seed)
        rounds = [
            torch.randperm(self.count, generator=generator) for _ in range(-(-n // self.count))
        ]
        datum = torch.cat(rounds)[:n]
        return Sample(self._data[datum], tuple(block[datum] for block in self._blocks))

    # -- coarse-graining, exactly ----------------------------------------------------------------

    def _means(self, values: Tensor, level: int) -> Tensor:
        """The mean over the block of each datum at a level, (N, m) of values (N, m)."""
        block = self.blocks(level)
        counts = torch.bincount(block)
        sums = torch.zeros(len(counts), values.shape[1], dtype=torch.float64)
        return (sums.index_add_(0, block, values) / counts[:, None])[block]

    def coarse_grain(self, x: Tensor, level: int) -> Tensor:
        """Each of (…, d) as the mean of the data in its block at `level`.

        What is no datum counts as the nearest datum, or the nearest mean of a block if one is
        nearer: means of coarser blocks hold nothing finer and stay. So coarse-graining twice is
        coarse-graining once to the coarser level. (A projection would not do: blocks of a
        cluster share steps.)

        Raises
        ------
        ShapeError
            If the data have another dimension.
        ParameterError
            If they are not finite.
        """
        self.checked_level(level)
        if x.ndim < 1 or x.shape[-1] != self.dimension:
            raise ShapeError("x", given=tuple(x.shape), allowed=f"(…, {self.dimension})")
        if not bool(torch.isfinite(x).all()):
            raise ParameterError("x", given="NaN or infinity", allowed="finite numbers")
        nodes, coarse = self._nodes(level)
        rows = x.detach().cpu().double().reshape(-1, self.dimension).split(_ROWS)
        nearest = [coarse[torch.cdist(part, nodes).argmin(1)] for part in rows]
        return torch.cat(nearest).reshape(x.shape).to(x)

    def _nodes(self, level: int) -> tuple[Tensor, Tensor]:
        """Means of all blocks of the latent tree (M, d), and what each is at a level (M, d)."""
        nodes, coarse = [], []
        at_level = self._means(self._data, level)
        for j in self.levels():
            means = at_level if j == level else self._means(self._data, j)
            block = self.blocks(j)
            member = torch.empty(int(block.max()) + 1, dtype=torch.int64)
            member[block] = torch.arange(self.count)  # whichever comes last: all share the block
            nodes.append(means[member])
            coarse.append((means if j < level else at_level)[member])
        return torch.cat(nodes), torch.cat(coarse)

    def oracle(self, observable: Callable[[Tensor], Tensor], level: int) -> float:
        """Mean over all data, coarse-grained to `level`, of a function (n, d) → (n,): exact.

        >>> toy = PercolationData(data=32, seed=2)
        >>> spread = lambda x: ((x - toy.data().mean(0)) ** 2).sum(-1)
        >>> kept = [toy.oracle(spread, level) for level in toy.levels()]
        >>> torch.allclose(torch.tensor(kept).diff(), toy.variances().float(), atol=1e-5)
        True
        """
        values = observable(self._means(self._data, level))
        if values.shape != (self.count,):
            raise ShapeError(
                "values of the observable", given=tuple(values.shape), allowed="(n,) of x (n, d)"
            )
        return float(values.double().mean())

    def variances(self) -> Tensor:
        """By how much the data vary for each level from 1: the variance of the blocks' means
        about those of the blocks that hold them, (depth,) float64. They add up to the whole.
        """
        means = [self._means(self._data, level) for level in self.levels()]
        steps = [(b - a).square().sum(1).mean() for a, b in itertools.pairwise(means)]
        return torch.stack(steps)

    def spectrum(self) -> Tensor:
        """Eigenvalues of the covariance of all data, (min(N − 1, d),), in descending order.

        For one cluster, in N dimensions, they are 1/(N κ) of each eigenvalue κ > 0 of the
        Laplacian of its tree.
        """
        x = self._data - self._data.mean(0)
        gram = x.T @ x if self.dimension < self.count else x @ x.T
        values = torch.linalg.eigvalsh(gram / self.count).flip(0)
        return values[: min(self.count - 1, self.dimension)].clamp(min=0)

    def rank(self, level: int) -> int:
        """Directions about the mean down to `level`: one less than there are blocks, as far as
        the dimension admits.
        """
        return min(int(self.blocks(level).max()), self.dimension)

    def ground_truth_features(self, level: int) -> Tensor:
        """Orthonormal directions (d, rank) about the mean, coarsest first, float64.

        They span the differences between the means of the blocks of the level; those of one level
        come in descending order of the variance that they add. The features of a coarser level
        are the first of these.
        """
        for j in range(len(self._found), self.checked_level(level) + 1):
            basis = torch.cat(self._found, dim=1)
            rows = self._means(self._data, j) - self._data.mean(0)
            rows -= rows @ basis @ basis.T
            vectors = torch.linalg.eigh(rows.T @ rows).eigenvectors
            new = vectors.flip(1)[:, : self.rank(j) - basis.shape[1]]
            self._found.append(new - basis @ (basis.T @ new))
        return torch.cat(self._found[: level + 1], dim=1)

    def theory(self) -> Theory:
        """Every datum once; the observable is the squared length."""
        length = Observable("squared length", lambda f: (f["activation"] ** 2).sum(-1))
        return Theory({"activation": self.data()}, (length,), name="percolation data")

    # -- learning --------------------------------------------------------------------------------

    def task(self) -> tuple[Sample, Tensor]:
        """Every datum once, and its value y (N, 1)."""
        latents = tuple(block.clone() for block in self._blocks)
        return Sample(self.data(), latents), self._value[:, None].clone()

    def network(self, **options: Any) -> nn.Sequential:
        """A ReLU network that reads a datum (…, d) and gives its value y, (…, 1), float32.

        It learns all data; the options are those of `regression`: widths, steps, learning_rate
        and seed.
        """
        return regression(self._data, self._value, **options)


def _steps(diffusion: Sequence[float] | float, depth: int) -> tuple[float, ...]:
    try:
        if isinstance(diffusion, (int, float)):
            diffusion = [float(diffusion) ** level for level in range(1, depth + 1)]
        found = tuple(float(s) for s in diffusion)
    except (TypeError, ValueError, OverflowError):
        found = ()
    if len(found) != depth or not all(0 <= s < math.inf for s in found):
        raise ParameterError(
            "diffusion",
            given=diffusion,
            allowed=f"a number, or {depth} finite numbers ≥ 0, one a level from 1",
        )
    return found
