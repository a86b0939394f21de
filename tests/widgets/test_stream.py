"""Back-pressure: a frame leaves when one was drawn."""

import threading
import time

from rgwidgets.widgets.stream import Backpressure


def test_no_more_frames_are_under_way_than_allowed():
    pace = Backpressure(in_flight=3, frames_per_second=1e6)
    assert [pace.next(timeout=1) for _ in range(3)] == [1, 2, 3]
    assert pace.next(timeout=0.02) is None


def test_a_drawn_frame_lets_the_next_one_go():
    pace = Backpressure(in_flight=1, frames_per_second=1e6)
    pace.next(timeout=1)
    threading.Timer(0.02, pace.drawn, args=(1,)).start()
    assert pace.next(timeout=5) == 2


def test_drawing_a_later_frame_counts_for_the_earlier_ones():
    pace = Backpressure(in_flight=3, frames_per_second=1e6)
    for _ in range(3):
        pace.next(timeout=1)
    pace.drawn(3)
    assert [pace.next(timeout=1) for _ in range(3)] == [4, 5, 6]


def test_one_frame_in_every_few_asks_for_an_acknowledgement_and_that_is_enough():
    pace = Backpressure(in_flight=8, every=4, frames_per_second=1e6)
    for _ in range(100):
        sequence = pace.next(timeout=1)
        assert sequence is not None
        if pace.asks(sequence):
            pace.drawn(sequence)


def test_acknowledgements_that_lie_are_ignored():
    pace = Backpressure(in_flight=1, frames_per_second=1e6)
    pace.next(timeout=1)
    for sequence in (0, -1, 7):
        pace.drawn(sequence)
    assert pace.next(timeout=0.02) is None


def test_frames_leave_no_faster_than_the_rate():
    pace = Backpressure(in_flight=1000, frames_per_second=200)
    begin = time.monotonic()
    for _ in range(21):
        pace.next(timeout=1)
    assert time.monotonic() - begin >= 20 / 200


def test_a_reset_forgets_what_a_closed_page_owes():
    pace = Backpressure(in_flight=1, frames_per_second=1e6)
    pace.next(timeout=1)
    assert pace.next(timeout=0.01) is None
    pace.reset()
    assert pace.next(timeout=1) == 2
