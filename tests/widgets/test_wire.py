"""The boundary to the browser: what leaves is JSON and bytes, and nothing is lost on the way."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rgwidgets.widgets import wire


@given(
    arrays(
        np.int8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.sampled_from([-1, 1])
    )
)
def test_spins_travel_as_one_bit_each_and_come_back(spins):
    header, content = wire.encode_picture(2, spins)
    assert header["dtype"] == "bit"
    assert len(content) == -(-spins.size // 8)
    bits = np.unpackbits(np.frombuffer(content, np.uint8), bitorder="little")[: spins.size]
    assert (np.where(bits, 1, -1).reshape(header["shape"]) == spins).all()


@given(arrays(np.float32, (4, 5), elements=st.floats(-1e3, 1e3, width=32)))
def test_a_picture_comes_back_within_half_a_step_of_256(field):
    header, content = wire.encode_picture(0, field)
    steps = np.frombuffer(content, np.uint8).reshape(header["shape"])
    span = header["high"] - header["low"]
    back = header["low"] + steps / 255 * span
    assert np.abs(back - field).max() <= span / 510 + 1e-4


def test_a_picture_with_nan_still_travels():
    header, content = wire.encode_picture(0, np.array([[np.nan, 1.0], [0.0, 2.0]], np.float32))
    assert (header["low"], header["high"]) == (0.0, 2.0)
    assert list(content) == [0, 128, 0, 255]


def test_the_table_is_json_with_null_for_what_is_unknown(flow):
    flow.level(2)
    levels = [flow.computed(c) for c in flow.scale.cutoffs]
    columns = json.loads(json.dumps(wire.table(flow, levels), allow_nan=False))
    assert columns["value"]["sum"][0] is None
    assert columns["value"]["sum"][1] == pytest.approx(flow[2].observe()["sum"].value)
    unknown = "not computed yet"
    assert columns["certificate_how"]["sum"] == [unknown, "triangle", unknown, unknown]


def test_a_bound_of_kind_none_keeps_its_reason(flow):
    levels = [flow.level(c) for c in flow.scale.cutoffs]
    columns = wire.table(flow, levels)
    assert columns["certificate"]["sum"][3] is None
    assert columns["certificate_kind"]["sum"][3] == "none"
    assert columns["certificate_how"]["sum"][3] == "rank 0"


def test_the_budget_marks_the_coarsest_cutoff_that_each_curve_keeps(flow):
    levels = [flow.level(c) for c in flow.scale.cutoffs]
    budget = wire.table(flow, levels)["budget"]
    for curve, index in budget.items():
        assert flow.scale.cutoffs[index] == flow.cutoff({"sum": 1.0}, by=curve)


def test_each_bound_says_of_whom_it_is_and_what_its_samples_come_to(uneven):
    influence = uneven.level(1).influences["bent"]
    columns = wire.table(uneven, [uneven.computed(c) for c in uneven.scale.cutoffs])
    place = uneven.scale.index(1)

    def cell(column):
        return columns[column]["bent"][place]

    each = influence.attack.each
    assert (cell("average_statistic"), cell("attack_statistic")) == ("mean", "largest")
    assert cell("attack_of") == influence.attack.quantifier
    assert cell("average") == cell("average_mean") == pytest.approx(influence.average.mean)
    assert cell("attack") == cell("attack_largest") == float(each.max()) > cell("attack_mean")
    assert 0 < cell("attack_over") == float((each > 1.5).double().mean()) < 1
    assert columns["attack_over"]["first"][place] is None  # it has no tolerance
    assert cell("attack_others") is None  # the samples chose what was cut


def test_a_zero_is_not_mistaken_for_nothing(flow):
    flow.level(4)
    columns = wire.table(flow, [flow.computed(c) for c in flow.scale.cutoffs])
    assert columns["average"]["sum"][0] == 0.0
    assert columns["certificate_kind"]["sum"][0] == "proved"
