"""Influences become columns of a table and come back as they were, or are refused."""

import math

import numpy as np
import pytest
import torch

from rgwidgets.core.bounds import Bound, Influence
from rgwidgets.core.errors import ParameterError
from rgwidgets.core.influence_columns import EACH, HOWS, columns_of, influence_at
from rgwidgets.core.share import Share

FEW = torch.tensor([0.0, 0.1, 0.4]).double()


def influence() -> Influence:
    mean = Bound.of(FEW, "measured", "", statistic="mean", whom="3 inputs, own tails")
    attack = Bound.of(2 * FEW, "measured", "PGD", whom="3 inputs, every tail")
    proved = Bound.of(3 * FEW, "proved", "CROWN: best", whom="3 inputs, every tail")
    return Influence(mean, Bound.none("one: alone"), attack, proved, Share(1, 3), True)


def grid(*influences: Influence | None) -> dict[str, np.ndarray]:
    return {name: table for name, (_, table) in columns_of([influences]).items()}


def test_what_was_written_is_read_back_sample_by_sample() -> None:
    found = influence_at(grid(influence(), None), (0, 0))
    assert found == influence()
    for name in ("average", "attack", "certificate"):
        assert torch.equal(getattr(found, name).each, getattr(influence(), name).each)
    assert found.resample.each is None
    assert influence_at(grid(influence(), None), (0, 1)) is None


def test_fewer_samples_are_padded_and_not_counted() -> None:
    shorter = Influence(
        *(Bound.of(FEW[:2], "measured", "", statistic="mean"),) * 2,
        Bound.of(FEW[:2], "measured", ""),
        Bound.none("no"),
    )
    table = grid(influence(), shorter)
    assert table["average_each"].shape == (1, 2, 3)
    assert influence_at(table, (0, 1)).average.over(0.05).of == 2


@pytest.mark.parametrize("kept", [True, False], ids=["each", "no each"])
def test_of_a_record_of_means_nothing_is_said_of_each(kept: bool) -> None:
    table = grid(influence())
    for column in list(table):
        if column.endswith(("_statistic", "_whom")) or column in (*EACH, "outside", "outside_of"):
            del table[column]
    found = influence_at(table, (0, 0))
    assert found.certificate.statistic == "mean"
    assert math.isnan(found.certificate.largest)
    assert str(found.certificate).endswith("(proved, the mean: CROWN: best)")
    assert found.attack.over(0.1) is None


@pytest.mark.parametrize(
    "column, value",
    [
        ("attack", 0.3),
        ("average", 0.4),
        ("attack_statistic", "median"),
        ("certificate_how", "sure: x"),
        ("certificate_how", "none: x"),
        ("resample", 1.0),
        ("outside", 0.5),
        ("outside", 4.0),
    ],
)
def test_what_contradicts_itself_is_refused(column: str, value: object) -> None:
    table = grid(influence())
    table[column] = table[column].astype(object)
    table[column][0, 0] = value
    with pytest.raises(ParameterError):
        influence_at(table, (0, 0))


def test_no_change_of_a_sample_is_negative() -> None:
    table = grid(influence())
    table["average_each"][0, 0] = [-0.1, 0.2, 0.4]
    with pytest.raises(ParameterError):
        influence_at(table, (0, 0))


@pytest.mark.parametrize("said", HOWS)
def test_each_bound_keeps_its_kind(said: str) -> None:
    kind = str(grid(influence())[said][0, 0]).partition(": ")[0]
    assert kind == getattr(influence(), said.removesuffix("_how")).kind
