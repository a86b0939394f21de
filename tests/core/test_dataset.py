"""Levels become columns and columns levels again; what is no flow is refused."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from rgwidgets.core import Bound, Estimate, Flow, Influence, Level, RecordedFlow, Relevance, Scale
from rgwidgets.core.dataset import checked, from_levels, to_levels
from rgwidgets.core.errors import RecordError
from rgwidgets.core.level import CURVES

ATTRS = {"title": "t", "scheme": "s", "citation": "c"}
SCALE = Scale("rank", "k", "features", (2.0, 1.0), "decreasing")


def relevance_of(order: Relevance | None) -> dict[str, tuple[float, float | None]]:
    if order is None:
        return {}
    errors = order.error or [None] * len(order)
    return {n: (v, e) for n, v, e in zip(order.names, order.values, errors, strict=True)}


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_levels_come_back_from_the_table_as_they_went_in(
    tables: st.SearchStrategy, data: st.DataObject
) -> None:
    levels, scale, tolerances, units = data.draw(tables)
    table = from_levels(levels, scale, tolerances, units, **ATTRS)
    back = to_levels(checked(table))
    assert len(back) == len(levels)
    for kept, given_ in zip(back, levels, strict=True):
        assert kept.cutoff == given_.cutoff
        assert repr(sorted(kept.values.items())) == repr(sorted(given_.values.items()))
        assert kept.influences == given_.influences
        assert kept.couplings == given_.couplings
        assert relevance_of(kept.relevance) == relevance_of(given_.relevance)
    again = from_levels(back, scale, tolerances, units, **ATTRS)
    assert again.identical(table)


@settings(deadline=None, max_examples=20)
@given(st.data())
def test_a_recorded_flow_has_the_scale_tolerances_and_units_that_went_in(
    tables: st.SearchStrategy, data: st.DataObject
) -> None:
    levels, scale, tolerances, units = data.draw(tables)
    flow = RecordedFlow(from_levels(levels, scale, tolerances, units, **ATTRS))
    assert flow.scale == scale
    assert flow.tolerances == tolerances
    assert flow.units == units
    assert [flow.level(c).cutoff for c in scale.cutoffs] == list(scale.cutoffs)


def level(cutoff: float, **changes: object) -> Level:
    return Level(cutoff, **{"values": {}, "influences": {}, **changes})


def test_features_that_only_some_levels_have_are_kept_for_those() -> None:
    orders = [Relevance(("a", "b"), (2.0, 1.0)), Relevance(("c", "a"), (5.0, 3.0))]
    levels = [level(c, relevance=o) for c, o in zip((2, 1), orders, strict=True)]
    data = from_levels(levels, SCALE, {}, {}, **ATTRS)
    assert data["feature"].values.tolist() == ["a", "b", "c"]
    assert [kept.relevance for kept in to_levels(data)] == orders


def test_a_level_without_order_couplings_or_picture_is_kept_beside_others() -> None:
    full = level(
        2,
        relevance=Relevance(("a",), (1.0,)),
        couplings={"K": 1.0},
        field=np.ones((2, 2), dtype=np.int8),
    )
    data = from_levels([full, level(1)], SCALE, {}, {}, **ATTRS)
    bare = to_levels(data)[1]
    assert (bare.relevance, bare.couplings, bare.field) == (None, None, None)
    assert "field_1" not in data


def test_pictures_of_different_sizes_lie_side_by_side() -> None:
    levels = [level(2, field=np.ones((4, 6), np.int8)), level(1, field=np.ones((2, 3), np.int8))]
    data = from_levels(levels, SCALE, {}, {}, **ATTRS)
    assert data["field_0"].dims == ("y_0", "x_0")
    assert data["field_1"].shape == (2, 3)
    assert data["field_0"].attrs == {"low": -1.0, "high": 1.0}


def test_an_unknown_error_and_an_unproved_bound_are_kept_apart_from_zero() -> None:
    influence = Influence(
        Bound(0.0, "measured", "a", None),
        Bound(0.0, "measured", "b", 0.0),
        Bound.none("c: d"),
        Bound(math.inf, "proved", "e"),
    )
    one = level(2, values={"m": Estimate(1.0, math.nan)}, influences={"m": influence})
    kept = to_levels(from_levels([one, level(1)], SCALE, {"m": None}, {}, **ATTRS))
    assert kept[0].influences["m"] == influence
    assert math.isnan(kept[0].values["m"].error)
    assert kept[1].influences == {}
    assert kept[1].values == {}


def test_thousands_of_features_are_put_in_place_quickly() -> None:
    names = tuple(f"f{i}" for i in range(20_000))
    order = Relevance(names, tuple(map(float, range(20_000, 0, -1))))
    data = from_levels(
        [level(2, relevance=order), level(1, relevance=order)], SCALE, {}, {}, **ATTRS
    )
    assert data["relevance"].shape == (2, 20_000)


def without(*names: str) -> Callable[[xr.Dataset], xr.Dataset]:
    return lambda data: data.drop_vars(names)


def attrs(**changes: object) -> Callable[[xr.Dataset], xr.Dataset]:
    return lambda data: data.assign_attrs(changes)


def replaced(name: str, change: Callable[[xr.DataArray], xr.DataArray]) -> Callable:
    return lambda data: data.assign({name: change(data[name])})


def told(name: str, text: str) -> Callable[[xr.Dataset], xr.Dataset]:
    return replaced(name, lambda column: column.astype(object).where(False, text).astype(str))


NONSENSE: dict[str, Callable[[xr.Dataset], xr.Dataset]] = {
    "no attack": without("attack"),
    "no reason": without("certificate_how"),
    "no samples": without("samples"),
    "no tolerance": without("tolerance"),
    "no observable": without("observable"),
    "no cutoff": without("cutoff"),
    "no feature": without("feature"),
    "no relevance error": without("relevance_error"),
    "relevance without order": without("relevance"),
    "a column of text": replaced("attack", lambda a: a.astype(str)),
    "a column of whole numbers": replaced("value", lambda a: a.fillna(0).astype(int)),
    "reasons in numbers": replaced("attack_how", lambda a: (a != "").astype(float)),
    "turned axes": replaced("attack", lambda a: a.T),
    "other axes": replaced("attack", lambda a: a.rename(observable="other").drop_vars("other")),
    "a scalar": replaced("tolerance", lambda a: a[0]),
    "two cutoffs alike": lambda d: d.assign_coords(cutoff=np.ones(d.sizes["cutoff"])),
    "cutoffs out of order": lambda d: d.assign_coords(cutoff=[8.0, 2.0, 4.0, 1.0]),
    "a cutoff that is no number": lambda d: d.assign_coords(cutoff=[8.0, 4.0, 2.0, math.nan]),
    "two observables alike": lambda d: d.assign_coords(observable=["m", "m"]),
    "no cutoffs at all": lambda d: d.isel(cutoff=slice(0)),
    "a negative tolerance": replaced("tolerance", lambda a: -a),
    "a negative error": replaced("value_error", lambda a: -a - 1),
    "a negative time": replaced("value_tau", lambda a: -a - 1),
    "a negative bound": replaced("average", lambda a: a - 100),
    "a bound that is missing": replaced("attack", lambda a: a * math.nan),
    "attack over certificate": replaced("attack", lambda a: a + 100),
    "a kind that there is not": told("attack_how", "certain: x"),
    "a proved attack": told("attack_how", "proved: x"),
    "a measured certificate": told("certificate_how", "measured: x"),
    "a number of no kind": told("certificate_how", "none: x"),
    "another format": attrs(format="rgwidgets-flow/3"),
    "no format": lambda d: d.assign_attrs(format=None),
    "a title that is no text": attrs(title=3),
    "a direction that there is not": attrs(direction="sideways"),
    "the wrong direction": attrs(direction="increasing"),
    "a picture in floats": replaced("field_1", lambda a: a.astype(float)),
    "a picture of one row": replaced("field_1", lambda a: a[0]),
    "a picture with its axes turned": replaced("field_1", lambda a: a.T),
    "a picture without ends": replaced("field_1", lambda a: a.drop_attrs()),
    "a picture of text ends": replaced("field_1", lambda a: a.assign_attrs(low="0")),
    "a picture of endless ends": replaced("field_1", lambda a: a.assign_attrs(high=math.inf)),
    "a picture upside down": replaced("field_1", lambda a: a.assign_attrs(low=1e6)),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_what_is_no_flow_is_refused_with_a_mend(flow: Flow, name: str) -> None:
    data = NONSENSE[name](flow.to_xarray())
    with pytest.raises(RecordError) as caught:
        RecordedFlow(data)
    assert caught.value.given
    assert caught.value.allowed
    assert caught.value.mend


def test_a_title_of_its_own_is_no_offence(flow: Flow) -> None:
    assert RecordedFlow(attrs(title="", extra="more")(flow.to_xarray())).title == ""


def test_missing_columns_are_named(flow: Flow) -> None:
    data = flow.to_xarray().drop_vars(["attack", "unit"])
    del data.attrs["title"]
    with pytest.raises(RecordError, match="without attack, title, unit"):
        checked(data)


@pytest.mark.parametrize("curve", CURVES)
def test_every_curve_has_value_error_and_reason(flow: Flow, curve: str) -> None:
    data = flow.to_xarray()
    for column in (curve, f"{curve}_error", f"{curve}_how"):
        assert data[column].dims == ("cutoff", "observable")
