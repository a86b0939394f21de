"""Search for the worst case in a fibre: projected gradient ascent inside the discarded subspace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from rgwidgets.core.errors import ObservableError
from rgwidgets.core.numeric import whole
from rgwidgets.core.outputs import OutputObservable, gradient_of
from rgwidgets.core.progress import tick
from rgwidgets.core.theory import Observable

from .statistics import derangement

if TYPE_CHECKING:
    from .fibre import SubspaceFibre

#: Points (r, n, K) and what each restart of each sample is after → values and heights, (r, n).
Climb = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True, eq=False)
class Attack:
    """The largest change that was found.

    Attributes
    ----------
    change
        |o(found) − o(cut)| by sample, (n,), float64: a lower bound on the worst case.
    point
        Coefficients in the discarded subspace that reach it, (n, K), norm ≤ radius.
    how
        The search, in words.
    """

    change: Tensor
    point: Tensor
    how: str


def attack(
    fibre: SubspaceFibre,
    observable: Observable,
    *,
    steps: int = 12,
    restarts: int = 8,
    seed: int = 0,
) -> Attack:
    """Largest |o(x) − o(cut)| found over the fibre, sample by sample.

    Projected gradient ascent (Madry et al., ICLR 2018, arXiv:1706.06083) in the L2 ball of the
    discarded coefficients: steps along the normalised gradient, from 2 to 0.1 radii, then one
    last step to the sphere along the gradient. Each restart climbs both up and down, except where
    an accuracy can only change one way. The first restart is the sample's own tail, the second
    another sample's, the third the centre, the rest random on the sphere; after a third and two
    thirds of the steps the better half of each sample's climbs go on. The best of all points
    visited counts, measured by the observable itself and not by its surrogate. At last the points
    that have moved some samples most, and the ends of the first axes, are tried on every sample.

    An observable without a gradient, such as the place of a maximum, and without a surrogate, is
    climbed through the outputs that it is of: each restart raises another of them, half those that
    are largest already, half those that would change the observable most; then points near the
    best are tried. Where the outputs have no gradient either, half of the points are random and
    half near the best so far.

    Parameters
    ----------
    fibre
        Centres, discarded directions and radius.
    observable
        One of `fibre.theory`'s.
    steps, restarts, seed
        Effort, and the seed of the random starts (torch's own state is not touched).

    Raises
    ------
    ParameterError
        If steps or restarts are below 1.
    """
    for name, given in (("steps", steps), ("restarts", restarts)):
        whole(name, given, 1)
    z, best = _starts(fibre, restarts, seed), _Best(fibre, observable)
    own, sign = _by_itself(fibre, observable), _both_ways(observable, z, best.before)
    how = f"PGD, {steps} steps, {restarts} restarts"
    slope = _ascent(own, z[:1], sign[:1])[2]
    if slope is not None and bool(slope.any()):
        best.climb(own, z, sign, steps)
        best.exchange(restarts)
        return Attack(best.change, best.point, how)
    # there are steps in it, whether torch sees them or not
    target = _targets(fibre, observable, z, seed)
    if target is not None:
        best.climb(_by_outputs(fibre, observable), z, target, steps, changed_first=True)
        best.wander(z, rounds=steps // 2 + 1, seed=seed + 1)
        how += ", on the outputs: the observable has no gradient"
    else:
        best.wander(z, rounds=steps + 2, seed=seed + 1)
        how = f"{2 * restarts * (steps + 2)} points tried: the observable has no gradient"
    return Attack(best.change, best.point, how)


class _Best:
    """The largest change of each sample that was seen, and where."""

    def __init__(self, fibre: SubspaceFibre, observable: Observable) -> None:
        self._fibre, self._observable = fibre, observable
        self.point = torch.zeros_like(fibre.own)
        with torch.no_grad():
            self.before = fibre.evaluate(observable, self.point[None])[0]
        self.change = torch.zeros_like(self.before[0], device=self.point.device)

    def look(self, values: Tensor, z: Tensor) -> Tensor:
        """The changes (r, n) that values are at points (r, n, K)."""
        changes = (values - self.before).abs().to(z)
        largest, which = changes.max(0)
        found = z.gather(0, which[None, :, None].expand(-1, -1, z.shape[2]))[0]
        better = largest > self.change
        self.change = torch.where(better, largest, self.change)
        self.point = torch.where(better[:, None], found, self.point)
        return changes

    def climb(
        self, climb: Climb, z: Tensor, goal: Tensor, steps: int, *, changed_first: bool = False
    ) -> None:
        """Projected ascent from z (r, n, K), once for each row of the goal.

        With `changed_first` those climbs go on that have changed the observable most.
        """
        name, fibre = self._observable.name, self._fibre
        z, together = torch.cat([z] * (len(goal) // len(z))), fibre.direct(self._observable)
        for step in range(steps + 2):
            tick(step / (steps + 2), f"attacking {name}")
            values, height, gradient = _climbed(climb, z, goal, together, last=step > steps)
            changed = self.look(values, z)
            if gradient is not None:
                z = _moved(z, gradient, fibre.radius, step, steps)
                if step in (steps // 3, 2 * steps // 3):
                    z, goal = _better_half(z, goal, height.to(z) + 1e6 * changed_first * changed)

    def exchange(self, count: int) -> None:
        """Try the ends of the first axes, and what has moved some samples most, on every sample."""
        fibre, most = self._fibre, self.change.argsort(descending=True)[:count]
        ends = fibre.radius * torch.eye(self.point.shape[1]).to(self.point)[:count]
        for point in (*self.point[most], *ends, *-ends):
            z = point.expand_as(self.point)[None]
            with torch.no_grad():
                self.look(fibre.evaluate(self._observable, z)[0], z)

    def wander(self, starts: Tensor, *, rounds: int, seed: int) -> None:
        """Points at random, and at distances from 2 to 0.1 radii from the best so far."""
        fibre, generator = self._fibre, torch.Generator().manual_seed(seed)
        z, radius = starts, fibre.radius
        for step in range(rounds):
            tick(step / rounds, f"attacking {self._observable.name}")
            with torch.no_grad():
                self.look(fibre.evaluate(self._observable, z)[0], z)
                length = 2.0 * 0.05 ** (step / max(1, rounds - 1))
                noise = [_sphere(row, radius, generator) for row in starts]
                near = _projected(self.point + length * torch.stack(noise), radius)
                self.look(fibre.evaluate(self._observable, near)[0], near)
            z = torch.stack([_sphere(row, radius, generator) for row in starts])


def _both_ways(observable: Observable, z: Tensor, before: Tensor) -> Tensor:
    """Which way each restart of each sample climbs, (r, n): ±1."""
    up = torch.ones_like(z[:, :, 0])
    if isinstance(observable, OutputObservable) and observable.form == "accuracy":
        return up - 2 * (before > 0.5).to(up)  # a right answer can only be lost
    return torch.cat([up, -up])


def _by_itself(fibre: SubspaceFibre, observable: Observable) -> Climb:
    """Along the observable or its surrogate, up or down."""
    with torch.no_grad():
        level = fibre.evaluate(observable, torch.zeros_like(fibre.own)[None])[1]

    def climb(z: Tensor, sign: Tensor) -> tuple[Tensor, Tensor]:
        values, smooth = fibre.evaluate(observable, z)
        return values, sign.to(smooth) * (smooth - level)

    return climb


def _by_outputs(fibre: SubspaceFibre, observable: Observable) -> Climb:
    """Along the log-probability of one of the outputs that an observable is of."""

    def climb(z: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        heights, values = [], []
        for row, aim in zip(z, target, strict=True):
            scores, found = fibre.scores(observable, row)
            heights.append(scores.gather(-1, aim.to(scores.device)[:, None])[:, 0])
            values.append(found)
        return torch.stack(values), torch.stack(heights)

    return climb


def _targets(fibre: SubspaceFibre, observable: Observable, z: Tensor, seed: int) -> Tensor | None:
    """Which output each restart of each sample raises, (2 r, n), None if none has a gradient.

    In turn the next largest at the cut, and of those drawn the ones that would change most.
    """
    with torch.enable_grad():
        leaf = torch.zeros_like(fibre.own).requires_grad_()
        try:
            scores, still = fibre.scores(observable, leaf)
        except ObservableError:
            return None
        if not scores.requires_grad or scores.shape[1] < 2:
            return None
    count, generator = len(z), torch.Generator().manual_seed(seed)
    order = scores.detach().argsort(-1, descending=True)[:, 1:]
    near = order[:, torch.arange(count) % order.shape[1]].T
    drawn = torch.randperm(scores.shape[1], generator=generator)[: 8 * count].to(near)
    would = torch.stack([fibre.if_raised(observable, int(j)) for j in drawn])
    most = (would - still.detach()).abs().argsort(0, descending=True)
    far = drawn[most[torch.arange(count) % len(drawn)]]
    return torch.stack([near, far], 1).flatten(0, 1)


def _starts(fibre: SubspaceFibre, restarts: int, seed: int) -> Tensor:
    """Starting points (restarts, n, K) in the ball."""
    own = fibre.own
    n, radius = len(own), fibre.radius
    starts = [_projected(own, radius)]
    if n > 1:
        starts.append(_projected(own[derangement(n, seed).to(own.device)], radius))
    starts.append(torch.zeros_like(own))
    generator = torch.Generator().manual_seed(seed)
    for _ in range(restarts - len(starts)):
        starts.append(_sphere(own, radius, generator))
    return torch.stack(starts[:restarts])


def _sphere(like: Tensor, radius: float, generator: torch.Generator) -> Tensor:
    """Uniform on the sphere, one point for each row of `like`."""
    noise = torch.randn(like.shape, generator=generator, dtype=torch.float64).to(like)
    return radius * torch.nn.functional.normalize(noise, dim=-1)


def _climbed(
    climb: Climb, z: Tensor, goal: Tensor, together: bool, *, last: bool
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Values and heights (r, n) at z, and the gradient of the heights; None if not wanted or none.

    One restart at a time unless they are cheap `together`: the network may be large.
    """
    if last:
        with torch.no_grad():
            return *climb(z, goal), None
    if together:
        return _ascent(climb, z, goal)
    rows = [_ascent(climb, z[i : i + 1], goal[i : i + 1]) for i in range(len(z))]
    gradients = [g for _, _, g in rows if g is not None]
    values, heights = torch.cat([v for v, _, _ in rows]), torch.cat([h for _, h, _ in rows])
    return values, heights, torch.cat(gradients) if gradients else None


def _ascent(climb: Climb, z: Tensor, goal: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
    with torch.enable_grad():
        leaf = z.detach().requires_grad_()
        values, height = climb(leaf, goal)
        if not height.requires_grad:
            return values.detach(), height, None
        try:
            gradient = gradient_of(height, leaf, "what is climbed")
        except ObservableError:  # such as of what was overwritten in place
            return values.detach(), height.detach(), None
    return values.detach(), height.detach(), torch.nan_to_num(gradient)


def _moved(z: Tensor, gradient: Tensor, radius: float, step: int, steps: int) -> Tensor:
    direction = torch.nn.functional.normalize(gradient, dim=-1, eps=1e-300)
    if step == steps:  # the best point of the linear model, exact where the tail is linear
        moving = (direction.norm(dim=-1, keepdim=True) > 0.5).to(z)
        furthest: Tensor = radius * direction + (1 - moving) * z
        return furthest
    length = 2.0 * 0.05 ** (step / max(1, steps - 1))
    return _projected(z + radius * length * direction, radius)


def _better_half(z: Tensor, sign: Tensor, climbed: Tensor) -> tuple[Tensor, Tensor]:
    """The restarts of each sample that have climbed furthest, rounded up."""
    keep = climbed.topk((len(z) + 1) // 2, dim=0).indices
    chosen = z.gather(0, keep[..., None].expand(-1, -1, z.shape[2]))
    return chosen, sign.gather(0, keep)


def _projected(z: Tensor, radius: float) -> Tensor:
    norms = z.norm(dim=-1, keepdim=True)
    inside: Tensor = z * (radius / norms.clamp_min(1e-300)).clamp_max(1.0)
    return inside
