"""What a flow promises of samples that it has seen, and of others like them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from rgwidgets.core import (
    Bound,
    EffectiveTheory,
    Flow,
    Influence,
    Scale,
    Scheme,
    Theory,
    record,
)
from rgwidgets.core.errors import BudgetError, ParameterError


def test_a_record_of_means_opens_and_promises_nothing_of_any_sample(
    data: Any, tmp_path: Path
) -> None:
    """As the first format had it: no samples, and of no bound whether it is the largest."""
    since = [
        name
        for name in data.variables
        if name.endswith(("_each", "_statistic", "_whom"))
        or name in ("outside", "outside_of", "fresh")
    ]
    old = data.drop_vars(since).assign_attrs(format="rgwidgets-flow/1")
    back = Flow.load(record.save(old, tmp_path / "old.zarr"))
    bound = back.level(2).influences["total"].attack
    assert (bound.statistic, bound.each) == ("mean", None)
    assert "the mean" in str(bound)
    assert back.cutoff({"total": 1e9}, by="average") == 1
    with pytest.raises(BudgetError, match="this record kept means alone"):
        back.cutoff({"total": 1e9}, by="attack")
    with pytest.raises(BudgetError, match="say nothing of others"):
        back.cutoff({"total": 1e9}, by="attack", share=0.1)


class Counted(Scheme):
    """Neglects nothing of 8 samples but what makes so many of 100 held-out ones change by 1."""

    name = "counted"
    citation = "a test"

    def __init__(self, over: dict[int, int]) -> None:
        self.over = over

    def scale(self, theory: Theory) -> Scale:
        return Scale("rank", "k", "features", tuple(sorted(self.over, reverse=True)), "decreasing")

    def coarsen(self, theory: Theory, cutoff: float) -> EffectiveTheory:
        each = (torch.arange(100) < self.over[int(cutoff)]).double()
        mean = Bound.of(each, "measured", "", statistic="mean")
        influence = Influence(
            mean, mean, Bound.of(each, "measured", ""), Bound.of(each, "proved", ""), fresh=True
        )
        return EffectiveTheory(
            theory.features, theory.observables, cutoff=cutoff, influence=lambda _: influence
        )


def test_a_share_of_new_samples_is_kept_by_every_finer_cutoff_too(theory: Theory) -> None:
    """0 of 100 bound the share by 2.95 %, 2 of 100 by 6.16 %, 5 of 100 by 10.2 %."""
    flow = Flow(theory, Counted({8: 0, 4: 2, 2: 5, 1: 0}))
    budget = {"total": 0.5}
    assert flow.cutoff(budget, by="certificate") == 1  # of these samples none is over
    assert flow.cutoff(budget, by="certificate", share=0.03) == 8
    assert flow.cutoff(budget, by="attack", share=0.07) == 4  # at 2 it fails, whatever comes after
    assert flow.cutoff(budget, by="average", share=0.11) == 1
    assert flow.cutoff(budget, by="average", share=0.07, confidence=0.5) == 1
    with pytest.raises(BudgetError, match=r"for 0\.98 of new samples at confidence 0\.95"):
        flow.cutoff(budget, by="certificate", share=0.02)


@pytest.mark.parametrize(
    "wrong", [{"share": 1.0}, {"share": -0.1}, {"share": 0.1, "confidence": 1}]
)
def test_what_is_no_share_and_no_confidence_is_refused(theory: Theory, wrong: Any) -> None:
    with pytest.raises(ParameterError):
        Flow(theory, Counted({8: 0})).cutoff({"total": 0.5}, **wrong)
