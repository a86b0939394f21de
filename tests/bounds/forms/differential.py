"""Torch against its bounds on calls drawn at random.

`python -m tests.bounds.forms.differential 300 1` draws 300 of every function, and prints a table.
"""

from __future__ import annotations

import random
import sys
import warnings
from collections import Counter, defaultdict
from typing import Any

import torch
from torch import Tensor

from rgwidgets.bounds import Opaque
from rgwidgets.bounds.forms import Ball, Form, StandIn

from . import recipes_layers, recipes_nets  # noqa: F401 for the recipes in them
from .calls import Call, drawn
from .conftest import Points, assert_holds, make_form
from .recipes import RECIPES

#: What may become of a call.
OUTCOMES = ("agreed", "refused", "violated", "invalid")
#: Functions whose numbers are nobody's.
ARBITRARY = {"empty_like", "new_empty"}
#: Calls drawn for each that torch takes, at most.
TRIES = 10
Table = dict[str, Counter[str]]


def table(rounds: int, seed: int = 0) -> tuple[Table, list[str]]:
    """Outcomes by function of so many valid calls of each, and what was violated."""
    outcomes: Table = defaultdict(Counter)
    violated = []
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        for name, recipe in sorted(RECIPES.items()):
            for i in range(rounds * TRIES):
                draw = random.Random(f"{seed} {name} {i}")
                call = drawn(name, recipe(draw), draw)
                outcome, said = tried(call)
                outcomes[name][outcome] += 1
                if outcome == "violated":
                    violated.append(f"{call.text}: {said}")
                if sum(outcomes[name][o] for o in OUTCOMES[:3]) == rounds:
                    break
    return outcomes, violated


def tried(call: Call) -> tuple[str, str]:
    """What becomes of a call, and why."""
    points = call.points()
    try:
        exact = call.function(*(point.clone() for point in points))
    except Exception as error:
        return "invalid", str(error)
    if any(bool(one.isnan().any()) for one in tensors(exact)):
        return "invalid", "not a number"
    try:
        found = call.function(*(StandIn(form) for form in still(points)))
    except NameError:
        raise  # ours, not the caller's
    except Opaque as reason:
        if "torch itself" in str(reason):
            return "violated", str(reason)
        return "refused", str(reason)
    except Exception as error:
        return "refused", repr(error)
    try:
        same(found, exact, call.name in ARBITRARY)
        narrow(found)
        said = around(call, points)
        aliases(call, points)
    except AssertionError as error:
        return "violated", str(error).split("\n")[0]
    return ("agreed" if said == "holds" else "refused"), said


def tensors(value: Any) -> list[Tensor]:
    """All tensors in a result."""
    if isinstance(value, Tensor):
        return [value]
    return [t for part in value for t in tensors(part)] if isinstance(value, (tuple, list)) else []


def still(points: list[Tensor]) -> list[Form]:
    """Forms in which nothing varies."""
    ball = Ball(0.0, 0, noise=0)
    return [
        Form(x, x.new_zeros(0, *x.shape), torch.zeros_like(x), torch.zeros_like(x).long(), ball)
        for x in points
    ]


def moving(points: list[Tensor], seed: int) -> list[Form]:
    """Forms around points, with noise and slack, each number a sample's that owns its row.

    Half of them are of one sample, so that numbers may be taken together along all axes.
    """
    ball = Ball((0.02, 0.2)[seed % 2], 2)
    ball.account.symbols = 2
    made = []
    for i, x in enumerate(points):
        one = make_form((1, *x.shape), ball.radius, seed=seed + i, ball=ball)
        owner = one.owner[0]
        if seed % 4 < 2 and x.ndim:
            owner = torch.arange(len(x)).reshape(-1, *(1,) * (x.ndim - 1)).expand(x.shape)
        made.append(Form(x, one.slopes[:, 0], one.slack[0], owner, ball))
    return made


def same(found: Any, exact: Any, arbitrary: bool = False) -> None:
    """Shape, kind and numbers are torch's own."""
    if isinstance(exact, (tuple, list)):
        assert len(found) == len(exact), f"{len(found)} results, not {len(exact)}"
        for one, other in zip(found, exact, strict=True):
            same(one, other, arbitrary)
        return
    if not isinstance(exact, Tensor):
        assert not isinstance(found, Tensor), f"numbers, not {exact}"
        assert found == exact, f"{found}, not {exact}"
        return
    assert isinstance(found, Tensor), f"{type(found)}, not numbers"
    assert found.shape == exact.shape, f"{tuple(found.shape)}, not {tuple(exact.shape)}"
    assert found.dtype == exact.dtype, f"{found.dtype}, not {exact.dtype}"
    if arbitrary:
        return
    low, high = found.form.range if isinstance(found, StandIn) else (found, found)
    low, high, exact = low.double(), high.double(), exact.double()
    room = (1e-9 if exact.dtype == found.dtype else 1e-2) * (1 + exact.abs())
    inside = (exact == low) | ((exact >= low - room) & (exact <= high + room))
    assert bool(inside.all()), f"{exact[~inside][0]} is not within {low[~inside][0]}"


def narrow(found: Any) -> None:
    """Where nothing varies a number is known, or whether something is so is open."""
    for one in tensors(found):
        if isinstance(one, StandIn) and one.dtype.is_floating_point:
            low, high = one.form.range
            open_ = (low == 0) & (high == 1)
            # a coarser precision allows for what it may round off
            close = max(1e-8, 64 * torch.finfo(one.dtype).eps)
            known = (high - low <= close * (1 + high.abs())) | (low == high) | open_
            assert bool(known.all()), f"a point becomes as wide as {(high - low).max()}"


def aliases(call: Call, points: list[Tensor]) -> None:
    """What is changed in place afterwards changes what it is a view of, or is refused."""

    def changed(*given: Any) -> Any:
        tensors(call.function(*given))[0].add_(1)
        return given[0]

    try:
        exact = changed(*(point.clone() for point in points))
        found = changed(*(StandIn(form) for form in still(points)))
    except Exception:
        return
    same(found, exact, call.name in ARBITRARY)


def around(call: Call, points: list[Tensor]) -> str:
    """Points of a small ball stay within the form; a refusal there is said."""
    forms = moving(points, call.seed)
    samples = 1 + max(int(form.owner.max()) if form.owner.numel() else 0 for form in forms)

    def one(*given: Tensor) -> Any:
        result = call.function(*(x if isinstance(x, StandIn) else x.clone() for x in given))
        several = tensors(result)
        return several[call.seed % len(several)] if several else torch.zeros(())

    if call.name in ARBITRARY or one(*points).dtype in (torch.float32, torch.half, torch.bfloat16):
        return "holds"
    try:
        assert_holds(one, *forms, points=Points(samples, forms[0].ball.radius, 6, call.seed))
    except NameError:
        raise
    except AssertionError as error:
        raise AssertionError(f"around a point: {str(error).splitlines()[:1]}") from error
    except Exception as reason:
        return str(reason)
    return "holds"


def printed(outcomes: Table) -> list[str]:
    """The table by function, and the sums."""
    total: Counter[str] = sum(outcomes.values(), Counter())
    return [
        f"{name:32}" + "".join(f"{counts[o]:7} {o}" for o in OUTCOMES)
        for name, counts in [*sorted(outcomes.items()), ("all", total)]
    ]


def main(rounds: int = 30, seed: int = 0) -> None:
    """Print the table."""
    outcomes, violated = table(rounds, seed)
    print(*violated, *printed(outcomes), sep="\n")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:3]))
