"""The lens in Python: the dial, what it sends, what it refuses, how it fails."""

import json
import threading
from time import sleep

import pytest

import rgwidgets as rg
from rgwidgets.core.errors import CutoffError, KeywordError, ParameterError
from rgwidgets.core.progress import track

from .conftest import Truncate, until


@pytest.fixture
def lens(flow, sent):
    lens = rg.Lens(flow)
    assert lens.wait(20)
    yield lens
    lens.close()


def tell(lens, **content):
    """What the browser would send."""
    lens._handle_custom_msg(content, [])


def test_every_scale_travels_ahead_so_that_the_dial_needs_no_kernel(lens, flow):
    assert [level["index"] for level in lens.pyramid] == [0, 1, 2, 3]
    assert all(isinstance(level["data"], bytes) for level in lens.pyramid)
    assert None not in lens.table["value"]["sum"]


def test_average_attack_and_certificate_are_always_sent_together(lens):
    for observable in ("sum", "first"):
        for curve in ("average", "resample", "attack", "certificate"):
            assert len(lens.table[curve][observable]) == 4
            assert len(lens.table[f"{curve}_kind"][observable]) == 4


def test_the_dial_is_set_in_the_unit_of_the_scale(lens):
    lens.cutoff = 1
    assert (lens.cutoff_index, lens.preview_index, lens.preview) == (2, 2, 1)


def test_a_drag_in_the_browser_moves_preview_and_leaves_the_cutoff(lens):
    lens.set_state({"preview_index": 3})
    assert (lens.preview, lens.cutoff) == (0, 4)
    lens.set_state({"cutoff_index": 3})
    assert lens.cutoff == 0


def test_a_dial_that_was_let_go_and_turned_on_is_not_pulled_back(lens, flow, monkeypatch):
    """A browser that is faster than its kernel sends both at once."""
    told = []
    monkeypatch.setattr(lens, "send_state", lambda key=None: told.append(key))
    lens.set_state({"cutoff_index": 1, "preview_index": 3})
    assert (lens.cutoff, lens.preview) == (flow.scale.cutoffs[1], flow.scale.cutoffs[3])
    assert "preview_index" not in told


def test_dragging_to_and_fro_ends_where_it_began(lens):
    before = lens.get_state(["cutoff_index", "preview_index", "table"])
    for index in (1, 2, 3, 2, 1, 0):
        lens.set_state({"preview_index": index, "cutoff_index": index})
    assert lens.get_state(["cutoff_index", "preview_index", "table"]) == before


def test_an_index_off_the_scale_is_brought_back_onto_it(lens):
    lens.set_state({"preview_index": 99})
    assert lens.preview_index == 3
    lens.set_state({"preview_index": -5})
    assert lens.preview_index == 0


def test_a_cutoff_off_the_scale_is_refused_and_names_the_nearest(lens):
    with pytest.raises(CutoffError, match="nearest is 2"):
        lens.cutoff = 2.2
    assert lens.cutoff == 4


def test_a_misspelt_keyword_is_a_type_error_that_names_the_right_one(flow):
    with pytest.raises(KeywordError, match="did you mean cutoff"):
        rg.Lens(flow, cutof=2)
    assert issubclass(KeywordError, TypeError)


@pytest.mark.parametrize("arguments", [{"views": ["fiel"]}, {"cutoff": 3}, {"cutoff": "fine"}])
def test_bad_arguments_are_refused(flow, arguments):
    with pytest.raises((ParameterError, CutoffError)):
        rg.Lens(flow, **arguments)


def test_what_is_not_a_flow_is_refused():
    with pytest.raises(ParameterError, match=r"rg\.Flow"):
        rg.Lens([1, 2, 3])


def test_the_charts_are_sent_on_request_as_bytes(lens, sent):
    tell(lens, kind="asset", name="charts.js")
    content, buffers = sent[-1]
    assert content == {"kind": "asset", "name": "charts.js"}
    assert len(buffers[0]) > 1000


@pytest.mark.parametrize(
    "content",
    [
        {"kind": "asset", "name": "../../etc/passwd"},
        {"kind": "set", "name": "temperature", "value": 3},
    ],
)
def test_a_bad_request_becomes_an_error_in_the_lens(lens, sent, content):
    count = len(sent)
    tell(lens, **content)
    assert lens.status["state"] == "error"
    assert lens.status["message"]
    assert len(sent) == count


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"kind": "nothing"},
        {"kind": "want"},
        {"kind": "want", "index": "a"},
        {"kind": "want", "index": 10**9},
        {"kind": "ack", "seq": None},
        {"kind": ["want"]},
        {"kind": "action", "name": None},
    ],
)
def test_nonsense_from_the_browser_leaves_the_lens_as_it_was(lens, content):
    before = lens.status
    tell(lens, **content)
    assert lens.wait(10)
    assert lens.status == before


