"""T3: the tree of T0 and a network with one planted fault, to test a tool that must find it."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..core.diagnosis import FAULTS
from ..core.errors import ParameterError
from ..core.numeric import whole
from ..core.outputs import OutputObservable
from ..core.theory import Theory
from ..systems.capture import capture
from .base import Sample, ToyModel
from .learning import linear
from .ultrametric import UltrametricTree

#: Each observable may change by this share of its standard deviation.
TOLERANCE = 0.1
#: Average change that an amplified direction makes at full strength, in tolerances.
_QUIET = 0.8


class PlantedFault(ToyModel):
    """A network on a tree whose description by variance fails in one known way, or in none.

    The network reads the leaves of an `UltrametricTree` through a rotation and is trained to
    report features of them, scaled to unit variance and mixed. A tool that orders the directions
    of the rotated data by variance and cuts after the level `cutoff_level` then

    - keeps what is needed, if the features reported are those down to that level ("none");
    - has the "wrong direction" if they are the finest level's;
    - has a "mistuned cutoff" if they are those down to the next level;
    - has a "misaligned relevance" if they are a few directions from every level;
    - meets a "dangerously irrelevant" one if the network also amplifies one finest direction
      until it moves an output by a share of the tolerance on average: an adversary who turns the
      whole tail into that direction moves it by far more.

    Parameters
    ----------
    fault
        "none" or one of `FAULTS`.
    strength
        0 (no fault) to 1: the share of the outputs' variance that comes from the fault; for
        "dangerously irrelevant" the average change in units of the tolerance.
    branching, depth, sigma
        Of the tree; two levels at least.
    outputs
        How many features the network reports; as many as there are directions if None.
    seed
        Of everything random.

    Raises
    ------
    ParameterError
        For an unknown fault, a strength outside [0, 1], a tree of a single level.

    Examples
    --------
    >>> toy = PlantedFault("mistuned cutoff", branching=2, depth=3, seed=1)
    >>> toy.cutoff, toy.tree.rank(3)
    (1, 7)
    """

    name: ClassVar[str] = "planted_fault"
    summary: ClassVar[str] = "T3: T0 and a network with one of the failure modes planted in it"
    citation: ClassVar[str] = (
        "Towards Worst-Case Guarantees with Scale-Aware Interpretability, section 5.3"
    )

    def __init__(
        self,
        fault: str = "none",
        *,
        strength: float = 1.0,
        branching: int = 2,
        depth: int = 4,
        sigma: float = 1.0,
        outputs: int | None = None,
        seed: int = 0,
    ) -> None:
        if fault != "none" and fault not in FAULTS:
            raise ParameterError("fault", given=fault, allowed=", ".join(("none", *FAULTS)))
        if isinstance(strength, bool) or not 0 <= strength <= 1:
            raise ParameterError("strength", given=strength, allowed="a number from 0 to 1")
        whole("depth", depth, 2)
        self.tree = UltrametricTree(branching=branching, depth=depth, sigma=sigma, seed=seed)
        self.fault, self.strength, self.seed = fault, float(strength), seed
        self.cutoff_level = depth // 2
        self._directions = self.tree.rank(depth)
        self.outputs = self._directions if outputs is None else whole("outputs", outputs, 1)
        self._generator = torch.Generator().manual_seed(seed)
        self._planted = self._plant()
        self._rotation = torch.linalg.qr(self._noise(self._directions, self._directions))[0]
        self._trained: nn.Sequential | None = None

    # -- what is planted -------------------------------------------------------------------------

    @property
    def cutoff(self) -> int:
        """The rank after which a tool that trusts the variance would cut."""
        return self.tree.rank(self.cutoff_level)

    def _plant(self) -> Tensor:
        """(outputs, b^L − 1): how much of each feature of unit variance an output reports."""
        ends = torch.tensor([self.tree.rank(j) for j in self.tree.levels()])
        level = torch.bucketize(torch.arange(self._directions) + 1, ends)
        clean = self._mixture(level <= self.cutoff_level)
        if self.fault == "none":
            return clean
        if self.fault == "dangerously irrelevant":
            return self._amplified(clean, level == self.tree.depth)
        if self.fault == "wrong direction":
            needed = level == self.tree.depth
        elif self.fault == "mistuned cutoff":
            needed = level <= self.cutoff_level + 1
        else:
            needed = torch.zeros(self._directions, dtype=torch.bool)
            needed[ends[1:] - 1] = True  # the last direction of every level
        planted = self._mixture(needed)
        return clean.mul(math.sqrt(1 - self.strength)).add(planted, alpha=math.sqrt(self.strength))

    def _mixture(self, needed: Tensor) -> Tensor:
        """Random combinations, of unit variance, of the features that are needed."""
        rows = self._noise(self.outputs, self._directions) * needed
        return rows / torch.linalg.vector_norm(rows, dim=1, keepdim=True)

    def _amplified(self, clean: Tensor, finest: Tensor) -> Tensor:
        """One direction of the finest level, added to the first output."""
        direction = self._noise(1, self._directions) * finest
        direction /= torch.linalg.vector_norm(direction)
        size = float((self._features() @ direction.T).abs().mean())
        clean[:1] += self.strength * _QUIET * TOLERANCE / size * direction
        return clean

    def _noise(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self._generator, dtype=torch.float64)

    def _features(self) -> Tensor:
        """The features of every leaf, each of unit variance, (b^L, b^L − 1)."""
        data = self.tree.data()
        basis = self.tree.ground_truth_features(self.tree.depth)
        return (data - data.mean(0)) @ basis / self.tree.spectrum().sqrt()

    def needed(self) -> Tensor:
        """Orthonormal directions (b^L − 1, q) of the layer "embed" that the outputs depend on.

        In the order of how strongly they do; those of less than a thousandth are left out.
        """
        steep = self._planted / self.tree.spectrum().sqrt() @ self._rotation.T
        _, strengths, directions = torch.linalg.svd(steep, full_matrices=False)
        return directions[strengths > 1e-3 * strengths[0]].T

    # -- the interface of the tiers ---------------------------------------------------------------

    def levels(self) -> tuple[int, ...]:
        """Those of the tree."""
        return self.tree.levels()

    def sample(self, n: int, seed: int = 0) -> Sample:
        """Leaves of the tree."""
        return self.tree.sample(n, seed)

    def coarse_grain(self, x: Tensor, level: int) -> Tensor:
        """As the tree does."""
        return self.tree.coarse_grain(x, level)

    def oracle(self, observable: Callable[[Tensor], Tensor], level: int) -> float:
        """As the tree does; `observable` may be the network's."""
        return self.tree.oracle(observable, level)

    def ground_truth_features(self, level: int) -> Tensor:
        """The tree's directions in the data."""
        return self.tree.ground_truth_features(level)

    def task(self) -> tuple[Sample, Tensor]:
        """Every leaf once, and the outputs that the network is to give, (b^L, outputs)."""
        return self.tree.task()[0], self._features() @ self._planted.T

    def network(self, **options: Any) -> nn.Module:
        """The network, trained by L-BFGS on every leaf, `steps` (400) at most; then kept.

        Its parts are "embed", the rotation of the data's directions whose output a tool is
        given, "hidden" and "readout", both linear, so that every bound on it can be exact.
        """
        if self._trained is None:
            self._trained = self._train(**options)
        return self._trained

    def _train(self, *, steps: int = 400) -> nn.Sequential:
        basis = self.tree.ground_truth_features(self.tree.depth)
        mean = self.tree.data().mean(0)
        width = 2 * self._directions
        embed = linear(self._rotation @ basis.T, -self._rotation @ basis.T @ mean)
        hidden = linear(1e-2 * self._noise(width, self._directions))
        readout = linear(1e-2 * self._noise(self.outputs, width), torch.zeros(self.outputs))
        learner = nn.Sequential(hidden, readout)
        with torch.no_grad():
            x = embed(self.tree.data())
        _, target = self.task()
        optimiser = torch.optim.LBFGS(
            learner.parameters(),
            max_iter=whole("steps", steps, 1),
            tolerance_grad=1e-10,
            tolerance_change=1e-11,  # below, torch keeps no curvature and nothing is learnt
            line_search_fn="strong_wolfe",
        )

        def loss() -> Tensor:
            optimiser.zero_grad()
            error = torch.nn.functional.mse_loss(learner(x), target)
            error.backward()
            return error

        optimiser.step(loss)
        named = {"embed": embed, "hidden": hidden, "readout": readout}
        return nn.Sequential(OrderedDict(named)).float().eval().requires_grad_(False)

    def theory(self) -> Theory:
        """The layer "embed" on every leaf; each output is an observable with its tolerance."""
        reports = [_output(i, self.outputs) for i in range(self.outputs)]
        data = self.tree.data().float()
        return capture(self.network(), data, "embed", reports, name=f"planted: {self.fault}")


def _output(index: int, count: int) -> OutputObservable:
    return OutputObservable(
        f"output {index + 1}",
        tolerance=TOLERANCE,
        of_outputs=lambda z: z[..., index],
        form="linear",
        weights=nn.functional.one_hot(torch.tensor(index), count).double(),
    )
