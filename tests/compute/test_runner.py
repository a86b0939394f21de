"""The worker: one slot, the latest request wins, running work can be stopped."""

import subprocess
import sys
import threading

import pytest

from rgwidgets.compute.runner import Runner
from rgwidgets.core import progress


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
