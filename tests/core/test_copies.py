"""Flows and what they hold can be copied and pickled; nothing of them runs when it is read."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import rgwidgets as rg
from rgwidgets.core import RecordedFlow
from rgwidgets.core.errors import StorageError
from rgwidgets.core.flow import FlowTable
from rgwidgets.core.turns import Turns

WAYS: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda thing: pickle.loads(pickle.dumps(thing)),  # noqa: S301 - written here
}
EVERY = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def view(features: str = "activation") -> Any:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    first = {"first": lambda outputs: outputs[:, 0]}
    return rg.Microscope(net, "1").fit(torch.randn(20, 3), first, {"first": 0.1}, features=features)


def spins() -> rg.Flow:
    return rg.Flow(rg.Ising(8, seed=1, device="cpu").sample(5), rg.BlockSpin(2))


def couplings() -> rg.Flow:
    return rg.Flow(rg.Theory(couplings={"K": 0.3}), rg.MigdalKadanoff())


FLOWS: dict[str, Callable[[], FlowTable]] = {
    "view": view,
    "spins": spins,
    "couplings": couplings,
    "recorded": lambda: RecordedFlow(couplings().to_xarray()),
    "comparison": lambda: rg.compare({"pca": view(), "own": view("gradient")}),
}


@EVERY
@pytest.mark.parametrize("make", FLOWS.values(), ids=FLOWS)
def test_a_copy_of_a_flow_has_the_same_numbers(make: Any, way: Any) -> None:
    flow = make()
    made = way(flow)
    assert made is not flow
    assert made.to_xarray().drop_attrs().equals(flow.to_xarray().drop_attrs())
    assert (made.title, made.citation, made.scale) == (flow.title, flow.citation, flow.scale)


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy])
def test_a_copy_of_a_live_flow_shares_its_theory_and_knows_what_was_known(way: Any) -> None:
    flow = view()
    level, effective = flow.level(2), flow[2]
    made = way(flow)
    assert type(made) is type(flow)
    assert made.theory is flow.theory
    assert (made.computed(2), made[2]) == (level, effective)
    made.level(1)
    assert flow.computed(1) is None


def test_a_pickled_flow_is_numbers_without_the_module() -> None:
    flow = view()
    written = pickle.dumps(flow)
    assert isinstance(pickle.loads(written), RecordedFlow)  # noqa: S301 - written here
    assert b"Linear" not in written


@EVERY
@pytest.mark.parametrize(
    "thing",
    [
        rg.Bound.of(torch.ones(3), "measured", "own"),
        rg.Influence.exact("nothing"),
        rg.Relevance(("a", "b"), (2.0, 1.0), quantity="variance"),
        rg.Scale("rank", "r", "", (4, 2, 1), "decreasing"),
        rg.Estimate(1.0, 0.1, 0.7, 9),
        rg.Theory(couplings={"K": 0.3}, name="chain", attrs={"size": 3}),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_what_a_flow_is_made_of_can_be_copied(thing: Any, way: Any) -> None:
    assert repr(way(thing)) == repr(thing)


@EVERY
def test_an_effective_theory_and_a_diagnosis_can_be_copied(way: Any) -> None:
    effective = couplings()[2]
    made = way(effective)
    assert dict(made.couplings) == dict(effective.couplings)
    assert (made.cutoff, made.relevance) == (effective.cutoff, effective.relevance)
    found = view().diagnose(1)
    assert way(found) == found


@EVERY
def test_a_report_can_be_copied(way: Any) -> None:
    report = view().report(2)
    made = way(report)
    assert made.to_dict() == report.to_dict()
    assert made.sections == report.sections


@pytest.mark.parametrize("pick", [lambda v: v.theory, lambda v: v[2]], ids=["theory", "effective"])
def test_a_theory_with_functions_says_why_it_is_not_pickled(pick: Any) -> None:
    theory = pick(view())
    with pytest.raises(StorageError, match=r"functions and modules: first.*flow\.save\(path\)"):
        pickle.dumps(theory)
    assert copy.deepcopy(theory) is theory
    assert copy.copy(theory) is theory


@EVERY
def test_a_scheme_and_its_turns_can_be_copied(way: Any) -> None:
    assert repr(way(rg.BlockSpin(3, rule="decimation", seed=2))) == repr(
        rg.BlockSpin(3, rule="decimation", seed=2)
    )
    turns = Turns()
    with turns._changed:
        assert way(turns).once({}, "a", lambda: 1) == 1


def test_a_flow_is_copied_while_it_is_computed() -> None:
    flow = couplings()
    inside = flow._coarsening.once({}, "x", lambda: copy.deepcopy(flow)[2])
    assert inside.cutoff == 2