def test_a_failing_observable_is_told_in_the_lens_and_the_dial_lives(theory, sent):
    bad = rg.Observable("bad", lambda f: f["x"].sum(1) / 0)
    lens = rg.Lens(rg.Flow(rg.Theory(theory.features, (bad,), attrs=theory.attrs), Truncate()))
    assert lens.wait(20)
    assert lens.status["state"] == "error"
    assert "bad" in lens.status["message"]
    assert lens.status["mend"]
    assert len(lens.pyramid) == 4  # the pictures came before the fault and stay
    lens.cutoff = 2
    assert lens.preview_index == 1
    lens.close()


def test_retry_computes_again(theory, sent):
    broken = [True]

    def moody(features):
        return features["x"].sum(1) / (0.0 if broken[0] else 1.0)

    lens = rg.Lens(rg.Flow(rg.Theory(theory.features, (rg.Observable("m", moody),)), Truncate()))
    assert lens.wait(20)
    assert lens.status["state"] == "error"
    broken[0] = False
    tell(lens, kind="action", name="retry")
    assert lens.wait(20)
    assert lens.status["state"] == "idle"
    assert None not in lens.table["value"]["m"]
    lens.close()


def test_the_wanted_scale_is_computed_before_the_others(flow, sent):
    order = []
    coarsest_first = rg.Flow(flow.theory, flow.scheme)
    original = coarsest_first.level
    coarsest_first.level = lambda cutoff: order.append(cutoff) or original(cutoff)
    lens = rg.Lens(coarsest_first, cutoff=0)
    assert lens.wait(20)
    assert order == [0, 1, 2, 4]
    lens.close()


def test_a_picture_never_waits_for_a_slow_scale_that_nobody_wants_any_more(theory, sent):
    begun = []

    class Slow(Truncate):
        def coarsen(self, theory, cutoff):
            if cutoff == 2:
                begun.append(cutoff)
                for _ in track(range(10**6), label="slow"):
                    sleep(0.001)
            return super().coarsen(theory, cutoff)

    def drawn():
        return [content["levels"][0]["index"] for content, _ in sent if content["generation"]]

    lens = rg.Lens(rg.Flow(theory, Slow()), ahead=False)
    until(lambda: begun)  # the numbers of the next scale
    tell(lens, kind="want", index=0, generation=1)
    until(lambda: drawn() == [0])
    begun.clear()
    tell(lens, kind="want", index=1, generation=2)
    until(lambda: begun)
    tell(lens, kind="want", index=2, generation=3)
    until(lambda: drawn() == [0, 2])
    lens.close()


def test_a_recorded_flow_shows_the_same_as_the_live_one(flow, sent, tmp_path, lens):
    recorded = rg.Lens(rg.Flow.load(flow.save(tmp_path / "toy.zarr")))
    assert recorded.wait(20)
    assert recorded.table == lens.table
    assert recorded.setup == lens.setup
    recorded.close()


def test_spec_is_code_that_makes_the_same_view(lens, flow, sent):
    lens.cutoff = 2
    again = eval(lens.spec(), {"rg": rg, "flow": flow})
    assert (again.cutoff, again.setup) == (2, lens.setup)
    again.close()


def test_the_status_tells_how_much_memory_is_held(lens, monkeypatch):
    monkeypatch.setattr("rgwidgets.widgets.status._memory", lambda: "412 MB")
    lens._progress(0.0, "working")
    assert lens.status["memory"] == "412 MB"
    monkeypatch.setattr("rgwidgets.widgets.status._memory", lambda: "99 MB")
    tell(lens, kind="action", name="cancel")
    assert (lens.status["state"], lens.status["memory"]) == ("idle", "99 MB")


def test_a_cancelled_computation_rests_when_it_has_stopped_and_keeps_what_it_made(theory, sent):
    reached, go_on = threading.Event(), threading.Event()

    def endless(features):
        reached.set()
        assert go_on.wait(10)
        for _ in track(range(10**6), label="endless"):
            sleep(0.001)
        return features["x"].sum(1)

    number = rg.Observable("endless", endless)
    lens = rg.Lens(rg.Flow(rg.Theory(theory.features, (number,), attrs=theory.attrs), Truncate()))
    assert reached.wait(10)
    tell(lens, kind="action", name="cancel")
    assert (lens.status["state"], lens.status["label"]) == ("running", "stopping")
    go_on.set()
    assert lens.wait(10)
    assert (lens.status["state"], lens.status["label"]) == ("idle", "")
    assert len(lens.pyramid) == 4
    lens.close()


def test_the_state_is_json_without_nan(lens):
    state = lens.get_state(["setup", "table", "charts", "status"])
    json.dumps(state, allow_nan=False)


def test_a_lens_that_failed_to_open_closes_without_a_sound(flow):
    with pytest.raises(ParameterError):
        rg.Lens(flow, views=["none"])
