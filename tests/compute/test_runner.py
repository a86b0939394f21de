"""The worker: one slot, the latest request wins, running work can be stopped."""

import gc
import subprocess
import sys
import threading
import time
import weakref

import pytest

from rgwidgets.compute.runner import Runner, while_alive
from rgwidgets.core import progress
from rgwidgets.core.errors import Cancelled


@pytest.fixture
def heard():
    return {"errors": [], "progress": []}


@pytest.fixture
def runner(heard):
    runner = Runner(
        on_progress=lambda fraction, label: heard["progress"].append(fraction),
        on_error=heard["errors"].append,
    )
    yield runner
    runner.close()


def blocker():
    """Work that runs until it is released or stopped, and says when it has begun."""
    begun, release = threading.Event(), threading.Event()

    def work():
        begun.set()
        while not release.wait(0.005):
            progress.tick(0.5)
        return "finished"

    return work, begun, release


def test_the_answer_comes_from_another_thread(runner):
    seen = []
    runner.submit(threading.current_thread, seen.append)
    assert runner.wait(5)
    assert seen[0] is not threading.current_thread()


def test_a_newer_request_overtakes_a_slow_one(runner):
    work, begun, _ = blocker()
    answers = []
    runner.submit(work, answers.append)
    assert begun.wait(5)
    runner.submit(lambda: "newer", answers.append)
    assert runner.wait(5)
    assert answers == ["newer"]


def test_of_many_waiting_requests_only_the_last_is_answered(runner):
    _, begun, release = blocker()
    answers = []
    runner.submit(lambda: begun.set() or release.wait(5), answers.append)
    assert begun.wait(5)
    for number in range(20):
        runner.submit(lambda number=number: number, answers.append)
    release.set()
    assert runner.wait(5)
    assert answers == [19]


def test_cancel_stops_work_and_leaves_the_worker_alive(runner, heard):
    work, begun, _ = blocker()
    answers = []
    runner.submit(work, answers.append)
    assert begun.wait(5)
    runner.cancel()
    assert runner.wait(5)
    runner.submit(lambda: "after", answers.append)
    assert runner.wait(5)
    assert answers == ["after"]
    assert heard["errors"] == []


def test_an_error_is_reported_and_the_worker_lives_on(runner, heard):
    answers = []
    runner.submit(lambda: 1 / 0, answers.append)
    assert runner.wait(5)
    assert isinstance(heard["errors"][0], ZeroDivisionError)
    runner.submit(lambda: "after", answers.append)
    assert runner.wait(5)
    assert answers == ["after"]


def test_an_error_in_the_answer_s_handler_is_reported_too(runner, heard):
    runner.submit(lambda: 1, lambda answer: answer / 0)
    assert runner.wait(5)
    assert isinstance(heard["errors"][0], ZeroDivisionError)


def test_progress_is_heard(runner, heard):
    runner.submit(lambda: list(progress.track(range(4))), lambda _: None)
    assert runner.wait(5)
    assert heard["progress"] == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_a_closed_runner_takes_no_work(runner):
    runner.close()
    assert runner.submit(lambda: 1, lambda _: None) is False


def test_waiting_for_work_that_does_not_end_gives_up(runner):
    work, begun, release = blocker()
    runner.submit(work, lambda _: None)
    assert begun.wait(5)
    assert runner.wait(0.05) is False
    release.set()


@pytest.mark.slow
def test_python_ends_only_when_the_work_has_stopped():
    code = """
import threading, time
from rgwidgets.compute.runner import Runner
from rgwidgets.core.progress import track
begun = threading.Event()
def work():
    begun.set()
    try:
        for _ in track(range(10**6)):
            time.sleep(0.001)
    finally:
        time.sleep(0.2)  # as if deep inside a library that must not be cut off
        print("stopped", flush=True)
Runner().submit(work, print)
assert begun.wait(10)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"stopped\n", b"")


def workers():
    return [t for t in threading.enumerate() if t.name == "rgwidgets-runner"]


def ended(before):
    end = time.monotonic() + 10
    while set(workers()) - before:
        assert time.monotonic() < end, "a worker is left"
        time.sleep(0.002)


def test_a_thread_is_there_while_there_is_work_and_comes_again(runner):
    before, answers = set(workers()), []
    for number in range(3):
        runner.submit(lambda number=number: number, answers.append)
        assert runner.wait(5)
        ended(before)
    assert answers == [0, 1, 2]
    runner.close()
    runner.join(1)


def test_there_is_one_worker_however_fast_requests_come(runner):
    most, running, answers = [0], [0], []

    def work():
        running[0] += 1
        most[0] = max(most[0], running[0])
        time.sleep(0.0005)
        running[0] -= 1

    for _ in range(300):
        runner.submit(work, answers.append)
        time.sleep(0.0004)
    runner.submit(lambda: "last", answers.append)
    assert runner.wait(10)
    assert most == [1]
    assert answers[-1] == "last"


class Owner:
    """Asks for work with its own methods."""

    def __init__(self, done):
        self.runner = Runner(on_progress=self.heard, on_error=self.heard, on_idle=self.heard)
        self.seen, self.done = while_alive(self), done

    def heard(self, *_):
        self.done.append("heard")

    def work(self):
        self.done.append("worked")

    def __del__(self):
        self.runner.close()


def test_who_waits_for_an_answer_is_not_kept_alive_by_it():
    work, begun, release = blocker()
    done = []
    owner = Owner(done)
    found = weakref.ref(owner)
    owner.runner.submit(work, owner.heard)
    assert begun.wait(5)
    runner = owner.runner
    del owner
    gc.collect()
    assert found() is None
    assert runner.wait(5)  # stopped at its next tick
    release.set()
    assert "finished" not in done


def test_work_that_asks_for_its_owner_stops_when_there_is_none():
    owner = Owner([])
    seen = owner.seen
    assert seen() is owner
    del owner
    gc.collect()
    with pytest.raises(Cancelled):
        seen()
