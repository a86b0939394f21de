"""What is bounded is torch's own function, in whichever way it is called."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from rgwidgets.bounds import Opaque
from rgwidgets.bounds.forms import KNOWN, StandIn
from rgwidgets.bounds.forms.registry import PRIMITIVES

from .differential import Table, moving, printed, still, table
from .recipes import RECIPES

#: Bounded on the way to others, under names that torch does not have; and what needs a GPU.
INNER = {name for name in KNOWN if name[0] == "_" and name[-1] != "_"} | {"cuda"}


def agreed(outcomes: Table, floor: int) -> None:
    """Nothing is violated, and no function refuses all that torch takes."""
    for name, counts in outcomes.items():
        assert counts["agreed"] >= floor, f"{name}: {dict(counts)}"


def test_all_that_is_bounded_is_drawn() -> None:
    assert not KNOWN - INNER - set(RECIPES)


def test_no_call_is_taken_for_another() -> None:
    outcomes, violated = table(rounds=3, seed=0)
    assert not violated, "\n".join(violated)
    agreed(outcomes, 0)


@pytest.mark.slow
def test_thousands_of_calls_are_taken_for_what_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes, violated = table(rounds=30, seed=1)
    with capsys.disabled():
        print("\n" + printed(outcomes)[-1])
    assert not violated, "\n".join(violated)
    agreed(outcomes, 5)


def stand_in(*shape: int, above: float = 0.0) -> StandIn:
    torch.manual_seed(len(shape))
    return StandIn(moving([torch.rand(shape, dtype=torch.float64) + above], seed=2)[0])


def test_the_axis_of_a_softmax_that_names_none_is_torchs_own() -> None:
    with torch.no_grad():
        for shape, dim in {(3,): 0, (3, 4): 1, (2, 3, 4): 0, (2, 3, 4, 2): 1}.items():
            y = stand_in(*shape)
            ends, own = F.softmax(y).form.range, F.softmax(y, dim).form.range
            assert all(torch.equal(*pair) for pair in zip(ends, own, strict=True))


def test_a_method_has_its_tensor_first_wherever_torch_has_it() -> None:
    y, mask = stand_in(3, 4), torch.eye(3, 4).bool()
    constant = torch.zeros(3, 4).double()
    with torch.no_grad():
        found = constant.where(mask, y)
        same = torch.where(mask, constant, y)
    assert torch.equal(found.form.centre, same.form.centre)
    assert not bool(found.form.centre[mask].any())


@pytest.mark.parametrize(
    "function, option",
    [
        (lambda y: F.mse_loss(y, 0 * y, reduction="none", weight=torch.ones(3, 4)), "weight"),
        (lambda y: F.cross_entropy(y, torch.zeros(3).long(), label_smoothing=0.1), "smoothing"),
        (lambda y: y.scatter(1, torch.zeros(3, 1).long(), 1.0, reduce="add"), "reduce"),
        (lambda y: F.elu_(y, 1.0, 2.0), "scale=2.0"),
    ],
)
def test_an_option_that_is_not_known_is_never_passed_over(function: Any, option: str) -> None:
    with torch.no_grad(), pytest.raises(Opaque, match=option):
        function(stand_in(3, 4))


@pytest.mark.parametrize(
    "function, low, high",
    [
        (lambda y: F.cosine_similarity(y, y.flip(1), 1), -1, 1),
        (lambda y: (9 * y).softmax(1), 0, 1),
        (lambda y: (9 * y).log_softmax(1), -math.inf, 0),
        (lambda y: F.cross_entropy(9 * y, torch.zeros(3).long(), reduction="none"), 0, math.inf),
        (lambda y: F.softsign(9 * y - 5), -1, 1),
        (lambda y: (9 * y).sigmoid(), 0, 1),
        (lambda y: (9 * y).tanh(), -1, 1),
        (lambda y: torch.erf(9 * y), -1, 1),
        (lambda y: torch.sin(30 * y), -1, 1),
        (lambda y: F.normalize(y), -1 - 1e-11, 1 + 1e-11),
        (lambda y: F.relu(y - 0.5), 0, math.inf),
        (lambda y: y.exp(), 0, math.inf),
        (lambda y: y.var(1), 0, math.inf),
        (lambda y: y.norm(dim=1), 0, math.inf),
    ],
)
def test_what_has_a_bounded_range_never_leaves_it(function: Any, low: float, high: float) -> None:
    with torch.no_grad():
        ends = function(stand_in(3, 4, above=0.1)).form.range
    assert low <= float(ends[0].min()) <= float(ends[1].max()) <= high


def test_a_handler_of_another_function_is_noticed_where_nothing_varies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for other in (lambda x: x, lambda x: x.as_dtype(torch.int64), lambda x: (x, x)):
        monkeypatch.setitem(PRIMITIVES, "relu", other)
        with torch.no_grad(), pytest.raises(Opaque, match="torch itself makes something else"):
            StandIn(still([torch.tensor([-1.0, 1.0]).double()])[0]).relu()


def test_a_stand_in_is_named_and_hashed_but_never_copied() -> None:
    y = stand_in(3, 4)
    said = "StandIn((3, 4), dtype=torch.float64)"
    assert [repr(y), str(y), f"{y}"] == [said] * 3
    assert len({y, y}) == 1
    for copied in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(Opaque, match="is not bounded"):
            copied(y)
