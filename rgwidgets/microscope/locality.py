"""How far interactions reach: does what one position does depend on what is far from it?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.errors import ParameterError, ShapeError
from ..core.estimate import Estimate
from ..core.numeric import in_double
from ..core.progress import track
from ..core.theory import Observable, Theory
from ..schemes.gradient_spectrum import gradients
from ..schemes.subspace import Spectrum, moments


@dataclass(frozen=True, eq=False)
class Locality:
    """The reach of the interactions between positions, in the fine and in the effective theory.

    Two positions interact in an observable where its gradient at one changes when the other is
    moved. The reach is the mean distance of pairs, each weighted by that change.

    Attributes
    ----------
    before, after
        Reach in the theory and in the effective theory, in the unit of the distances.
    control
        The reach of interactions that do not care for distance: the mean distance of all pairs.
    distance
        The distances that occur, ascending, (m,).
    coupling_before, coupling_after
        Mean change of the gradient at that distance, one standard deviation of the data at the
        other position, (m,), in units of the observable by standard deviation.
    """

    before: Estimate
    after: Estimate
    control: float
    distance: Tensor
    coupling_before: Tensor
    coupling_after: Tensor

    def __str__(self) -> str:
        return (
            f"reach {self.before} before the cut, {self.after} after; "
            f"{self.control:.3g} if distance did not matter"
        )


def locality(
    theory: Theory,
    feature: str,
    spectrum: Spectrum,
    rank: int,
    observable: Observable,
    *,
    distance: Tensor | None = None,
    probes: int = 8,
    seed: int = 0,
) -> Locality:
    """Measure the reach of an observable's interactions before and after a cut.

    Each probe moves one position of every sample by a random vector with the data's covariance
    and looks at how the gradient changes everywhere else. After the cut both the move and the
    gradient are within the kept directions, at the cut points.

    Parameters
    ----------
    theory, feature
        The theory and which of its features, (n, positions…, d).
    spectrum, rank
        The directions, and how many are kept: 1 or more.
    observable
        One of the theory's, with a gradient.
    distance
        (P, P) between positions in row-major order; Euclidean on their grid if None.
    probes, seed
        Moves a sample, and the seed of them.

    Raises
    ------
    ShapeError
        If the feature has no positions, or the distances do not fit them.
    ParameterError
        If nothing is kept, or the observable's gradient is the same wherever one looks.
    """
    x = in_double(theory.features[feature])
    if x.ndim < 3 or x[0, ..., 0].numel() < 2:
        raise ShapeError(
            "positions",
            given=f"{feature} {tuple(x.shape)}",
            allowed="(n, positions…, d) with two positions or more",
            mend="where features have no places, nothing says what is near",
        )
    if rank < 1:
        raise ParameterError("rank", given=rank, allowed="1 or more: nothing kept interacts")
    apart = _distances(x.shape[1:-1], distance).to(x.device)
    mean, covariance = moments(theory.features[feature])
    kept = spectrum.basis[:, :rank]
    inside = kept @ kept.T
    cut = spectrum.mean + (x - spectrum.mean) @ inside
    everything = torch.eye(len(mean)).to(mean)
    effort = {"probes": probes, "seed": seed}
    sides = [
        _couplings(theory, feature, observable, points, covariance, projection, apart, **effort)
        for points, projection in ((x, everything), (cut, inside))
    ]
    values = apart.unique()
    values = values[values > 0]
    off = ~torch.eye(len(apart), dtype=torch.bool, device=apart.device)
    before, after = (_reach(coupling, apart, observable.name) for coupling in sides)
    fine, coarse = (_profile(coupling, apart, values) for coupling in sides)
    control = float(apart[off].mean())
    return Locality(before, after, control, values.cpu(), fine, coarse)


def _distances(grid: torch.Size, given: Tensor | None) -> Tensor:
    count = math.prod(grid)
    if given is None:
        axes = [torch.arange(size, dtype=torch.float64) for size in grid]
        places = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).reshape(count, -1)
        return torch.cdist(places, places)
    if tuple(given.shape) != (count, count) or not bool((given >= 0).all()):
        raise ShapeError("distance", given=tuple(given.shape), allowed=f"({count}, {count}), ≥ 0")
    return given.double()


def _couplings(
    theory: Theory,
    feature: str,
    observable: Observable,
    points: Tensor,
    covariance: Tensor,
    projection: Tensor,
    apart: Tensor,
    *,
    probes: int,
    seed: int,
) -> Tensor:
    """Σ over probes of the change of the gradient, (n, P moved, P looked at), NaN where unmoved."""
    n, positions = len(points), len(apart)
    generator = torch.Generator().manual_seed(seed)
    values, vectors = torch.linalg.eigh(projection @ covariance @ projection)
    root = vectors * values.clamp_min(0).sqrt()
    dtype = theory.features[feature].dtype

    def gradient(at: Tensor) -> Tensor:
        placed = Theory({**theory.features, feature: at.to(dtype)}, (observable,))
        found = gradients(observable, placed, feature).double() @ projection
        return found.reshape(n, positions, -1)

    still, rows = gradient(points), torch.arange(n, device=points.device)
    total = torch.zeros(n, positions, positions, dtype=torch.float64, device=points.device)
    count = torch.zeros(n, positions, 1, dtype=torch.float64, device=points.device)
    for _ in track(range(probes), label=f"how far {observable.name} reaches"):
        place = torch.randint(positions, (n,), generator=generator).to(points.device)
        noise = torch.randn(n, len(root), generator=generator, dtype=torch.float64)
        moved = points.reshape(n, positions, -1).clone()
        moved[rows, place] += noise.to(root) @ root.T
        change = (gradient(moved.reshape(points.shape)) - still) @ root
        total[rows, place] += change.norm(dim=-1)
        count[rows, place] += 1
    return total / count


def _reach(coupling: Tensor, apart: Tensor, name: str) -> Estimate:
    """Mean distance of pairs weighted by their coupling, with its standard error over samples."""
    known = torch.nan_to_num(coupling) * (apart > 0)
    far, weight = (known * apart).sum((1, 2)), known.sum((1, 2))
    if not float(weight.sum()) > 0:
        raise ParameterError(
            f"observable {name!r}",
            given="a gradient that is the same everywhere",
            allowed="one with interactions between positions",
            mend="an observable that is linear in the feature has none: reach is not defined",
        )
    value = far.mean() / weight.mean()
    n = len(far)
    spread = (far - value * weight).std() / weight.mean() / math.sqrt(n) if n > 1 else math.nan
    return Estimate(float(value), float(spread), samples=n)


def _profile(coupling: Tensor, apart: Tensor, values: Tensor) -> Tensor:
    """Mean coupling at each distance."""
    mean = coupling.nanmean(0)
    return torch.stack([mean[apart == value].nanmean() for value in values]).cpu()
