"""The charts: whole Vega-Lite, fed by name, and the same thing in the hands of a user."""

from dataclasses import replace

import altair as alt
import pytest

import rgwidgets as rg
from rgwidgets.core.errors import ParameterError
from rgwidgets.core.level import CURVES
from rgwidgets.widgets import change_charts, charts
from rgwidgets.widgets.frame import fitting_views


def levels(flow):
    return [flow.level(c) for c in flow.scale.cutoffs]


@pytest.fixture
def couplings():
    return rg.Flow(rg.Theory(couplings={"K": 0.4, "h": 0.1}), rg.Decimation())


def names(spec):
    """Every name of a data source in the specification."""
    if isinstance(spec, dict):
        found = {spec["data"]["name"]} if "name" in (spec.get("data") or {}) else set()
        return found.union(*(names(v) for v in spec.values())) if spec else found
    return set().union(*(names(v) for v in spec)) if isinstance(spec, list) and spec else set()


@pytest.mark.parametrize("view", ["spectrum", "observables", "bounds"])
def test_a_chart_holds_no_data_and_names_its_source(flow, view):
    spec = charts.specs(flow, [view])[view]
    assert names(spec) <= {"table"}
    assert "datasets" not in spec
    assert {p["name"] for p in spec.get("params", [])} >= {"cutoff", "preview"}


@pytest.mark.parametrize("view", ["spectrum", "observables", "bounds"])
def test_a_user_s_chart_is_valid_altair_with_its_data_inside(flow, view):
    made = charts.chart(view, flow, levels(flow), 1)
    assert isinstance(made, alt.TopLevelMixin)
    spec = made.to_dict()
    assert len(spec["datasets"]["table"]) == (4 if view == "spectrum" else 8)


def test_the_four_curves_share_one_chart_with_four_colours_and_four_shapes(flow):
    spec = str(charts.specs(flow, ["bounds"])["bounds"])
    for colour in change_charts.COLOURS.values():
        assert colour in spec
    for shape in change_charts.SHAPES.values():
        assert shape in spec


def layers_of(flow, view):
    return charts.specs(flow, [view])[view]["layer"]


def test_the_bounds_say_in_the_legend_which_is_a_mean_and_which_the_largest(uneven):
    spec = charts.specs(uneven, ["bounds"])["bounds"]
    said = str(spec)
    for curve, of in zip(CURVES, ("mean", "mean", "largest", "largest"), strict=True):
        assert f'"{curve}": "{curve} ({of})"' in said
    units = '{"bent": " / nats"}'
    heading = f"'change of ' + observable + ({units}[observable] || '')"
    assert spec["title"]["text"]["expr"] == heading


def test_only_attack_and_certificate_have_a_band_and_it_reaches_from_the_median(uneven):
    bands = [lay for lay in layers_of(uneven, "bounds") if lay["mark"].get("type") == "area"]
    assert len(bands) == 1
    assert '["attack", "certificate"]' in str(bands[0]["transform"])
    assert (bands[0]["encoding"]["y"]["field"], bands[0]["encoding"]["y2"]["field"]) == (
        "change",
        "median",
    )
    assert bands[0]["encoding"]["y"]["title"] == ["change", "bands: median to largest"]
    levels(uneven)
    rows = charts.rows("bounds", uneven, levels(uneven), 0)
    row = next(r for r in rows if r["observable"] == "bent" and r["index"] == 1)
    each = uneven.level(row["cutoff"]).influences["bent"].attack.each
    assert row["attack_median"] == float(each.sort().values[len(each) // 2 - 1])
    assert row["attack"] == float(each.max()) > row["attack_median"]


def test_a_record_that_kept_means_alone_says_so_and_has_no_band(uneven):
    levels(uneven)
    for cutoff in uneven.scale.cutoffs:
        level = uneven.level(cutoff)
        means = {
            name: replace(
                influence,
                **{c: replace(getattr(influence, c), each=None, statistic="mean") for c in CURVES},
            )
            for name, influence in level.influences.items()
        }
        uneven._levels[cutoff] = replace(level, influences=means)
    spec = charts.specs(uneven, ["bounds"])["bounds"]
    assert '"attack": "attack (mean)"' in str(spec)
    assert "median to largest" not in str(spec)


def test_a_flow_of_couplings_has_its_plane(couplings):
    spec = charts.chart("flow", couplings, levels(couplings), 0).to_dict()
    rows = spec["datasets"]["table"]
    assert rows[0]["K"] == pytest.approx(0.4)
    assert rows[1]["K"] == pytest.approx(float(couplings[2].couplings["K"]))


def test_what_is_no_chart_is_refused(flow):
    with pytest.raises(ParameterError, match="bounds"):
        charts.chart("field", flow, levels(flow), 0)


def test_fixed_points_stand_in_the_flow_plane_with_their_exponents():
    scheme = rg.MigdalKadanoff()
    found = rg.linearise(scheme, rg.fixed_point(scheme, 0.3))
    flow = rg.Flow(rg.Theory(couplings={"K": 0.3}), scheme)
    assert "0.3047; y = 0.747" in str(charts.specs(flow, ["flow"], fixed_points=[found]))


def test_in_two_couplings_an_arm_along_each_direction_says_whether_it_is_relevant(couplings):
    free = rg.linearise(couplings.scheme, [0.0, 0.0])
    spec = charts.specs(couplings, ["flow"], fixed_points=[free])["flow"]
    drawn = [layer["data"].get("values", []) for layer in spec["layer"]]
    arms = [row for values in drawn for row in values if "relevant" in row]
    assert len(arms) == 2
    assert [arm["relevant"] for arm in arms] == [e > 0 for e in free.exponents.tolist()]


@pytest.fixture
def both(flow):
    return rg.compare({"one": flow, "two": flow})


def test_flows_side_by_side_have_a_chart_of_their_own_first(both):
    assert fitting_views(both)[0] == "comparison"
    lens = rg.Lens(both)
    assert set(lens.charts) == {"comparison", "bounds", "observables"}
    lens.close()


def test_each_member_has_a_colour_that_means_no_curve_and_three_curves_each(both):
    spec = charts.specs(both, ["comparison"])["comparison"]
    lines = next(layer for layer in spec["layer"] if "color" in layer["encoding"])
    colour = lines["encoding"]["color"]["scale"]
    assert colour["domain"] == ["one", "two"]
    assert not set(change_charts.MEMBERS) & set(change_charts.COLOURS.values())
    assert lines["encoding"]["shape"]["scale"]["domain"] == ["average", "attack", "certificate"]
    assert len(set(map(tuple, lines["encoding"]["strokeDash"]["scale"]["range"]))) == 3


def test_the_comparison_follows_the_observable_that_is_chosen_of_whichever_member(both):
    spec = charts.specs(both, ["comparison"])["comparison"]
    text = str(spec)
    for member in both.members:
        assert f"{-len(' · ' + member)}) == ' · {member}'" in text
    shown = {row["observable"] for row in charts.rows("comparison", both, levels(both), 0)}
    assert shown == {f"{name} · {m}" for name in both.flows["one"].tolerances for m in both.members}
