"""Merge the units of an activation that vary together, two clusters at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from rgwidgets.core.theory import Theory

from .subspace import Spectrum, SubspaceScheme, moments


@dataclass(frozen=True)
class ClusterTree(SubspaceScheme):
    """Block spins of neurons: r clusters of units, each replaced by one collective unit.

    Units are merged by average linkage on the distance 1 − |correlation|. A cluster's collective
    unit is Σ_i s_i σ_i x_i, normalised: units that are anticorrelated enter with opposite signs
    s_i, strong ones with the weight σ_i of their standard deviation. Keeping r directions keeps
    the collective units of r clusters exactly, for every r at once: each merge of two clusters
    adds one direction, their difference, orthogonal to all that was merged later (an unbalanced
    Haar basis of the tree). Units that never vary are merged first.

    Examples
    --------
    >>> shared = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    >>> noise = torch.randn(500, 4, generator=torch.Generator().manual_seed(1))
    >>> x = shared[:, [0, 0, 1, 1]] * torch.tensor([1, -1, 1, 1]) + 0.1 * noise
    >>> ClusterTree().clusters(Theory({"activation": x}), 2).tolist()
    [0, 0, 1, 1]
    """

    name: ClassVar[str] = "cluster_tree"
    summary: ClassVar[str] = "merge units that vary together into one collective unit"
    citation: ClassVar[str] = (
        "A. B. Lee, B. Nadler, L. Wasserman, Treelets: an adaptive multi-scale basis for sparse "
        "unordered data, Ann. Appl. Stat. 2, 435 (2008)"
    )

    def measure(self, theory: Theory, feature: str) -> Spectrum:
        """Mean of the feature, and the tree's directions, the last merge's first."""
        mean, covariance = moments(theory.features[feature])
        deviation = covariance.diagonal().clamp_min(0).sqrt()
        correlation = _correlation(covariance, deviation)
        floor = 1e-9 * float(deviation.max()) if float(deviation.max()) > 0 else 1.0
        basis, heights = _haar(_merges(correlation), covariance, deviation.clamp_min(floor))
        return Spectrum(mean, basis, heights, "distance of the clusters that are merged")

    def clusters(self, theory: Theory, count: int) -> Tensor:
        """Which of `count` clusters each unit belongs to, (d,) int64, numbered as they appear.

        Raises `CutoffError` if that many clusters are no cutoff of the scale.
        """
        rank = max(1, int(self.scale(theory).check(count)))
        kept = self.spectrum(theory).basis[:, :rank]
        same = (kept @ kept.T).abs() > 1e-12
        names: dict[int, int] = {}
        first = [int(row.nonzero()[0]) for row in same]
        return torch.tensor([names.setdefault(unit, len(names)) for unit in first])


def _correlation(covariance: Tensor, deviation: Tensor) -> Tensor:
    """Correlations; 1 between units that never vary, so that they are merged first."""
    still = deviation <= 1e-9 * deviation.max()
    scale = deviation.masked_fill(still, 1.0)
    found = (covariance / scale / scale[:, None]).clamp(-1, 1)
    return found.masked_fill(still[:, None] & still, 1.0)


def _merges(correlation: Tensor) -> Any:
    """Rows (first, second, height, size) by rising height, clusters numbered as scipy does."""
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    d = len(correlation)
    if d < 2:
        return np.zeros((0, 4))
    distance = (1 - correlation.abs()).clamp_min(0).cpu().numpy()
    distance = (distance + distance.T) / 2
    np.fill_diagonal(distance, 0.0)
    return linkage(squareform(distance, checks=False), method="average")


def _haar(merges: Any, covariance: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """The tree's orthonormal basis (d, d), coarsest first, and the heights of its merges (d,)."""
    collective = list(torch.diag(weight))
    details, heights = [], []
    for first, second, height, _ in merges:
        one, two = collective[int(first)], collective[int(second)]
        if float(one @ covariance @ two) < 0:
            two = -two
        a, b = float(one.norm()), float(two.norm())
        detail = (b / a * one - a / b * two) / math.hypot(a, b)
        details.append(detail)
        heights.append(float(height))
        collective.append(one + two)
    root = collective[-1] / collective[-1].norm()
    basis = torch.stack([root, *reversed(details)], dim=1)
    values = torch.tensor([1.0, *reversed(heights)], dtype=torch.float64)
    return basis, values.to(weight).clamp_min(0)
