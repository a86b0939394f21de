"""How close certificates come to attacks on the digits, before and after branch and bound."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import fields, replace

import torch
from torch import Tensor

import rgwidgets as rg
from rgwidgets.bounds import SubspaceFibre, attack, certify_region, confirm, prove, tighten
from rgwidgets.core.theory import Observable

from .row import Row

RANKS, NAMES = (48, 32, 24, 16, 8), ("loss", "logit 3 − 8")
#: Seconds for one observable at a rank with a goal, and at another.
BUDGET, SHORT = 60.0, 15.0
#: Largest certificate over largest attack, by rank.
GOALS = {16: 1.15, 8: 1.3}
#: Radii of the balls of inputs, seconds for each, and how many images they surround.
REACHES, REGION_BUDGET, IMAGES = (0.1, 0.5, 1.0), 40.0, 80


def _refined(fibre: SubspaceFibre, observable: Observable, rank: int) -> Iterator[Row]:
    section, named = f"digits, rank {rank}", observable.name
    begin = time.monotonic()
    before = prove(fibre, observable).change
    spent = time.monotonic() - begin
    known = attack(fibre, observable)
    found = tighten(fibre, observable, seconds=BUDGET if rank in GOALS else SHORT, known=known)
    low = found.attack
    was = f"{before.max() / low.max():.3f}, {before.mean() / low.mean():.3f} in {spent:.1f} s"
    yield Row(section, f"{named}: CROWN, largest and mean", was)
    what = f"{named}: in {found.seconds:.0f} s and {found.nodes:,} nodes"
    largest, mean = float(found.change.max() / low.max()), float(found.change.mean() / low.mean())
    goal = GOALS.get(rank)
    for said, ratio in (("largest", largest), ("mean", mean)):
        within = None if goal is None else ratio <= goal
        allowed = "" if goal is None else f"≤ {goal:g}"
        yield Row(section, f"{what}, {said}", f"{ratio:.4f} × attack", allowed, within)
    zero, harder = torch.zeros_like(fibre.own), attack(fibre, observable, steps=40, restarts=16)
    seen = confirm.values(fibre, observable, harder.point) - confirm.values(fibre, observable, zero)
    broken = int((found.change * (1 + 1e-9) < seen.abs()).sum())
    yield Row(section, f"{named}: attacks above the certificate", str(broken), "0", broken == 0)
    yield Row(section, f"{named}: what is left", found.proved.split(": ", 1)[1])


class _Counted(SubspaceFibre):
    """A fibre that counts the points at which the network is evaluated."""

    def evaluate(self, observable: Observable, z: Tensor) -> tuple[Tensor, Tensor]:
        vars(self)["points"] = vars(self).get("points", 0) + z[..., 0].numel()
        return super().evaluate(observable, z)


def _restarts(fibre: SubspaceFibre, observable: Observable) -> Iterator[Row]:
    """What seven more restarts cost, and what they find."""
    found, points = [], []
    for restarts in (1, 8):
        counted = _Counted(**{f.name: getattr(fibre, f.name) for f in fields(fibre)})
        found.append(attack(counted, observable, restarts=restarts).change)
        points.append(vars(counted)["points"])
    added = 1 - points[0] / points[1]
    larger = float((found[1] > 1.01 * found[0]).double().mean())
    most, mean = (float(f(found[1]) / f(found[0])) - 1 for f in (torch.max, torch.mean))
    said = (
        f"{added:.0%} of its steps; largest +{most:.1%}, mean +{mean:.1%}, {larger:.0%} of inputs"
    )
    yield Row("attack, rank 16", f"{observable.name}: restarts 2 to 8 add", said)


def _regions(fibre: SubspaceFibre, observable: Observable) -> Iterator[Row]:
    for reach in REACHES:
        found = certify_region(fibre, observable, reach=reach, seconds=REGION_BUDGET)
        largest = float(found.change.max() / found.attack.max())
        mean = float(found.change.mean() / found.attack.mean())
        what = f"{observable.name}, inputs within {reach:g}, {found.seconds:.0f} s"
        said = f"{largest:.3f}, {mean:.3f}"
        yield Row("regions, rank 16", f"{what}, largest and mean", said)


def rows() -> Iterator[Row]:
    """Ratios of certificate to attack: of the largest, and of the means."""
    digits = rg.DigitsMLP(seed=0).train(30)
    theory = digits.theory(n=360)
    for rank in RANKS:
        fibre = rg.ActivationSpectrum().coarsen(theory, rank).attrs["fibre"]
        for name in NAMES:
            yield from _refined(fibre, theory.observable(name), rank)
    whole = rg.ActivationSpectrum().coarsen(theory, 16).attrs["fibre"]
    for name in NAMES:
        yield from _restarts(whole, theory.observable(name))
    some = digits.theory(n=IMAGES)
    fibre = rg.ActivationSpectrum().coarsen(some, 16).attrs["fibre"]
    fibre = replace(fibre, ball=whole.radius)
    for name in NAMES:
        yield from _regions(fibre, some.observable(name))
