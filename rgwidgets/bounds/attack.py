"""Search for the worst case in a fibre: projected gradient ascent inside the discarded subspace."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rgwidgets.core.errors import ObservableError
from rgwidgets.core.numeric import whole
from rgwidgets.core.outputs import OutputObservable, gradient_of
from rgwidgets.core.progress import tick
from rgwidgets.core.theory import Observable

from .fibre import Fibre
from .statistics import derangement


@dataclass(frozen=True, eq=False)
class Attack:
    """The largest change that was found.

    Attributes
    ----------
    change
        |o(found) − o(cut)| by sample, (n,), float64: a lower bound on the worst case.
    point
        Coefficients in the discarded subspace that reach it, (n, K), norm ≤ radius.
    differentiable
        False where the observable has no gradient and points were only tried.
    """

    change: Tensor
    point: Tensor
    differentiable: bool


def attack(
    fibre: Fibre, observable: Observable, *, steps: int = 12, restarts: int = 8, seed: int = 0
) -> Attack:
    """Largest |o(x) − o(cut)| found over the fibre, sample by sample.

    Projected gradient ascent (Madry et al., ICLR 2018, arXiv:1706.06083) in the L2 ball of the
    discarded coefficients: steps along the normalised gradient, from 2 to 0.1 radii, then one
    last step to the sphere along the gradient. Each restart climbs both up and down, except where
    an accuracy can only change one way. The first restart is the sample's own tail, the second
    another sample's, the third the centre, the rest random on the sphere; after a third and two
    thirds of the steps the better half of each sample's climbs go on. The best of all points
    visited counts, measured by the observable itself and not by its stand-in.

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
    z = _starts(fibre, restarts, seed)
    with torch.no_grad():
        before, level = fibre.evaluate(observable, torch.zeros_like(z[:1]))
    sign = torch.ones_like(z[:, :, 0])
    if isinstance(observable, OutputObservable) and observable.form == "accuracy":
        sign = sign - 2 * (before > 0.5).to(sign)  # a right answer can only be lost
    else:
        z, sign = torch.cat([z, z]), torch.cat([sign, -sign])
    best = torch.zeros_like(before[0], device=z.device)
    point = torch.zeros_like(z[0])
    halvings = (steps // 3, 2 * steps // 3)
    known, generator = True, torch.Generator().manual_seed(seed + 1)
    for step in range(steps + 2):
        tick(step / (steps + 2), f"attacking {observable.name}")
        values, smooth, gradient = _climb(fibre, observable, z, sign, last=step > steps)
        change = (values - before).abs().to(z)
        largest, which = change.max(0)
        found = z.gather(0, which[None, :, None].expand(-1, -1, z.shape[2]))[0]
        better = largest > best
        best, point = torch.where(better, largest, best), torch.where(better[:, None], found, point)
        if gradient is not None:
            z = _moved(z, gradient, fibre.radius, step, steps)
            if step in halvings:
                z, sign = _better_half(z, sign, sign * (smooth - level).to(z))
        elif step <= steps:
            known, z = False, _sphere(z, fibre.radius, generator)
    return Attack(best, point, known)


def _starts(fibre: Fibre, restarts: int, seed: int) -> Tensor:
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


def _climb(
    fibre: Fibre, observable: Observable, z: Tensor, sign: Tensor, *, last: bool
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Values and stand-ins (r, n) at z, and the signed gradient; None if not wanted or none."""
    if last:
        with torch.no_grad():
            return *fibre.evaluate(observable, z), None
    if fibre.direct(observable):
        return _ascent(fibre, observable, z, sign)
    # one restart at a time: the network may be large
    rows = [_ascent(fibre, observable, z[i : i + 1], sign[i : i + 1]) for i in range(len(z))]
    gradients = [g for _, _, g in rows if g is not None]
    values, smooth = torch.cat([v for v, _, _ in rows]), torch.cat([s for _, s, _ in rows])
    return values, smooth, torch.cat(gradients) if gradients else None


def _ascent(
    fibre: Fibre, observable: Observable, z: Tensor, sign: Tensor
) -> tuple[Tensor, Tensor, Tensor | None]:
    with torch.enable_grad():
        leaf = z.detach().requires_grad_()
        values, smooth = fibre.evaluate(observable, leaf)
        if not smooth.requires_grad:
            return values.detach(), smooth, None
        try:
            gradient = gradient_of(sign.to(smooth) * smooth, leaf, observable.name)
        except ObservableError:  # such as of what was overwritten in place
            return values.detach(), smooth.detach(), None
    return values.detach(), smooth.detach(), torch.nan_to_num(gradient)


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
