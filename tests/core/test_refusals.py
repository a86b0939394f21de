"""Whatever of the wrong kind is given to the public functions is refused in words."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import rgwidgets as rg
from rgwidgets.core.errors import RGError

HOSTILE = {
    "None": None,
    "text": "x",
    "whole": 3,
    "negative": -1,
    "huge": 10**400,
    "nan": math.nan,
    "infinite": math.inf,
    "truth": True,
    "bytes": b"x",
    "list of None": [None],
    "mapping": {"a": 1},
    "object": object(),
    "type": int,
    "tensor": torch.ones(2),
    "array": np.ones((2, 2)),
}
ONE = rg.Bound(1.0, "measured")


@pytest.fixture(scope="module")
def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


@pytest.fixture(scope="module")
def view(net: nn.Module) -> Any:
    first = {"first": lambda outputs: outputs[:, 0]}
    return rg.Microscope(net, "1").fit(torch.randn(20, 3), first, {"first": 0.1})


@pytest.fixture(scope="module")
def flow() -> rg.Flow:
    return rg.Flow(rg.Theory(couplings={"K": 0.3}), rg.MigdalKadanoff())


#: what takes an argument → the hostile ones that are right for it
TAKES: dict[str, tuple[Callable[..., Any], str]] = {
    "Flow, theory": (lambda h, **_: rg.Flow(h, rg.MigdalKadanoff()), ""),
    "Flow, scheme": (lambda h, view, **_: rg.Flow(view.theory, h), ""),
    "Flow, cutoffs": (
        lambda h, view, **_: rg.Flow(view.theory, rg.ActivationSpectrum(), cutoffs=h),
        "None tensor",
    ),
    "flow[…]": (lambda h, flow, **_: flow[h], "truth"),
    "flow.level": (lambda h, flow, **_: flow.level(h), "truth"),
    "flow.cutoff, budget": (lambda h, view, **_: view.cutoff(budget=h, by="average"), "None"),
    "flow.cutoff, by": (lambda h, view, **_: view.cutoff(by=h), ""),
    "flow.diagnose": (lambda h, view, **_: view.diagnose(2, h), "None"),
    "flow.save": (lambda h, flow, **_: flow.save(h), "text"),
    "Flow.load": (lambda h, **_: rg.Flow.load(h), ""),
    "view.report, cutoff": (lambda h, view, **_: view.report(h), "None whole truth"),
    "view.report, against": (lambda h, view, **_: view.report(2, against=h), "None"),
    "report.save": (lambda h, view, **_: view.report(2).save(h), ""),
    "view.stability, repeats": (lambda h, view, **_: view.stability(2, repeats=h), "whole"),
    "Microscope, model": (lambda h, **_: rg.Microscope(h, "1"), ""),
    "Microscope, layer": (
        lambda h, net, **_: rg.Microscope(net, h).fit(torch.ones(9, 3), "x", labels=None),
        "",
    ),
    "fit, features": (
        lambda h, net, **_: rg.Microscope(net, "1").fit(
            torch.randn(9, 3), {"first": lambda z: z[:, 0]}, features=h
        ),
        "",
    ),
    "fit, budget": (
        lambda h, net, **_: rg.Microscope(net, "1").fit(
            torch.randn(9, 3), {"first": lambda z: z[:, 0]}, h
        ),
        "None",
    ),
    "Lens, flow": (lambda h, **_: rg.Lens(h), ""),
    "Lens, views": (lambda h, flow, **_: rg.Lens(flow, views=h), "None"),
    "Lens, cutoff": (lambda h, flow, **_: rg.Lens(flow, cutoff=h), "None truth"),
    "Lens, title": (lambda h, flow, **_: rg.Lens(flow, title=h), "None text"),
    "Lens, fixed points": (lambda h, flow, **_: rg.Lens(flow, fixed_points=h), ""),
    "compare": (lambda h, **_: rg.compare(h), ""),
    "compare, one": (lambda h, flow, **_: rg.compare({"a": flow, "b": h}), ""),
    "sweep, measure": (lambda h, **_: rg.sweep(h, {"t": [1.0]}, workers=0), "type"),
    "sweep, grid": (lambda h, **_: rg.sweep(lambda t: {"m": t}, h, workers=0), ""),
    "sweep, to": (
        lambda h, **_: rg.sweep(lambda t: {"m": t}, {"t": [1]}, workers=0, to=h),
        "None text",
    ),
    "Bound, value": (lambda h, **_: rg.Bound(h, "measured"), "whole huge infinite truth"),
    "Bound, kind": (lambda h, **_: rg.Bound(1.0, h), ""),
    "Bound, error": (
        lambda h, **_: rg.Bound(1.0, "measured", "", h),
        "None whole huge nan infinite truth",
    ),
    "Influence": (lambda h, **_: rg.Influence(ONE, ONE, ONE, h), ""),
    "Scale, name": (lambda h, **_: rg.Scale(h, "s", "u", (1, 2)), "text"),
    "Scale, cutoffs": (lambda h, **_: rg.Scale("n", "s", "u", h), ""),
    "Scale, direction": (lambda h, **_: rg.Scale("n", "s", "u", (1, 2), h), ""),
    "scale.index": (lambda h, flow, **_: flow.scale.index(h), "truth"),
    "scale.select": (lambda h, flow, **_: flow.scale.select(h), "tensor"),
    "Observable, name": (lambda h, **_: rg.Observable(h, abs), "text"),
    "Observable, unit": (lambda h, **_: rg.Observable("m", abs, h), "text"),
    "Observable, tolerance": (
        lambda h, **_: rg.Observable("m", abs, "", h),
        "None whole huge infinite truth",
    ),
    "Theory, features": (lambda h, **_: rg.Theory(h), ""),
    "Theory, feature": (lambda h, **_: rg.Theory({"x": h}), "tensor"),
    "Theory, observables": (lambda h, **_: rg.Theory(observables=h), ""),
    "Theory, couplings": (lambda h, **_: rg.Theory(couplings=h), "mapping"),
    "Theory, chains": (lambda h, **_: rg.Theory(chains=h), "None whole huge"),
    "Theory, name": (lambda h, **_: rg.Theory(name=h), "text"),
    "EffectiveTheory, parent": (lambda h, **_: rg.EffectiveTheory(parent=h), "None"),
    "theory.observable": (lambda h, view, **_: view.theory.observable(h), ""),
    "bounds[…]": (lambda h, view, **_: view[2].bounds[h], ""),
    "Estimate, value": (
        lambda h, **_: rg.Estimate(h, 0.1),
        "whole negative huge nan infinite truth",
    ),
    "Estimate, error": (lambda h, **_: rg.Estimate(1.0, h), "whole huge nan infinite truth"),
    "Relevance, names": (lambda h, **_: rg.Relevance(h, (1.0,)), "text"),
    "Relevance, values": (lambda h, **_: rg.Relevance(("a",), h), ""),
    "Relevance, value": (
        lambda h, **_: rg.Relevance(("a",), (h,)),
        "whole negative huge nan infinite truth",
    ),
    "estimate": (lambda h, **_: rg.estimate(h), "tensor"),
    "estimate, chains": (lambda h, **_: rg.estimate(torch.rand(10), chains=h), "None"),
    "fixed_point, scheme": (lambda h, **_: rg.fixed_point(h, 0.3), ""),
    "fixed_point, start": (
        lambda h, **_: rg.fixed_point(rg.MigdalKadanoff(), h),
        "whole negative truth tensor",
    ),
    "linearise, scheme": (lambda h, **_: rg.linearise(h, 0.3), ""),
    "BlockSpin, b": (lambda h, **_: rg.BlockSpin(h), "whole huge"),
    "BlockSpin, rule": (lambda h, **_: rg.BlockSpin(2, rule=h), ""),
    "BlockSpin, seed": (lambda h, **_: rg.BlockSpin(2, seed=h), "whole"),
    "BlockSpin, theory": (lambda h, **_: rg.BlockSpin(2).coarsen(h, 2), ""),
    "MigdalKadanoff, theory": (lambda h, **_: rg.MigdalKadanoff().coarsen(h, 2), ""),
    "DigitsLab": (lambda h, **_: rg.DigitsLab(h, train=False), ""),
}


CASES = [
    pytest.param(take, given, id=f"{what} is {name}")
    for what, (take, right) in TAKES.items()
    for name, given in HOSTILE.items()
    if name not in right.split()
]


@pytest.mark.parametrize("take, given", CASES)
def test_what_is_of_the_wrong_kind_is_refused_in_words(
    take: Callable[..., Any], given: object, net: nn.Module, view: Any, flow: rg.Flow
) -> None:
    with pytest.raises(RGError, match=r"(allowed: \S|Mend: \S)"):
        take(given, net=net, view=view, flow=flow)
