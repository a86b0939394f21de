"""Several threads that want several answers."""

from threading import Event, Thread

import pytest

from rgwidgets.core.errors import Cancelled
from rgwidgets.core.progress import listening
from rgwidgets.core.turns import Turns


def start(act):
    thread = Thread(target=act, daemon=True)
    thread.start()
    return thread


def test_who_waited_for_an_answer_does_not_wait_for_the_next_computation():
    turns, known = Turns(), {}
    begun, go, later, end = Event(), Event(), Event(), Event()

    def first():
        begun.set()
        assert go.wait(20)
        return "first"

    def second():
        later.set()
        assert end.wait(20)
        return "second"

    def worker():
        turns.once(known, 1, first)
        turns.once(known, 2, second)  # at once, before anybody else could have a turn

    working = start(worker)
    assert begun.wait(20)
    got = []
    waiting = start(lambda: got.append(turns.once(known, 1, lambda: "again")))
    go.set()
    assert later.wait(20)
    waiting.join(20)  # while the second is computed
    assert got == ["first"]
    assert not end.is_set()
    end.set()
    working.join(20)
    assert known == {1: "first", 2: "second"}


def test_what_is_raised_is_not_kept_and_leaves_the_turn_to_others():
    turns, known = Turns(), {}
    with pytest.raises(ZeroDivisionError):
        turns.once(known, "a", lambda: 1 / 0)
    assert known == {}
    other = start(lambda: turns.once(known, "a", lambda: 1))
    other.join(20)
    assert known == {"a": 1}


def test_a_computation_may_ask_for_another():
    turns, known = Turns(), {}
    assert turns.once(known, 2, lambda: turns.once(known, 1, lambda: 20) + 1) == 21
    assert known == {1: 20, 2: 21}


def test_who_waits_can_be_stopped():
    turns, known = Turns(), {}
    begun, end, stopped = Event(), Event(), []

    def slow():
        begun.set()
        assert end.wait(20)

    def refuse(fraction, label):
        raise Cancelled(label)

    def waiter():
        with listening(refuse):
            try:
                turns.once(known, 2, lambda: 2)
            except Cancelled as reason:
                stopped.append(str(reason))

    working = start(lambda: turns.once(known, 1, slow))
    assert begun.wait(20)
    start(waiter).join(20)
    assert stopped
    assert 2 not in known
    end.set()
    working.join(20)
    assert turns.once(known, 2, lambda: 2) == 2
