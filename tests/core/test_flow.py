"""A flow computes what is looked at, once, and finds the coarsest cutoff within a budget."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from rgwidgets.core import EffectiveTheory, Flow, Observable, RecordedFlow, Theory
from rgwidgets.core.errors import BudgetError, Cancelled, CutoffError, ParameterError, RecordError
from rgwidgets.core.progress import listening

CUTOFFS = (8, 4, 2, 1)


def test_nothing_is_computed_before_it_is_looked_at(flow: Flow, scheme: Any) -> None:
    assert len(flow) == 4
    assert flow.scale.cutoffs == CUTOFFS
    assert flow.tolerances == {"total": 5.0, "first": None}
    assert flow.units == {"total": "J", "first": "K"}
    assert [flow.computed(c) for c in CUTOFFS] == [None] * 4
    assert "0 computed" in repr(flow)
    assert scheme.asked == []


def test_a_cutoff_is_computed_once_and_remembered(flow: Flow, scheme: Any) -> None:
    first = flow[2]
    assert flow[2] is first
    assert flow[2.0] is first
    assert flow.level(2) is flow.level(2)
    assert flow.computed(2) is flow.level(2)
    assert scheme.asked == [2]


def test_an_effective_theory_without_its_level_measures_no_bound(flow: Flow, scheme: Any) -> None:
    assert flow[2].cutoff == 2
    assert scheme.measured == []
    assert flow[2].bounds["total"].worst == (6.0, 6.5)
    flow.level(2)
    assert Counter(scheme.measured) == {(2, "total"): 1, (2, "first"): 1}


def test_picture_and_order_are_to_be_had_without_measuring_a_bound(
    flow: Flow, scheme: Any, tmp_path: Path
) -> None:
    picture, order = flow.picture(2), flow.relevance(2)
    assert picture is not None
    assert picture[:, :2].any()
    assert not picture[:, 2:].any()
    assert order is flow[2].relevance
    assert scheme.measured == []
    recorded = Flow.load(flow.save(tmp_path / "r.zip"))
    assert abs(recorded.picture(2) - picture).max() <= (picture.max() - picture.min()) / 509
    assert recorded.relevance(2).values == order.values
    assert (recorded.citation, recorded.palette) == (flow.citation, flow.palette)


def test_every_cutoff_starts_from_the_theory_itself(flow: Flow, theory: Theory) -> None:
    assert [e.parent for e in flow] == [theory] * 4


def test_iterating_goes_from_fine_to_coarse_and_only_as_far_as_asked(
    flow: Flow, scheme: Any
) -> None:
    steps = iter(flow)
    assert [next(steps).cutoff, next(steps).cutoff] == [8, 4]
    assert scheme.asked == [8, 4]


def test_what_is_known_does_not_wait_for_another_cutoff(theory: Theory, scheme: Any) -> None:
    begun, go_on, coarsen = threading.Event(), threading.Event(), scheme.coarsen
    flow = Flow(theory, scheme)
    known = flow.level(8)

    def slowly(theory: Theory, cutoff: float) -> EffectiveTheory:
        begun.set()
        assert go_on.wait(10)
        return coarsen(theory, cutoff)

    scheme.coarsen = slowly
    with ThreadPoolExecutor(2) as pool:
        other = pool.submit(flow.level, 4)
        assert begun.wait(10)
        try:
            assert pool.submit(lambda: (flow[8], flow.level(8))).result(5)[1] is known
            assert not other.done()
        finally:
            go_on.set()
        assert other.result(10).cutoff == 4


def test_threads_share_one_computation(theory: Theory, make_scheme: Callable[..., Any]) -> None:
    scheme = make_scheme()
    together = threading.Barrier(8)
    coarsen = scheme.coarsen

    def slowly(theory: Theory, cutoff: float) -> EffectiveTheory:
        time.sleep(0.005)
        return coarsen(theory, cutoff)

    scheme.coarsen = slowly
    flow = Flow(theory, scheme)

    def look(worker: int) -> list[int]:
        together.wait()
        turned = CUTOFFS[worker % 4 :] + CUTOFFS[: worker % 4]
        return [id(flow.level(c)) for c in turned] and [id(flow.level(c)) for c in CUTOFFS]

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(look, range(8)))
    assert all(ids == seen[0] for ids in seen)
    assert Counter(scheme.asked) == dict.fromkeys(CUTOFFS, 1)


def test_a_failed_cutoff_is_tried_again(theory: Theory, scheme: Any) -> None:
    flow, coarsen = Flow(theory, scheme), scheme.coarsen
    scheme.coarsen = lambda theory, cutoff: 1 / 0
    with pytest.raises(ZeroDivisionError):
        flow.level(4)
    scheme.coarsen = coarsen
    assert flow.level(4).cutoff == 4


@pytest.mark.parametrize("asked, nearest", [(3, 4), (0, 1), (100, 8), (-1, 1)])
def test_a_cutoff_off_the_scale_is_refused_before_anything_is_computed(
    flow: Flow, scheme: Any, asked: float, nearest: int
) -> None:
    for look in (flow.__getitem__, flow.level, flow.computed):
        with pytest.raises(CutoffError, match=f"the nearest is {nearest}"):
            look(asked)
    assert scheme.asked == []


@pytest.mark.parametrize("cutoffs", [(8, 2), (2, 8), [2, 8, 8.0]])
def test_a_flow_may_be_restricted_to_some_cutoffs(
    theory: Theory, scheme: Any, cutoffs: tuple[float, ...]
) -> None:
    flow = Flow(theory, scheme, cutoffs=cutoffs)
    assert flow.scale.cutoffs == (8, 2)
    assert flow.to_xarray()["cutoff"].values.tolist() == [8, 2]
    assert scheme.asked == [8, 2]
    with pytest.raises(CutoffError, match="allowed: 8, 2 features"):
        flow[4]


@pytest.mark.parametrize("cutoffs", [(8, 3), ()])
def test_a_restriction_to_what_the_scheme_does_not_admit_is_refused(
    theory: Theory, scheme: Any, cutoffs: tuple[float, ...]
) -> None:
    with pytest.raises(CutoffError):
        Flow(theory, scheme, cutoffs=cutoffs)


def test_the_table_lies_along_the_cutoffs_even_of_a_scheme_that_forgets_to_say_them(
    theory: Theory, scheme: Any
) -> None:
    coarsen = scheme.coarsen
    scheme.coarsen = lambda theory, cutoff: EffectiveTheory(
        coarsen(theory, cutoff).features, theory.observables
    )
    data = Flow(theory, scheme).to_xarray()
    assert data["cutoff"].values.tolist() == list(CUTOFFS)


@pytest.mark.parametrize(
    "tolerance, by, expected",
    [
        (0.5, "certificate", 8),
        (4.5, "certificate", 4),
        (6.4, "certificate", 4),
        (6.5, "certificate", 2),
        (7.5, "certificate", 1),
        (1e9, "certificate", 1),
        (0.0, "attack", 8),
        (3.9, "attack", 8),
        (6.2, "attack", 2),
        (7.0, "attack", 1),
        (0.65, "average", 2),
        (0.0, "average", 8),
        (1.3, "resample", 2),
    ],
)
def test_the_cutoff_is_the_coarsest_within_budget(
    flow: Flow, tolerance: float, by: str, expected: int
) -> None:
    assert flow.cutoff({"total": tolerance}, by=by) == expected


def test_without_a_budget_the_observables_own_tolerances_hold(flow: Flow) -> None:
    assert flow.cutoff() == 4  # the certificate at 4 is 4.5, the tolerance 5
    assert flow.cutoff(by="attack") == 4


def test_the_tightest_observable_decides(flow: Flow) -> None:
    assert flow.cutoff({"total": 100.0, "first": 4.6}) == 4


def test_coarser_cutoffs_are_not_passed_over_when_a_finer_one_is_out_of_budget(
    theory: Theory, make_scheme: Callable[..., Any]
) -> None:
    scheme = make_scheme({8: 0.0, 4: 9.0, 2: 1.0, 1: 9.0})
    flow = Flow(theory, scheme)
    assert flow.cutoff({"total": 2.0}) == 2
    assert scheme.asked == [1, 2]


def test_only_as_many_cutoffs_are_computed_as_the_answer_needs(flow: Flow, scheme: Any) -> None:
    assert flow.cutoff({"total": 100.0}) == 1
    assert scheme.asked == [1]


def test_what_is_not_proved_is_not_in_budget_by_certificate(
    theory: Theory, make_scheme: Callable[..., Any]
) -> None:
    flow = Flow(theory, make_scheme(proved=False))
    with pytest.raises(BudgetError, match="widen the budget, or ask by='attack'"):
        flow.cutoff({"total": 1e9})
    assert flow.cutoff({"total": 6.0}, by="attack") == 2


def test_a_budget_that_no_cutoff_keeps_says_how_to_mend_it(flow: Flow) -> None:
    with pytest.raises(BudgetError) as caught:
        flow.cutoff({"total": 0.4})
    assert caught.value.given == {"total": 0.4}
    assert "some cutoff keeps by certificate" in str(caught.value)


def test_a_budget_for_an_unknown_observable_names_those_allowed(flow: Flow, scheme: Any) -> None:
    with pytest.raises(BudgetError, match=r"allowed: total, first.*did you mean 'total'"):
        flow.cutoff({"totl": 1.0})
    assert scheme.asked == []


@pytest.mark.parametrize("tolerance", [float("nan"), float("inf"), -1.0, "1", None])
def test_a_budget_that_is_no_size_is_refused_before_anything_is_computed(
    flow: Flow, scheme: Any, tolerance: float
) -> None:
    with pytest.raises(BudgetError, match="budget of total"):
        flow.cutoff({"total": tolerance})
    assert scheme.asked == []


def test_without_any_tolerance_a_budget_is_asked_for(scheme: Any, theory: Theory) -> None:
    bare = Theory(theory.features, (Observable("total", lambda f: f["x"].sum(1)),))
    with pytest.raises(BudgetError, match="a tolerance for at least one observable"):
        Flow(bare, scheme).cutoff()


def test_an_unknown_curve_is_refused(flow: Flow) -> None:
    with pytest.raises(ParameterError, match="average, resample, attack, certificate"):
        flow.cutoff({"total": 1.0}, by="proof")


def test_the_whole_flow_becomes_a_dataset_with_units_and_source(flow: Flow) -> None:
    data = flow.to_xarray()
    assert dict(data.sizes) | {"cutoff": 4, "observable": 2, "feature": 8} == dict(data.sizes)
    assert data["attack"].sel(observable="total").values.tolist() == [0, 4, 6, 7]
    assert data["certificate"].sel(cutoff=2, observable="first") == 6.5
    assert data["tolerance"].values.tolist()[0] == 5.0
    assert data["unit"].values.tolist() == ["J", "K"]
    assert data["cutoff"].attrs["units"] == "features"
    assert {k: data.attrs[k] for k in ("title", "scheme", "citation", "palette", "direction")} == {
        "title": "eight numbers · truncation",
        "scheme": "truncation",
        "citation": "a test",
        "palette": "diverging",
        "direction": "decreasing",
    }


def test_pandas_gets_one_row_for_each_cutoff_and_observable(flow: Flow) -> None:
    table = flow.to_pandas()
    assert len(table) == 8
    row = table[(table["cutoff"] == 2) & (table["observable"] == "total")].iloc[0]
    assert (row["attack"], row["certificate"], row["tolerance"], row["unit"]) == (6, 6.5, 5, "J")
    assert row["attack_how"] == "measured: test"
    level = flow.level(2).values["total"]
    assert (row["value"], row["value_error"]) == (level.value, level.error)


class Impatient:
    """Asks to stop when so many cutoffs are done."""

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.heard: list[float | None] = []

    def __call__(self, fraction: float | None, label: str) -> None:
        self.heard.append(fraction)
        if len(self.heard) > self.patience:
            raise Cancelled


@pytest.mark.parametrize("done", range(5))
def test_a_cancelled_flow_keeps_what_it_has_and_can_go_on(
    flow: Flow, scheme: Any, done: int
) -> None:
    with pytest.raises(Cancelled), listening(Impatient(done)):
        flow.to_xarray()
    kept = [flow.computed(c) for c in CUTOFFS]
    assert [level is not None for level in kept] == [k < done for k in range(4)]
    flow.to_xarray()
    assert [flow.computed(c) for c in CUTOFFS[:done]] == kept[:done]
    assert Counter(scheme.asked) == dict.fromkeys(CUTOFFS, 1)


def test_progress_runs_from_nothing_to_all(flow: Flow) -> None:
    with listening(ear := Impatient(100)):
        flow.to_xarray()
    assert ear.heard == [0, 0.25, 0.5, 0.75, 1]


@pytest.mark.parametrize("name", ["flow.zarr", "flow.zip"])
def test_a_saved_flow_answers_as_the_live_one(flow: Flow, tmp_path: Path, name: str) -> None:
    recorded = Flow.load(flow.save(tmp_path / "new" / name))
    assert isinstance(recorded, RecordedFlow)
    assert recorded.to_xarray().identical(flow.to_xarray())
    assert recorded.to_pandas().equals(flow.to_pandas())
    assert (recorded.title, recorded.tolerances, recorded.units) == (
        flow.title,
        flow.tolerances,
        flow.units,
    )
    assert recorded.scale == flow.scale
    assert len(recorded) == 4
    for by in ("certificate", "attack", "average"):
        assert recorded.cutoff({"total": 6.5}, by=by) == flow.cutoff({"total": 6.5}, by=by)
    for cutoff in CUTOFFS:
        live, kept = flow.level(cutoff), recorded.level(cutoff)
        assert recorded.computed(cutoff) is kept
        assert (kept.values, kept.influences, kept.couplings) == (
            live.values,
            live.influences,
            live.couplings,
        )
        assert kept.relevance.values == live.relevance.values
    with pytest.raises(CutoffError):
        recorded.level(3)


def test_a_saved_flow_can_be_saved_again_unchanged(flow: Flow, tmp_path: Path) -> None:
    once = Flow.load(flow.save(tmp_path / "a.zip"))
    twice = Flow.load(once.save(tmp_path / "b.zarr"))
    assert twice.to_xarray().identical(flow.to_xarray())


def test_writing_into_the_dataset_does_not_change_the_record(flow: Flow, tmp_path: Path) -> None:
    recorded = Flow.load(flow.save(tmp_path / "a.zip"))
    recorded.to_xarray()["attack"].values[:] = 0
    recorded.to_xarray().attrs["title"] = ""
    assert recorded.to_xarray().identical(flow.to_xarray())


def test_a_cancelled_save_leaves_nothing_behind(flow: Flow, tmp_path: Path) -> None:
    with pytest.raises(Cancelled), listening(Impatient(2)):
        flow.save(tmp_path / "a.zip")
    assert list(tmp_path.iterdir()) == []


def test_a_record_whose_numbers_contradict_each_other_is_refused(flow: Flow) -> None:
    data = flow.to_xarray()
    data["attack"][2, 0] = 1e6
    with pytest.raises(RecordError, match="at most the certificate"):
        RecordedFlow(data)
