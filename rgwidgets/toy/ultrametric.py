"""T0, solvable: data on an ultrametric tree, its spectrum and learning times known exactly."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..core.errors import ParameterError, ShapeError
from ..core.numeric import whole
from ..core.theory import Observable, Theory
from .base import Sample, ToyModel
from .learning import Learning, learn

#: Most leaves that are enumerated.
LEAVES = 4096


class UltrametricTree(ToyModel):
    """x = Σ_l σ_l u_node(l): every leaf is the sum of one vector for each of its ancestors.

    The b^L leaves of a tree of branching b and depth L are the data, equally likely; node vectors
    are orthonormal. The covariance about the mean has the eigenvalues λ_j = Σ_{l≥j} σ_l² b^{−l},
    j = 1 … L, each b^j − b^{j−1} times: cliffs at the ranks b^j − 1 exactly. What is finer than
    level j are the directions beyond rank b^j − 1.

    A deep linear network that learns the data from their names learns level j at the time
    `learning_times` gives: training time is the implicit scale, rank the explicit one.

    Parameters
    ----------
    branching, depth
        b ≥ 2 and L ≥ 1, at most 4096 leaves.
    sigma
        σ_0 … σ_L, finite and ≥ 0; or one number r, for σ_l = r^l.
    dimension
        Of the data, at least the number of nodes, which it is if None.
    seed
        Of the node vectors.

    Raises
    ------
    ParameterError
        If a number is out of range.

    Examples
    --------
    >>> tree = UltrametricTree(branching=2, depth=3, sigma=(1, 1, 1, 1))
    >>> [round(value, 4) for value in tree.eigenvalues()]
    [1.875, 0.875, 0.375, 0.125]
    >>> [tree.rank(level) for level in tree.levels()]
    [0, 1, 3, 7]
    """

    name: ClassVar[str] = "ultrametric_tree"
    summary: ClassVar[str] = "T0: data on a tree with an exactly known spectrum of cliffs"
    citation: ClassVar[str] = (
        "A. M. Saxe, J. L. McClelland, S. Ganguli, A mathematical theory of semantic development "
        "in deep neural networks, PNAS 116, 11537 (2019)"
    )

    def __init__(
        self,
        *,
        branching: int = 2,
        depth: int = 5,
        sigma: Sequence[float] | float = 1.0,
        dimension: int | None = None,
        seed: int = 0,
    ) -> None:
        self.branching = whole("branching", branching, 2)
        self.depth = whole("depth", depth, 1)
        self.leaves = self.branching**self.depth if self.depth < 13 else LEAVES + 1
        if self.leaves > LEAVES:
            raise ParameterError(
                "leaves", given=f"{branching}^{depth}", allowed=f"branching^depth ≤ {LEAVES}"
            )
        self.sigma = _amplitudes(sigma, self.depth)
        self.seed = seed
        counts = [self.branching**level for level in self.levels()]
        self._first = [sum(counts[:level]) for level in self.levels()]
        nodes = sum(counts)
        self.dimension = whole("dimension", nodes if dimension is None else dimension, nodes)
        noise = torch.randn(self.dimension, nodes, generator=_generator(seed), dtype=torch.float64)
        self._nodes = torch.linalg.qr(noise)[0].T

    # -- the hierarchy ---------------------------------------------------------------------------

    def levels(self) -> tuple[int, ...]:
        """0, the root, to the depth, the leaves."""
        return tuple(range(self.depth + 1))

    def rank(self, level: int) -> int:
        """Directions about the mean down to `level`: b^level − 1, where the spectrum falls."""
        return int(self.branching ** self.checked_level(level)) - 1

    def eigenvalues(self) -> tuple[float, ...]:
        """λ_j, j = 0 … L; the first is that of the mean, which a covariance does not have."""
        shares = [s**2 / self.branching**level for level, s in enumerate(self.sigma)]
        return tuple(math.fsum(shares[level:]) for level in self.levels())

    def spectrum(self) -> Tensor:
        """All b^L − 1 eigenvalues of the covariance, in descending order, float64."""
        values = self.eigenvalues()
        multiplicities = [self.rank(j) - self.rank(j - 1) for j in self.levels()[1:]]
        return torch.repeat_interleave(
            torch.tensor(values[1:], dtype=torch.float64), torch.tensor(multiplicities)
        )

    def ancestors(self, leaf: Tensor, level: int) -> Tensor:
        """The node above each leaf at a level, 0 … b^level − 1, int64."""
        below = int(self.branching ** (self.depth - self.checked_level(level)))
        return leaf.div(below, rounding_mode="floor")

    def data(self) -> Tensor:
        """Every leaf once, (b^L, d), float64."""
        leaf = torch.arange(self.leaves)
        x = torch.zeros(self.leaves, self.dimension, dtype=torch.float64)
        for level, sigma in enumerate(self.sigma):
            x += sigma * self._nodes[self._first[level] + self.ancestors(leaf, level)]
        return x

    def sample(self, n: int, seed: int = 0) -> Sample:
        """Leaves at random, each as often as the others as far as `n` admits: x is (n, d) float64.

        When `n` is a multiple of b^L every leaf is there equally often, and the covariance of the
        sample is the exact one.
        """
        whole("n", n, 1)
        generator = _generator(seed)
        rounds = [
            torch.randperm(self.leaves, generator=generator) for _ in range(-(-n // self.leaves))
        ]
        leaf = torch.cat(rounds)[:n]
        latents = tuple(self.ancestors(leaf, level) for level in self.levels())
        return Sample(self.data()[leaf], latents)

    # -- coarse-graining, exactly ----------------------------------------------------------------

    def ground_truth_features(self, level: int) -> Tensor:
        """Orthonormal directions (d, b^level − 1) about the mean, coarsest first, float64.

        They span the differences between the means of the leaves below each node of the level.
        """
        data = self.data()
        basis = torch.zeros(self.dimension, 0, dtype=torch.float64)
        for j in range(1, self.checked_level(level) + 1):
            means = data.reshape(self.branching**j, -1, self.dimension).mean(1)
            siblings = means.reshape(-1, self.branching, self.dimension)
            steps = _contrasts(self.branching) @ (siblings - siblings.mean(1, keepdim=True))
            basis = torch.cat([basis, torch.nn.functional.normalize(steps.flatten(0, 1)).T], dim=1)
        return basis

    def coarse_grain(self, x: Tensor, level: int) -> Tensor:
        """Project (n, d) about the mean on the features of `level`: each leaf becomes the mean of
        those that share its node there.

        Raises `ShapeError` if the data have another dimension.
        """
        if x.ndim < 1 or x.shape[-1] != self.dimension:
            raise ShapeError("x", given=tuple(x.shape), allowed=f"(…, {self.dimension})")
        basis = self.ground_truth_features(level).to(x)
        mean = self.data().mean(0).to(x)
        return mean + (x - mean) @ basis @ basis.T

    def oracle(self, observable: Callable[[Tensor], Tensor], level: int) -> float:
        """Mean over all leaves, coarse-grained to `level`, of a function (n, d) → (n,): exact.

        >>> tree = UltrametricTree(branching=3, depth=2)
        >>> round(tree.oracle(lambda x: (x**2).sum(-1), 2), 12)  # σ_0² + σ_1² + σ_2²
        3.0
        """
        values = observable(self.coarse_grain(self.data(), level))
        if values.shape != (self.leaves,):
            raise ShapeError(
                "values of the observable", given=tuple(values.shape), allowed="(n,) of x (n, d)"
            )
        return float(values.double().mean())

    def theory(self) -> Theory:
        """Every leaf once; the observable is the squared length."""
        length = Observable("squared length", lambda f: (f["activation"] ** 2).sum(-1))
        return Theory({"activation": self.data()}, (length,), name="ultrametric tree")

    # -- learning --------------------------------------------------------------------------------

    def task(self) -> tuple[Sample, Tensor]:
        """Every leaf once, and the leaf itself; `learning` has its name in place of x."""
        leaf = torch.arange(self.leaves)
        latents = tuple(self.ancestors(leaf, level) for level in self.levels())
        return Sample(self.data(), latents), self.data()

    def learning_times(self, initial: float) -> tuple[float, ...]:
        """When a deep linear network has learnt half of each level j = 0 … L.

        t_j = ln(s_j/a₀ − 1) / 2 s_j with s_j = √λ_j, in units of 1/(learning rate × steps).

        Parameters
        ----------
        initial
            a₀, the strength of every mode at the start: 0 < a₀ < s_j / 2.
        """
        strengths = [math.sqrt(value) for value in self.eigenvalues()]
        if not 0 < initial < min(strengths) / 2:
            raise ParameterError(
                "initial strength",
                given=initial,
                allowed=f"between 0 and half the weakest mode, {min(strengths) / 2:.3g}",
                mend="begin with smaller weights, or give each level a σ > 0",
            )
        return tuple(math.log(s / initial - 1) / (2 * s) for s in strengths)

    def learning(
        self, *, initial: float = 1e-4, hidden: int | None = None, seed: int = 0
    ) -> Learning:
        """Train a deep linear network from small random weights to the end and watch each level.

        Parameters
        ----------
        initial
            a₀, as for `learning_times`.
        hidden
            Hidden units; 2048, or 32 for each leaf if they are more, if None. Fewer make
            the a₀ of single modes scatter more.
        seed
            Of the weights.
        """
        times = self.learning_times(initial)
        width = (
            max(32 * self.leaves, 2048) if hidden is None else whole("hidden", hidden, self.leaves)
        )
        mean = self.data().mean(0)
        root = torch.nn.functional.normalize(mean, dim=0)[:, None]
        modes = torch.cat([root, self.ground_truth_features(self.depth)], dim=1)
        groups = [slice(0, 1)] + [
            slice(self.rank(j - 1) + 1, self.rank(j) + 1) for j in self.levels()[1:]
        ]
        target = self.data().T / math.sqrt(self.leaves)
        return learn(
            target, modes, groups, initial=initial, hidden=width, seed=seed, until=1.5 * max(times)
        )

    def network(self, **options: Any) -> nn.Module:
        """The network that `learning` trains, from the one-hot name of a leaf, √(b^L) long."""
        return self.learning(**options).module


def _amplitudes(sigma: Sequence[float] | float, depth: int) -> tuple[float, ...]:
    if isinstance(sigma, (int, float)):
        sigma = [float(sigma) ** level for level in range(depth + 1)]
    found = tuple(float(s) for s in sigma)
    if len(found) != depth + 1 or not all(0 <= s < math.inf for s in found) or found[-1] == 0:
        raise ParameterError(
            "sigma",
            given=found,
            allowed=f"a number, or {depth + 1} finite numbers ≥ 0, one a level, the last > 0",
        )
    return found


def _contrasts(count: int) -> Tensor:
    """Orthonormal rows (count − 1, count) that sum to zero (Helmert)."""
    rows = torch.tril(torch.ones(count - 1, count, dtype=torch.float64))
    index = torch.arange(1, count, dtype=torch.float64)
    rows[torch.arange(count - 1), torch.arange(1, count)] = -index
    return torch.nn.functional.normalize(rows)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
