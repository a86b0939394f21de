"""How rare in the lens: a view where a law is stated, asked for at a cutoff, told in one number."""

from __future__ import annotations

import json

import pytest
import torch

import rgwidgets as rg
from rgwidgets.core.rare import Rare
from rgwidgets.schemes import subspace
from rgwidgets.widgets import charts, pages, wire
from rgwidgets.widgets.export import page, to_html
from rgwidgets.widgets.frame import fitting_views

from .conftest import until


def levels(flow):
    return [flow.level(c) for c in flow.scale.cutoffs]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A law whose curve is known, exp(−ε): splitting takes seconds, and has tests of its own."""
    epsilon = torch.linspace(0, 13.9, 3000, dtype=torch.float64)
    p = (-epsilon).exp()
    said = {"law": "a law", "inputs": 60, "how": "a way", "calls": 9, "floor": 1e-6}
    rare = Rare(epsilon, p, 0.9 * p, (1.1 * p).clamp_max(1), **said)
    monkeypatch.setattr(subspace, "rare_of", lambda fibre: lambda o: rare)


@pytest.fixture
def known(uneven):
    """The same flow, with what is rare known at one cutoff."""
    uneven.rare(1)
    return uneven


def test_only_a_flow_whose_scheme_states_a_law_has_the_view(flow, uneven):
    assert "rare" in fitting_views(uneven)
    assert "rare" not in fitting_views(flow)


def test_the_number_is_the_change_that_the_curve_exceeds_at_its_floor(known):
    columns = json.loads(json.dumps(wire.table(known, levels(known)), allow_nan=False))
    place = known.scale.index(1)
    rare = known.rare(1)["bent"]
    assert columns["rare"]["bent"][place] == rare.quantile(1e-6)
    assert columns["rare_once"]["bent"][place] == 1e-6
    assert columns["rare_over"]["bent"][place] == pytest.approx(2.718281828**-1.5, rel=0.01)
    assert columns["rare_of"]["bent"][place] == rare.quantifier
    assert columns["rare_over"]["first"][place] is None  # it has no tolerance
    assert columns["rare"]["bent"][place - 1] is None


def test_the_curve_that_is_drawn_falls_from_all_to_the_floor(known):
    place = known.scale.index(1)
    curve = wire.table(known, levels(known))["rare_curve"]["bent"]
    assert [c is not None for c in curve] == [i == place for i in range(len(curve))]
    drawn = curve[place]
    assert drawn["epsilon"] == sorted(drawn["epsilon"])
    assert drawn["probability"] == sorted(drawn["probability"], reverse=True)
    assert drawn["probability"][-1] <= 1e-6
    for low, p, high in zip(drawn["low"], drawn["probability"], drawn["high"], strict=True):
        assert low <= p <= high


def test_the_chart_has_rows_of_its_own_cutoff_alone(known):
    place = known.scale.index(1)
    rows = charts.rows("rare", known, levels(known), place)
    assert {row["index"] for row in rows if "index" in row} == {place}
    assert sum("epsilon" in row for row in rows) > 100
    assert charts.rows("rare", known, levels(known), place - 1) == []
    spec = charts.chart("rare", known, levels(known), place).to_dict()
    said = str(spec)
    for curve, of in (("average", "mean"), ("attack", "largest"), ("certificate", "largest")):
        assert f'"{curve}": "{curve} ({of})"' in said
    assert "tolerance" in said
    assert spec["usermeta"]["rgwidgets"]["drag"] is None


def test_the_browser_asks_for_one_cutoff_and_everything_else_is_computed_too(uneven, sent):
    lens = rg.Lens(uneven)
    place = uneven.scale.index(2)
    lens._handle_custom_msg({"kind": "rare", "index": place}, [])
    assert lens.wait(60)
    assert lens.table["rare"]["bent"][place] == uneven.rare(2)["bent"].last[0]
    assert lens.table["rare"]["bent"][place + 1] is None
    assert None not in lens.table["attack_kind"]["bent"]
    until(lambda: lens.status["state"] == "idle")
    lens.close()


@pytest.mark.parametrize("index", [-1, 99, None, "1", 1.5])
def test_a_cutoff_that_there_is_not_is_not_computed(uneven, sent, index):
    lens = rg.Lens(uneven)
    lens._handle_custom_msg({"kind": "rare", "index": index}, [])
    assert lens.wait(60)
    assert all(level.rare == {} for level in levels(uneven))
    lens.close()


def test_a_lens_without_the_view_computes_none(uneven, sent):
    lens = rg.Lens(uneven, views=["bounds"])
    lens._handle_custom_msg({"kind": "rare", "index": 2}, [])
    assert lens.wait(60)
    assert all(level.rare == {} for level in levels(uneven))
    lens.close()


def test_a_page_has_the_view_where_something_was_recorded_and_not_otherwise(uneven, tmp_path):
    assert "rare" not in page(uneven)["spec"]["views"]
    assert "rare" not in page(uneven)["charts"]
    uneven.rare(1)
    assert "rare" in page(uneven)["charts"]
    back = rg.Flow.load(uneven.save(tmp_path / "flow.zip"))
    assert "rare" in page(back)["spec"]["views"]
    assert wire.table(back, levels(back))["rare"] == wire.table(uneven, levels(uneven))["rare"]
    assert "rare_curve" in to_html(back)


def test_a_published_lens_offers_only_what_it_can_show(uneven, sent, tmp_path):
    lens = rg.Lens(uneven)
    assert "rare" in lens.setup["views"]
    pages.publish(lens, tmp_path / "without")
    index = json.loads((tmp_path / "without" / "index.json").read_text())
    assert "rare" not in index["spec"]["views"]
    assert "rare" not in index["charts"]
    uneven.rare(1)
    pages.publish(lens, tmp_path / "with")
    index = json.loads((tmp_path / "with" / "index.json").read_text())
    assert "rare" in index["spec"]["views"]
    assert "rare" in index["charts"]
    lens.close()
