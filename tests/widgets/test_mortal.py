"""How long a lens lives: while somebody has it, or a page may show it."""

import gc
import threading
import weakref
from time import sleep

import ipywidgets
import pytest
import torch
from jupyter_client.manager import start_new_kernel

import rgwidgets as rg
from rgwidgets.core.progress import track
from rgwidgets.widgets import mortal

from .conftest import Truncate, until


def flows():
    gc.collect()
    return [thing for thing in gc.get_objects() if isinstance(thing, rg.Flow)]


def workers():
    return [thread for thread in threading.enumerate() if "rgwidgets" in thread.name]


@pytest.fixture
def left():
    """Flows and threads that were not there before."""
    before = {id(thing) for thing in (*flows(), *workers())}
    return lambda: [thing for thing in (*flows(), *workers()) if id(thing) not in before]


def registered(lens):
    return ipywidgets.widgets.widget._instances.get(lens.comm.comm_id) is lens


def tell(comm, **data):
    """What the browser would send."""
    comm.handle_msg({"content": {"data": data}, "buffers": []})


def test_lenses_that_nobody_has_are_released_with_flows_and_threads(theory, left):
    def cell():
        for _ in range(20):
            lens = rg.Lens(rg.Flow(theory, Truncate()))
            assert lens.wait(20)

    cell()
    until(lambda: left() == [])


def test_a_layer_of_a_network_is_released_with_what_was_read_of_it(left):
    def cell():
        net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
        view = rg.Microscope(net, "1").fit(torch.randn(20, 3), {"first": lambda z: z[:, 0]})
        assert rg.Lens(view).wait(60)
        return weakref.ref(view.theory), weakref.ref(net)

    found = cell()
    assert left() == []
    assert [each() for each in found] == [None, None]


@pytest.mark.parametrize("ahead", [None, False])
def test_a_lens_that_is_dropped_while_it_computes_stops(theory, left, ahead):
    begun, count = threading.Event(), []

    def endless(features):
        begun.set()
        for _ in track(range(10**6), label="endless"):
            sleep(0.001)
        return features["x"].sum(1)

    slow = rg.Theory(theory.features, (rg.Observable("slow", endless),), attrs=theory.attrs)

    def cell():
        for _ in range(5):
            begun.clear()
            count.append(rg.Lens(rg.Flow(slow, Truncate()), ahead=ahead))
            assert begun.wait(10)
            del count[:]

    cell()
    until(lambda: left() == [])


def test_a_stream_that_nobody_sees_ends(left):
    def cell():
        lab = rg.IsingLab(16, seed=1, snapshots=2, equilibrate=1)
        lab.start()
        until(lambda: lab.streaming and lab._runner.busy)

    cell()
    until(lambda: left() == [])


def test_a_displayed_lens_that_nobody_else_has_answers(flow, sent, capsys):
    lens = rg.Lens(flow)
    assert lens.wait(20)
    lens._ipython_display_()  # no notebook, which could say that the cell runs again
    comm, found = lens.comm, weakref.ref(lens)
    del lens
    gc.collect()
    assert found() is not None
    tell(comm, method="update", state={"cutoff_index": 2}, buffer_paths=[])
    assert found().cutoff == 1
    del sent[:]
    tell(comm, method="custom", content={"kind": "asset", "name": "charts.js"})
    assert [content["kind"] for content, _ in sent] == ["asset"]
    found().close()


@pytest.mark.parametrize(
    "show",
    [
        lambda lens: ipywidgets.VBox([ipywidgets.HBox([lens])]),
        lambda lens: ipywidgets.jslink((lens, "cutoff_index"), (ipywidgets.IntSlider(), "value")),
        lambda lens: lens._repr_mimebundle_(),
        lambda lens: lens.model_id,
    ],
    ids=["box", "link", "bundle", "name"],
)
def test_whoever_asks_for_its_name_keeps_it(flow, show):
    lens = rg.Lens(flow)
    assert not registered(lens)
    show(lens)
    assert registered(lens)
    found = weakref.ref(lens)
    del lens
    gc.collect()
    assert found() is not None
    ipywidgets.Widget.close_all()


