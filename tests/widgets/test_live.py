"""A lens on something that runs: streaming, pausing, turning its parameters."""

import threading
import time

import pytest

import rgwidgets as rg
from rgwidgets.core.errors import ParameterError
from rgwidgets.widgets.live import Control, LiveLens

from .conftest import Truncate, until

pytestmark = pytest.mark.slow


class Walk:
    """Coordinates that drift by their speed at each step."""

    def __init__(self, theory):
        self._theory, self.x, self.speed, self.steps = theory, theory.features["x"], 1.0, 0

    def step(self, n):
        if self.speed > 8:
            raise ParameterError("speed", given=self.speed, allowed="at most 8", mend="slow down")
        self.steps += n
        self.x = self.x + n * self.speed

    def theory(self):
        return rg.Theory(
            {"x": self.x}, self._theory.observables, name="walk", attrs=self._theory.attrs
        )


class WalkLens(LiveLens):
    _look = 0.02

    def _sliders(self):
        return (Control("speed", "Speed", "1/step", 0.0, 10.0, 0.1),)


@pytest.fixture
def walk(theory):
    return Walk(theory)


@pytest.fixture
def drawn(monkeypatch):
    """A browser that draws every frame at once and says so."""
    frames = []

    def send(self, content, buffers=None):
        frames.append(content)
        if content["kind"] == "frame" and content["ack"]:
            threading.Thread(
                target=self._handle_custom_msg, args=({"kind": "ack", "seq": content["seq"]}, [])
            ).start()

    monkeypatch.setattr(rg.Lens, "send", send)
    return frames


@pytest.fixture
def lens(walk, drawn):
    lens = WalkLens(walk, Truncate())
    assert lens.wait(20)
    yield lens
    lens.close()


def test_start_sends_frames_and_pause_ends_with_a_measured_flow(lens, walk, drawn):
    lens.start()
    until(lambda: len(drawn) > 10)
    lens.pause()
    assert lens.wait(20)
    count = len(drawn)
    assert not lens.streaming
    assert None not in lens.table["attack"]["sum"]
    assert float(lens.flow.theory.features["x"].sum()) == pytest.approx(float(walk.x.sum()))
    time.sleep(0.05)
    assert len(drawn) == count


def test_frames_are_numbered_without_a_gap(lens, drawn):
    lens.start()
    until(lambda: len(drawn) > 20)
    lens.pause()
    assert lens.wait(20)
    numbers = [f["seq"] for f in drawn if f["kind"] == "frame"]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_nothing_is_sent_ahead_of_a_browser_that_does_not_draw(walk, sent):
    lens = WalkLens(walk, Truncate())
    lens.start()
    until(lambda: len(sent) >= 8)
    time.sleep(0.2)
    assert len(sent) == 8
    lens.close()


def test_the_stream_shows_the_scale_under_the_dial(lens, drawn):
    lens.start()
    lens.preview = 1
    until(lambda: any(f.get("level", {}).get("index") == 2 for f in drawn))
    lens.pause()
    assert lens.wait(20)


def test_while_it_streams_the_observables_of_every_scale_gather_and_the_bounds_say_why_not(lens):
    lens.start()
    until(lambda: "pause" in lens.table["attack_how"]["sum"][1])
    table = lens.table
    assert None not in table["value"]["sum"]
    assert set(table["attack_kind"]["sum"]) == {"none"}
    lens.pause()
    assert lens.wait(20)


def test_a_parameter_turned_while_it_streams_reaches_the_system(lens, walk):
    lens.start()
    lens.set("speed", 3.0)
    until(lambda: walk.speed == 3.0)
    lens.pause()
    assert lens.wait(20)
    assert lens.setup["controls"][0]["value"] == 3.0


def test_a_parameter_turned_at_rest_reaches_the_system_at_once(lens, walk):
    lens.set("speed", 2.5)
    assert walk.speed == 2.5


@pytest.mark.parametrize("value", [-1, 11, float("nan"), "fast", None, True])
def test_a_parameter_out_of_range_is_refused(lens, walk, value):
    with pytest.raises(ParameterError):
        lens.set("speed", value)
    assert walk.speed == 1.0


def test_a_control_that_does_not_exist_names_the_nearest(lens):
    with pytest.raises(ParameterError, match="speed"):
        lens.set("sped", 2.0)


def test_step_advances_by_what_was_asked(lens, walk):
    lens.step(5)
    assert lens.wait(20)
    assert walk.steps == 5


@pytest.mark.parametrize("sweeps", [0, -1, 1.5, True, "3"])
def test_a_bad_number_of_sweeps_is_refused(lens, sweeps):
    with pytest.raises(ParameterError):
        lens.step(sweeps)


def test_a_simulation_that_fails_is_told_in_the_lens_and_can_go_on(lens, walk):
    lens.set("speed", 9.0)
    lens.start()
    until(lambda: lens.status["state"] == "error")
    assert "speed" in lens.status["message"]
    assert not lens.streaming
    lens.set("speed", 1.0)
    lens.start()
    until(lambda: lens.status["state"] == "streaming")
    lens.pause()
    assert lens.wait(20)


def test_the_buttons_do_what_their_names_say(lens, walk):
    def press(name):
        lens._handle_custom_msg({"kind": "action", "name": name}, [])

    press("step")
    assert lens.wait(20)
    assert walk.steps == 1
    press("start")
    assert lens.streaming
    press("pause")
    assert lens.wait(20)
    assert not lens.streaming


def test_closing_a_streaming_lens_stops_its_worker(walk, drawn):
    lens = WalkLens(walk, Truncate())
    lens.start()
    until(lambda: len(drawn) > 3)
    lens.close()
    until(lambda: not lens.streaming)
    steps = walk.steps
    time.sleep(0.1)
    assert walk.steps - steps <= 1
