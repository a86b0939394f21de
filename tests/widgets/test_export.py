"""A lens without a kernel: one page, one record, nothing fetched."""

import base64
import json
import re

import numpy as np
import pytest

import rgwidgets as rg
from rgwidgets.core.errors import CutoffError
from rgwidgets.widgets import export


def parts(page):
    text = re.search(r'id="parts">(.*?)</script>', page, re.DOTALL).group(1)
    return json.loads(text)


def test_the_page_holds_the_bundle_and_the_record(flow):
    held = parts(export.to_html(flow))
    assert set(held) == {"lens", "charts", "records"}
    assert held["records"][0]["spec"]["title"] == flow.title


def test_the_pictures_in_the_record_are_those_of_the_flow(flow):
    level = export.record(flow)["pyramid"][0]
    steps = np.frombuffer(base64.b64decode(level["data"]), np.uint8).reshape(level["shape"])
    back = level["low"] + steps / 255 * (level["high"] - level["low"])
    assert np.abs(back - flow.picture(4)).max() < 1 / 255


def test_the_page_names_no_other_host(flow):
    page = export.to_html(flow)
    outside = page.split('id="parts">')[0] + page.split("</script>", 1)[1]
    assert "http" not in outside


def test_a_title_cannot_break_out_of_the_page(theory):
    from .conftest import Truncate

    nasty = rg.Theory(
        theory.features,
        theory.observables,
        name="</script><script>alert(1)</script>",
        attrs=theory.attrs,
    )
    page = export.to_html(rg.Flow(nasty, Truncate()))
    assert "<script>alert" not in page
    assert parts(page)["records"][0]["spec"]["title"].startswith("</script>")


def test_the_page_opens_at_the_cutoff_that_was_asked(flow):
    assert export.record(flow, cutoff=1)["cutoff"] == 2
    with pytest.raises(CutoffError):
        export.record(flow, cutoff=3)


def test_a_recorded_flow_makes_the_same_page(flow, tmp_path):
    recorded = rg.Flow.load(flow.save(tmp_path / "toy.zip"))
    assert export.record(recorded) == export.record(flow)


def test_the_lens_makes_the_page_where_its_dial_stands(flow, sent):
    lens = rg.Lens(flow, cutoff=1)
    assert parts(lens.to_html())["records"][0]["cutoff"] == 2
    lens.close()


def test_several_lenses_share_one_bundle_and_have_a_place_each(flow):
    places, scripts = export.embedded([export.record(flow), export.record(flow, cutoff=1)])
    assert [re.search(r'id="(lens-\d)"', place)[1] for place in places] == ["lens-0", "lens-1"]
    assert [record["cutoff"] for record in parts(scripts)["records"]] == [0, 2]
    assert scripts.count("<script") == 2