def test_a_view_on_some_page_keeps_it(flow):
    lens = rg.Lens(flow)
    lens._show_in("cell")
    lens.set_state({"_view_count": 2})
    lens._cells.clear()  # the cell runs again, and the page says later what it took away
    lens.set_state({"_view_count": 1})
    assert registered(lens)
    lens.set_state({"_view_count": 0})
    assert not registered(lens)
    lens.close()


def test_a_page_that_is_reloaded_finds_what_is_shown_and_nothing_else(flow):
    shown, hidden = rg.Lens(flow), rg.Lens(flow)
    shown._show_in("cell")
    names = set(ipywidgets.Widget.get_manager_state()["state"])
    assert shown.comm.comm_id in names
    assert hidden.comm.comm_id not in names
    shown.close()
    hidden.close()


def test_a_closed_lens_is_forgotten(flow):
    lens = rg.Lens(flow)
    name = lens.model_id
    lens.close()
    assert name not in ipywidgets.widgets.widget._instances
    assert mortal.this_cell() is None


MAKE = """
import gc, threading, rgwidgets as rg
def lens():
    made = rg.Lens(rg.Flow(rg.Theory(couplings={"K": 0.3}), rg.MigdalKadanoff()))
    assert made.wait()
    return made
"""
COUNT = """
gc.collect()
print(sum(isinstance(thing, rg.Flow) for thing in gc.get_objects()),
      sum("rgwidgets" in thread.name for thread in threading.enumerate()))
"""


@pytest.fixture(scope="module")
def notebook():
    """Runs code as the cell of that name, and returns what it printed and the lenses shown."""
    manager, client = start_new_kernel(kernel_name="python3")

    def run(cell, code):
        message = client.session.msg("execute_request", {"code": code, "silent": False})
        message["metadata"] = {"cellId": cell}
        client.shell_channel.send(message)
        printed, shown = "", []
        while True:
            reply = client.get_iopub_msg(timeout=60)
            if reply["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            content = reply["content"]
            printed += content.get("text", "") if content.get("name") == "stdout" else ""
            assert reply["msg_type"] != "error", "\n".join(content["traceback"])
            view = content.get("data", {}).get("application/vnd.jupyter.widget-view+json")
            shown += [view["model_id"]] if reply["msg_type"] == "display_data" and view else []
            if reply["msg_type"] == "status" and content["execution_state"] == "idle":
                return printed, shown

    run("make", MAKE)
    yield run
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "show", ["lens()", "display(lens())", "for _ in range(3): display(lens())"]
)
def test_a_cell_that_runs_again_releases_what_it_showed(notebook, show):
    for _ in range(6):
        shown = notebook("shows", show)[1]
    assert notebook("count", COUNT)[0].split() == [str(len(shown)), "0"]
    known, _ = notebook("count", "import ipywidgets; print(*ipywidgets.widgets.widget._instances)")
    assert set(shown) <= set(known.split())  # what a reloaded page asks for
    notebook("shows", "pass")
    assert notebook("count", COUNT)[0].split() == ["0", "0"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "show",
    [
        "mine = lens(); mine",
        "import ipywidgets; ipywidgets.VBox([lens()])",
        "seen = lens(); display(seen); seen.set_state({'_view_count': 1}); del seen",
    ],
    ids=["name", "box", "view"],
)
def test_a_cell_that_runs_again_leaves_what_is_kept_elsewhere(notebook, show):
    notebook("keeps", show)
    notebook("keeps", "pass")
    assert notebook("count", COUNT)[0].split() == ["1", "0"]
    notebook("tidy", "import ipywidgets; ipywidgets.Widget.close_all(); get_ipython().reset()")
    notebook("make", MAKE)
