"""What does not change while a dial turns."""

import json

import rgwidgets as rg
from rgwidgets.widgets.frame import fitting_views, frame


def test_the_frame_is_json_and_names_every_scale(flow):
    made = json.loads(json.dumps(frame(flow, views=("field",)), allow_nan=False))
    assert made["scale"]["cutoffs"] == [4, 2, 1, 0]
    assert made["scale"]["labels"] == ["4", "2", "1", "0"]
    assert [o["tolerance"] for o in made["observables"]] == [1.0, None]


def test_only_views_that_can_be_filled_are_shown(flow, theory):
    from .conftest import Truncate

    assert fitting_views(flow) == ("field", "spectrum", "observables", "bounds")
    blind = rg.Theory(theory.features, theory.observables)
    assert "field" not in fitting_views(rg.Flow(blind, Truncate()))
    couplings = rg.Flow(rg.Theory(couplings={"K": 1.0}), rg.Decimation())
    assert fitting_views(couplings) == ("flow", "spectrum")
