"""How rare: a curve that falls, kept with its level, computed when asked, and in records."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rgwidgets.core import EffectiveTheory, Flow, Observable, RecordedFlow, Theory
from rgwidgets.core.errors import Cancelled, ParameterError, RecordError
from rgwidgets.core.progress import listening
from rgwidgets.core.rare import Rare, how_rare


def curve(scale: float = 1.0, steps: int = 2000) -> Rare:
    """exp(−ε), down to 1e-6."""
    epsilon = torch.linspace(0, 13.8155, steps, dtype=torch.float64)
    p = (-epsilon).exp()
    law = {"law": "a law", "inputs": 7, "how": "a way", "calls": 9, "floor": 1e-6, "unit": "J"}
    return Rare(epsilon * scale, p, 0.9 * p, (1.1 * p).clamp_max(1), **law)


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def flow(theory: Theory, make_scheme: Callable[..., Any], asked: list[str]) -> Flow:
    """A flow that counts how often it is asked how rare; coarser cutoffs move it further."""
    scheme = make_scheme()
    coarsen = scheme.coarsen

    def with_rare(theory: Theory, cutoff: float) -> EffectiveTheory:
        def measure(observable: Observable) -> Rare:
            asked.append(observable.name)
            return curve(1 + cutoff)

        return replace(coarsen(theory, cutoff), rare=measure)

    scheme.coarsen = with_rare
    return Flow(theory, scheme)


def test_it_is_computed_when_asked_and_once(flow: Flow, asked: list[str]) -> None:
    cutoff = flow.scale.cutoffs[1]
    assert flow.level(cutoff).rare == {}
    assert asked == []
    found = flow.rare(cutoff)
    assert flow.rare(cutoff) is found
    assert flow.level(cutoff).rare is found
    assert asked == list(found) == [o.name for o in flow.theory.observables]
    assert copy(flow).rare(cutoff) is found
    assert flow.level(flow.scale.cutoffs[0]).rare == {}


def test_a_scheme_that_states_no_law_says_nothing(theory: Theory, scheme: Any) -> None:
    flow = Flow(theory, scheme)
    assert flow.rare(flow.scale.cutoffs[0]) == {}


def test_what_only_an_ensemble_has_is_left_out(theory: Theory) -> None:
    several = Observable("cumulant", lambda f: f["x"], reduce=lambda m: m.sum())
    x = torch.zeros(4, 2)
    effective = EffectiveTheory({"x": x}, (several,), rare=lambda o: curve())
    assert how_rare(effective) == {}


def test_one_that_was_stopped_is_not_kept_and_may_be_asked_again(
    flow: Flow, asked: list[str]
) -> None:
    cutoff = flow.scale.cutoffs[1]
    flow.level(cutoff)

    def stop(fraction: float | None, label: str) -> None:
        raise Cancelled(label)

    with listening(stop), pytest.raises(Cancelled):
        flow.rare(cutoff)
    assert flow.level(cutoff).rare == {}
    assert flow.rare(cutoff)


def test_records_keep_it_where_it_is_known(flow: Flow, tmp_path: Path) -> None:
    here, there = flow.scale.cutoffs[:2]
    known = flow.rare(there)
    back = Flow.load(flow.save(tmp_path / "flow.zip"))
    assert back.rare(here) == {}
    for name, rare in known.items():
        kept = back.rare(there)[name]
        assert (kept.law, kept.how, kept.inputs, kept.calls) == ("a law", "a way", 7, 9)
        assert (kept.floor, kept.end, kept.unit) == (1e-6, rare.end, flow.units[name])
        assert kept.last == rare.last
        epsilon = torch.linspace(0.01, float(rare.epsilon[-1]), 50).tolist()
        for e in epsilon:
            assert rare.at(e).value <= kept.at(e).value <= 1.03 * rare.at(e).value
    again = RecordedFlow(back.to_xarray())
    assert str(again.rare(there)) == str(back.rare(there))


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("rare_probability", lambda table: 2 * table),
        ("rare_probability", lambda table: table[..., ::-1]),
        ("rare_epsilon", lambda table: table - 1),
        ("rare_low", lambda table: np.ones_like(table)),
        ("rare_calls", lambda table: table + 0.5),
        ("rare_high", lambda table: np.where(table == np.nanmin(table), np.nan, table)),
    ],
)
def test_a_record_whose_curve_is_none_is_refused(
    flow: Flow, column: str, change: Callable[[Any], Any]
) -> None:
    flow.rare(flow.scale.cutoffs[1])
    data = flow.to_xarray()
    data[column] = (data[column].dims, change(data[column].values))
    with pytest.raises(RecordError):
        RecordedFlow(data)


def test_a_record_with_a_part_of_the_columns_is_refused(flow: Flow) -> None:
    flow.rare(flow.scale.cutoffs[1])
    with pytest.raises(RecordError, match="rare_law"):
        RecordedFlow(flow.to_xarray().drop_vars("rare_law"))


def test_a_curve_that_did_not_come_down_to_its_floor_says_how_far_it_came() -> None:
    rare = replace(curve(), floor=1e-9)
    change, once = rare.last
    assert once == float(rare.probability[-1]) == pytest.approx(1e-6, rel=1e-3)
    assert change == float(rare.epsilon[-1])


def test_a_thinned_curve_is_exact_where_it_has_a_step_and_keeps_both_ends() -> None:
    rare = curve()
    thin = rare.thinned(0.05)
    assert 250 < len(thin.epsilon) < 310
    assert [float(thin.epsilon[i]) for i in (0, -1)] == [float(rare.epsilon[i]) for i in (0, -1)]
    for e, p in zip(thin.epsilon.tolist(), thin.probability.tolist(), strict=True):
        assert p == rare.probability[rare.epsilon == e]


@pytest.mark.parametrize("part", ["epsilon", "probability", "low"])
def test_what_is_no_curve_is_refused(part: str) -> None:
    rising = curve()
    with pytest.raises(ParameterError):
        replace(rising, **{part: getattr(rising, part).flip(0)})
