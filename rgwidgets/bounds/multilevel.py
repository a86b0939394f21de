"""Adaptive multilevel splitting of the tails of a fibre: particles, levels, who was left where."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from rgwidgets.core.errors import ObservableError, ShapeError
from rgwidgets.core.fibre import rounding
from rgwidgets.core.outputs import OutputObservable, Outputs
from rgwidgets.core.progress import tick
from rgwidgets.core.theory import Observable

from .fibre import SubspaceFibre
from .tail_law import TailLaw

#: numbers in the largest array of one evaluation
_ROOM = 2**22
#: inputs that run through the network together
_TOGETHER = 64
#: acceptance that the size of a move is led to
_ACCEPTANCE = 0.3
#: least and largest share of the moves that draw another input or component
_REDRAWN = (0.05, 0.5)


@dataclass(frozen=True, eq=False)
class Shell:
    """The particles of one round, before those that are lost are replaced.

    Attributes
    ----------
    change
        |Δ| of each, (N,).
    lost
        Whether it stays behind at this level, (N,); all of them in the last round.
    eve
        Which of the first particles it comes from, (N,) int64.
    weight
        The share of probability that had reached this round.
    """

    change: Tensor
    lost: Tensor
    eve: Tensor
    weight: float


Pairs = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(eq=False)
class Watch:
    """The observable's change at pairs of an input and a tail, and the height that is climbed."""

    fibre: SubspaceFibre
    observable: Observable
    before: Tensor = field(init=False)
    most: Tensor = field(init=False)  # largest change that the declared range allows, (n,)
    calls: int = 0
    progress: float = 0.0  # of those who look

    def __post_init__(self) -> None:
        own = self.fibre.own
        self._alone: Pairs | None = None
        inputs = torch.arange(len(own))
        self.before, self._smooth = self._packed(inputs, torch.zeros_like(own))
        self.most = torch.full_like(self.before, math.inf)
        if self.observable.range is not None:
            low, high = self.observable.range
            self.most = torch.maximum(high - self.before, self.before - low)
        for way in (self._single, self._rerun) if self._declared() else (self._rerun,):
            if self._alone is None and self._same(way, inputs, own):
                self._alone = way

    def _same(self, way: Pairs, inputs: Tensor, z: Tensor) -> bool:
        """Whether inputs alone give what they give among all."""
        try:
            pairs = zip(self._packed(inputs, z), way(inputs, z), strict=True)
        except (ObservableError, ShapeError):
            return False
        return all(bool(((a - b).abs() <= rounding(a)).all()) for a, b in pairs)

    def __call__(self, inputs: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """|Δ| and heights, (m,) each, of inputs (m,) int64 with tails (m, K)."""
        values, smooth = (self._alone or self._packed)(inputs, z)
        change = (values - self.before[inputs]).abs()
        if self.observable.surrogate is None:
            return change, change
        if isinstance(self.observable, OutputObservable) and self.observable.form == "accuracy":
            # how much of the way to a margin of 0, where a right answer is lost, a wrong one won
            start = self._smooth[inputs]
            return change, 1 - smooth / torch.where(start.abs() > 1e-12, start, -1e-12)
        return change, (smooth - self._smooth[inputs]).abs()

    def _declared(self) -> bool:
        """Whether it is known what the observable makes of the outputs of one input alone."""
        one = self.observable
        if not isinstance(one, OutputObservable) or not self.fibre.direct(one):
            return False
        plain = one.surrogate is None or one.form == "accuracy"
        return plain and (one.labels is None or one.labels.ndim == 1)

    def _single(self, inputs: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """Values and stand-ins, (m,) each, through the tail of the network for these alone."""
        one = self.observable
        assert isinstance(one, OutputObservable)
        tail = self.fibre.tail
        assert tail is not None
        self._report()
        along, centre = self.fibre.start
        y = z.to(along.device) @ along.T + centre[inputs.to(centre.device)]
        for curve, affine in tail.layers:
            y = affine(curve(y))
        self.calls += len(y)
        if one.weights is not None and one.form == "linear":
            return self._checked(*[y[:, : len(one.weights)] @ one.weights.to(y)] * 2)
        assert one.labels is not None
        label = one.labels.to(y.device)[inputs.to(y.device), None]
        chosen = y.gather(1, label)[:, 0]
        if one.form == "cross entropy":
            return self._checked(*[y.logsumexp(1) - chosen] * 2)
        margin = chosen - y.scatter(1, label, -torch.inf).amax(1)
        return self._checked((margin > 0).double(), margin)

    def _rerun(self, inputs: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """The same by running the network again, for these inputs alone, some at a time."""
        fibre, one = self.fibre, self.observable
        if not isinstance(one, OutputObservable) or not isinstance(one.outputs, Outputs):
            raise ObservableError("outputs", given="none", allowed="an observable of outputs")
        found = []
        for some, tails in zip(
            torch.split(inputs, _TOGETHER), torch.split(z, _TOGETHER), strict=True
        ):
            self._report()
            outputs = replace(one.outputs, readout=one.outputs.readout.part(some))
            tied = one.part(some).through(outputs)
            features = {name: x[some] for name, x in fibre.theory.features.items()}
            features[fibre.feature] = fibre.points(tails, some)
            with torch.no_grad():
                values = tied.samples(features)
                smooth = values if one.surrogate is None else tied.smooth(features)
            found.append(torch.stack(self._checked(values, smooth)))
            self.calls += len(some)
        values, smooth = torch.cat(found, dim=1)
        return values, smooth

    def _packed(self, inputs: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """The same by the observable's own code, which takes all inputs at once: row by row."""
        n = len(self.fibre)
        order = inputs.argsort(stable=True)
        counts = inputs.bincount(minlength=n)
        row = torch.empty_like(inputs)
        row[order] = torch.arange(len(inputs)) - (counts.cumsum(0) - counts)[inputs[order]]
        found = torch.zeros(2, len(inputs), dtype=torch.float64)
        rows, step = int(counts.max()), self._rows
        for first in range(0, rows, step):
            self._report()
            here = ((row >= first) & (row < first + step)).nonzero()[:, 0]
            place = (row[here] - first, inputs[here])
            points = torch.zeros(min(step, rows - first), n, z.shape[1]).to(z)
            points[place] = z[here]
            values, smooth = self.fibre.evaluate(self.observable, points)
            self.calls += values.numel()
            found[:, here] = torch.stack(self._checked(values.cpu()[place], smooth.cpu()[place]))
        return found[0], found[1]

    @property
    def width(self) -> int:
        """Numbers that one pair takes in the widest place."""
        tail = self.fibre.tail if self.fibre.direct(self.observable) else None
        return max(self.fibre.own.shape[1], 1 if tail is None else tail.widest)

    @property
    def _rows(self) -> int:
        """How many points of every input are evaluated at once."""
        if not self.fibre.direct(self.observable):
            return 1  # the whole network runs, and may be asked to stop after each
        return max(1, _ROOM // (len(self.fibre) * self.width))

    def _report(self) -> None:
        tick(self.progress, f"splitting {self.observable.name}")

    def _checked(self, values: Tensor, smooth: Tensor) -> tuple[Tensor, Tensor]:
        for found in (values, smooth):
            if not bool(torch.isfinite(found).all()):
                raise ObservableError(
                    f"observable {self.observable.name!r}",
                    given="NaN or infinity at a tail that was drawn",
                    allowed="finite values",
                    mend="look for log(0), 0/0 or overflow in its function",
                )
        return values.double().cpu(), smooth.double().cpu()


class Swarm:
    """N particles: pairs of an input and a tail, with their change, height and ancestor.

    The tail of a particle is a function of normal numbers g (N, m) and of a component. A move
    proposes √(1−s²)·g + s·ξ (Cotter, Roberts, Stuart and White, Statist. Sci. 28, 424 (2013)),
    and now and then another input or component, uniformly; both leave the law as it is and are as
    likely backwards, so that the move may be taken whenever it ends above the level.
    """

    def __init__(self, watch: Watch, law: TailLaw, count: int, seed: int) -> None:
        self._watch, self._law, self.count = watch, law, count
        self._generator = torch.Generator().manual_seed(seed)
        n = len(watch.fibre)
        rounds = [torch.randperm(n, generator=self._generator) for _ in range(-(-count // n))]
        self._input = torch.cat(rounds)[:count]  # as equally many of each as can be
        self._which = self._below(law.components)
        self._normal = torch.randn(count, law.size, generator=self._generator, dtype=torch.float64)
        self._change, self._height = torch.zeros(count).double(), torch.zeros(count).double()
        self._eve, self._weight = torch.arange(count), 1.0
        self._scale, self._redrawn = 0.5, _REDRAWN[1]
        self.shells: list[Shell] = []
        self.stuck = False

    def split(self, floor: float, epsilon: float, moves: int) -> None:
        """All rounds, until the weight has fallen to the floor, or nothing moves further."""
        self._floor = floor
        self._change, self._height = self._look(self._input, self._which, self._normal)
        while True:
            level = self._level()
            # the floor, or ε, lies within what these particles tell
            finished = self._weight * float((self._height > level).double().mean()) <= floor
            finished |= float((self._change > epsilon).double().mean()) >= 0.5
            finished |= bool((self._change >= self._watch.most[self._input] - 1e-12).all())
            self.stuck = level == -math.inf and not finished
            stops = finished or self.stuck
            lost = (self._height <= level) | stops
            self.shells.append(Shell(self._change, lost, self._eve, self._weight))
            if stops:
                return
            self._branch(lost)
            for _ in range(moves):
                self._move(level)

    def _level(self) -> float:
        """The median height or the highest that any passes; −∞ if all stand at one height."""
        ordered = self._height.sort().values
        under = ordered[ordered < ordered[-1]]
        return (
            min(float(ordered[(self.count - 1) // 2]), float(under[-1]))
            if len(under)
            else -math.inf
        )

    def _branch(self, lost: Tensor) -> None:
        """Replace the lost by copies of those left, as equally many of each as can be."""
        left = (~lost).nonzero()[:, 0]
        mixed = left[torch.randperm(len(left), generator=self._generator)]
        parent = torch.arange(self.count)
        parent[lost] = mixed[torch.arange(self.count - len(left)) % len(left)]
        for name in ("_input", "_which", "_normal", "_change", "_height", "_eve"):
            setattr(self, name, getattr(self, name)[parent])
        self._weight *= len(left) / self.count

    def _move(self, level: float) -> None:
        """One Metropolis step of every particle; adapts the size of steps and the redrawing."""
        g, size = self._normal, self._scale
        noise = torch.randn(g.shape, generator=self._generator, dtype=torch.float64)
        fresh = math.sqrt(1 - size**2) * g + size * noise
        other, inputs = self._redraw(self._input, len(self._watch.fibre))
        another, which = self._redraw(self._which, self._law.components)
        change, height = self._look(inputs, which, fresh)
        taken = height > level
        self._normal = torch.where(taken[:, None], fresh, g)
        self._input = torch.where(taken, inputs, self._input)
        self._which = torch.where(taken, which, self._which)
        self._change = torch.where(taken, change, self._change)
        self._height = torch.where(taken, height, self._height)
        jumped = other | another
        if bool((~jumped).any()):
            accepted = float(taken[~jumped].double().mean())
            self._scale = min(1.0, max(1e-3, size * math.exp(accepted - _ACCEPTANCE)))
        if bool(jumped.any()):
            least, most = _REDRAWN
            self._redrawn = min(most, max(least, float(taken[jumped].double().mean())))

    def _redraw(self, held: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """Which draw another of `count` uniformly, (N,) bool, and what all propose, (N,)."""
        chosen = torch.rand(self.count, generator=self._generator) < self._redrawn * (count > 1)
        return chosen, torch.where(chosen, self._below(count), held)

    def _below(self, count: int) -> Tensor:
        return torch.randint(count, (self.count,), generator=self._generator)

    def _look(self, inputs: Tensor, which: Tensor, normal: Tensor) -> tuple[Tensor, Tensor]:
        """Changes and heights (N,), in pieces that the memory holds."""
        own = self._watch.fibre.own
        self._watch.progress = min(1.0, math.log(self._weight) / math.log(self._floor))
        found, step = [], max(1, _ROOM // max(normal.shape[1], self._watch.width))
        for first in range(0, self.count, step):
            piece = slice(first, first + step)
            z = self._law.tail(normal[piece].to(own), which[piece].to(own.device)).to(own)
            found.append(self._watch(inputs[piece], z))
        changes, heights = zip(*found, strict=True)
        return torch.cat(changes), torch.cat(heights)
