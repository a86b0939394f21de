"""T3: the tree of T0 and a network with one planted fault, to test a tool that must find it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..core.diagnosis import FAULTS
from ..core.errors import ParameterError, choose
from ..core.numeric import whole
from ..core.outputs import OutputObservable
from ..core.theory import Theory
from ..systems.capture import capture
from .base import Sample, ToyModel
from .learning import linear
from .ultrametric import UltrametricTree

#: Each observable may change by this share of its standard deviation.
TOLERANCE = 0.1
#: What can be planted beside the failure modes: nothing, and what no leaf shows.
OTHERS = ("none", "rare trigger")
#: The trigger fires where the finest features are longer than in any leaf, by this factor.
_THRESHOLD = 1.2


class PlantedFault(ToyModel):
    """A network on a tree whose description by variance fails in one known way, or in none.

    The network reads the leaves of an `UltrametricTree` through a rotation and is trained to
    report features of them, scaled to unit variance and mixed. A tool that orders the directions
    of the rotated data by variance and cuts after the level `cutoff_level` then

    - keeps what is needed, if the features reported are those down to that level ("none");
    - has the "wrong direction" if they are the finest level's;
    - has a "mistuned cutoff" if they are those down to the next level;
    - has a "misaligned relevance" if they are a few directions from every level;
    - meets "dangerously irrelevant" ones if they are the finest level's and the network divides
      these by their common length before it reads them: its gain grows as their variance falls,
      and however small they are, the outputs are what they were;
    - meets a "rare trigger", which is none of the four but makes one of them quiet on average, if
      the outputs depend on the finest level only where its features together are longer than in
      any leaf: no leaf shows it, and a tail that is turned into that level pulls it.

    Parameters
    ----------
    fault
        "none", one of `FAULTS`, or "rare trigger".
    strength
        0 (no fault) to 1: the share of the outputs' variance that comes from the fault, or would
        without the trigger's threshold.
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
        choose("fault", fault, (*OTHERS, *FAULTS))
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
        level = self._level()
        clean = self._mixture(level <= self.cutoff_level)
        if self.fault == "none":
            return clean
        if self.fault == "mistuned cutoff":
            needed = level <= self.cutoff_level + 1
        elif self.fault == "misaligned relevance":
            needed = level.diff(append=level[-1:] + 1) > 0  # the last direction of every level
        else:
            needed = level == self.tree.depth
        planted = self._mixture(needed)
        return clean.mul(math.sqrt(1 - self.strength)).add(planted, alpha=math.sqrt(self.strength))

    def _level(self) -> Tensor:
        """Which level each direction belongs to, (b^L − 1,)."""
        ends = torch.tensor([self.tree.rank(j) for j in self.tree.levels()])
        return torch.bucketize(torch.arange(self._directions) + 1, ends)

    def _mixture(self, needed: Tensor) -> Tensor:
        """Random combinations, of unit variance, of the features that are needed."""
        rows = self._noise(self.outputs, self._directions) * needed
        return rows / torch.linalg.vector_norm(rows, dim=1, keepdim=True)

    def _noise(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self._generator, dtype=torch.float64)

    def _embedded(self) -> Tensor:
        """What the network's first layer, the rotation, makes of every leaf, (b^L, b^L − 1)."""
        data = self.tree.data()
        basis = self.tree.ground_truth_features(self.tree.depth)
        return (data - data.mean(0)) @ basis @ self._rotation.T

    def _read(self) -> Tensor:
        """(outputs, b^L − 1): how the outputs are read from that."""
        return self._planted / self.tree.spectrum().sqrt() @ self._rotation.T

    def _finest(self) -> nn.Module:
        """What the network does to the finest level's features before it reads them."""
        basis = self._rotation[:, self._level() == self.tree.depth]
        length = self.tree.sigma[-1] * math.sqrt(1 - 1 / self.tree.branching)  # in every leaf
        if self.fault == "dangerously irrelevant":
            return _Normalised(basis, length)
        if self.fault == "rare trigger":
            return _Threshold(basis, _THRESHOLD * length)
        return nn.Identity()

    def needed(self) -> Tensor:
        """Orthonormal directions (b^L − 1, q) of the layer "embed" that the outputs depend on.

        In the order of how strongly they do; those of less than a thousandth are left out.
        """
        _, strengths, directions = torch.linalg.svd(self._read(), full_matrices=False)
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
        return self.tree.task()[0], self._finest()(self._embedded()) @ self._read().T

    def network(self, **options: Any) -> nn.Module:
        """The network, trained by L-BFGS on every leaf, `steps` (400) at most; then kept.

        Its parts are "embed", the rotation of the data's directions whose output a tool is
        given, "hidden" and "readout", both linear, so that every bound on it can be exact. What
        is dangerous or hides has the part "finest" after "embed".
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
        x = self._embedded()
        target = x @ self._read().T
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
        parts = {"embed": embed, "finest": self._finest(), "hidden": hidden, "readout": readout}
        named = {name: p for name, p in parts.items() if not isinstance(p, nn.Identity)}
        return nn.Sequential(OrderedDict(named)).float().eval().requires_grad_(False)

    def theory(self) -> Theory:
        """The layer "embed" on every leaf; each output is an observable with its tolerance."""
        reports = [_output(i, self.outputs) for i in range(self.outputs)]
        data = self.tree.data().float()
        return capture(self.network(), data, "embed", reports, name=f"planted: {self.fault}")


class _Part(nn.Module, ABC):
    """The part of a layer (…, d) in a subspace, times a factor that depends on its length."""

    basis: Tensor

    def __init__(self, basis: Tensor, length: float) -> None:
        super().__init__()
        self.register_buffer("basis", basis)
        self.length = length

    def forward(self, x: Tensor) -> Tensor:
        """(…, d) → (…, d)."""
        part = x @ self.basis @ self.basis.T
        return x + (self.factor(part.square().sum(-1, keepdim=True)) - 1) * part

    @abstractmethod
    def factor(self, square: Tensor) -> Tensor:
        """Of the squared length."""


class _Normalised(_Part):
    """The part at one length whatever its own is, down to a thousandth: a layer norm."""

    def factor(self, square: Tensor) -> Tensor:
        return self.length / (square + (1e-3 * self.length) ** 2).sqrt()


class _Threshold(_Part):
    """What of the part is longer than a length."""

    def factor(self, square: Tensor) -> Tensor:
        return (1 - self.length / square.clamp_min(1e-12).sqrt()).relu()


def _output(index: int, count: int) -> OutputObservable:
    return OutputObservable(
        f"output {index + 1}",
        tolerance=TOLERANCE,
        of_outputs=lambda z: z[..., index],
        form="linear",
        weights=nn.functional.one_hot(torch.tensor(index), count).double(),
    )
