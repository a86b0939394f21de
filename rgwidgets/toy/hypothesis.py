"""Do training time and cutoff order the features alike? True on T0; measured on the others."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..core.errors import ConvergenceError
from ..core.estimate import Estimate
from ..core.numeric import whole
from ..core.progress import track
from .base import ToyModel
from .learning import linear
from .ultrametric import UltrametricTree

#: Weights begin at this share of He's scale: features are then learnt, one after the other.
_SMALL = 0.1
#: A level that the output follows less than this share of the one it follows most is unused.
_UNUSED = 0.1


@dataclass(frozen=True, eq=False)
class Orders:
    """The levels of a toy model by two scales: what a tool keeps first, what training finds first.

    Attributes
    ----------
    levels
        Those that add something to the one above them.
    variance
        Mean variance of the data along what a level adds: a cutoff on the spectrum keeps the
        largest first. The explicit order.
    half_time
        Step at which as much of the network's output follows the level as half of what does in
        the end, over several networks: the implicit order. Infinite where the output never
        follows it. For T0 the time of the gradient flow.
    """

    levels: tuple[int, ...]
    variance: tuple[float, ...]
    half_time: tuple[Estimate, ...]

    @property
    def agreement(self) -> float:
        """Kendall's τ of the two orders: 1 where they are the same, −1 where one is reversed.

        NaN for a single level.
        """
        signs = [
            math.copysign(1, (v - w) * (s.value - t.value)) if v != w and s.value != t.value else 0
            for (v, t), (w, s) in itertools.combinations(
                zip(self.variance, self.half_time, strict=True), 2
            )
        ]
        return sum(signs) / len(signs) if signs else math.nan

    def broken(self) -> list[tuple[int, int]]:
        """Pairs of levels which the two scales order differently, beyond two standard errors."""
        rows = list(zip(self.levels, self.variance, self.half_time, strict=True))
        return [
            (one, two)
            for (one, v, t), (two, w, s) in itertools.combinations(rows, 2)
            if (v - w) * (s.value - t.value) < 0
            and abs(s.value - t.value) > 2 * math.hypot(s.error, t.error)
        ]


def orders(
    toy: ToyModel, *, networks: int = 4, steps: int = 400, width: int = 128, seed: int = 0
) -> Orders:
    """Measure both orders of a toy model.

    What a level adds are the functions on the data that its latent variables determine, one by
    one, and those of coarser levels do not. On T0 the learning times are those of the exact
    gradient flow. Elsewhere networks of one hidden layer of ReLUs learn the toy model's task from
    small weights by Adam on the mean squared error, and are watched: how much of the output is
    such a function.

    Parameters
    ----------
    toy
        Of any tier.
    networks, steps, width, seed
        How many networks, for how long, their hidden units, and the seed of the first.

    Raises
    ------
    ParameterError
        If a number is too small.
    ConvergenceError
        If a network has learnt nothing.

    Examples
    --------
    >>> found = orders(UltrametricTree(branching=2, depth=3), networks=1)
    >>> found.levels, found.agreement, found.broken()
    ((1, 2, 3), 1.0, [])
    """
    for name, given in (("networks", networks), ("steps", steps), ("width", width)):
        whole(name, given, 1)
    sample, y = toy.task()
    x = sample.x.double() - sample.x.double().mean(0)
    added = _added(sample.latents)
    variance = tuple(float((q.T @ x).square().sum()) / q.numel() for q in added.values())
    if isinstance(toy, UltrametricTree):
        times = toy.learning(seed=seed).half_times
        found = [(times[level].value,) for level in added]
    else:
        runs = [
            _watched(x, y.double() - y.double().mean(0), added.values(), steps, width, seed + k)
            for k in track(range(networks), label="learning the toy model again")
        ]
        found = list(zip(*runs, strict=True))
    return Orders(tuple(added), variance, tuple(map(_over_networks, found)))


def _added(latents: Sequence[Tensor]) -> dict[int, Tensor]:
    """For each level an orthonormal basis (n, k) of the functions on the data that it adds."""
    added: dict[int, Tensor] = {}
    known = torch.ones(len(latents[0]), 1, dtype=torch.float64) / math.sqrt(len(latents[0]))
    for level, symbols in enumerate(latents):
        places = nn.functional.one_hot(symbols.reshape(len(symbols), -1))
        new = places.flatten(1).double()
        for _ in range(2):  # the second time takes away what rounding left
            new = new - known @ (known.T @ new)
        left, sizes, _ = torch.linalg.svd(new, full_matrices=False)
        basis = left[:, sizes > 1e-8 * math.sqrt(len(new))]
        if basis.shape[1]:
            added[level] = basis
            known = torch.cat([known, basis], dim=1)
    return added


def _watched(
    x: Tensor, y: Tensor, added: Iterable[Tensor], steps: int, width: int, seed: int
) -> list[float]:
    """Half-times, in steps, of one network."""
    x, y = (x / x.square().mean().sqrt()).float(), y.float()
    network = _small(x.shape[1], width, y.shape[1], torch.Generator().manual_seed(seed))
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    bases, seen = [q.float() for q in added], []
    for _ in range(steps + 1):
        outputs = network(x)
        seen.append([float((q.T @ outputs.detach()).norm()) for q in bases])
        optimiser.zero_grad()
        nn.functional.mse_loss(outputs, y).backward()
        optimiser.step()
    paths = torch.tensor(seen, dtype=torch.float64).T
    most = float(paths[:, -1].max())
    if not most > 2 * float(paths[:, 0].max()):
        raise ConvergenceError(
            "learning",
            given="no more at the end than at the start",
            allowed="something learnt",
            mend="train for more steps",
        )
    return [_half(path) if float(path[-1]) >= _UNUSED * most else math.inf for path in paths]


def _small(inputs: int, width: int, outputs: int, generator: torch.Generator) -> nn.Sequential:
    def drawn(rows: int, columns: int) -> nn.Linear:
        scale = _SMALL * math.sqrt(2 / columns)
        weight = scale * torch.randn(rows, columns, generator=generator)
        return linear(weight, torch.zeros(rows))

    return nn.Sequential(drawn(width, inputs), nn.ReLU(), drawn(outputs, width))


def _half(path: Tensor) -> float:
    """First step at which a curve reaches half of its last value, interpolated."""
    goal = float(path[-1]) / 2
    after = int((path >= goal).double().argmax())
    if after == 0:
        return 0.0
    low, high = float(path[after - 1]), float(path[after])
    return after - 1 + (goal - low) / (high - low)


def _over_networks(times: Sequence[float]) -> Estimate:
    if math.inf in times:
        return Estimate(math.inf, 0.0, samples=len(times))
    found = torch.tensor(times, dtype=torch.float64)
    error = float(found.std()) / math.sqrt(len(found)) if len(found) > 1 else 0.0
    return Estimate(float(found.mean()), error, samples=len(found))
