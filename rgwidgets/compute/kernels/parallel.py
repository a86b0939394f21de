"""Threads for compiled functions that release the interpreter lock.

A plain pool of Python threads: numba's own layers may not be entered from two threads at once, and
a notebook's worker thread and its main thread are two.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import chain
from threading import Event, Lock
from time import sleep
from typing import Any


def usable_cores() -> int:
    """How many threads may run here: the cores granted to the process, within OMP_NUM_THREADS."""
    granted = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(granted or 1, int(asked)) if asked.isdigit() and int(asked) else granted or 1


_SIZE = max(os.cpu_count() or 1, 2)
_lock = Lock()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_SIZE, thread_name_prefix="rgwidgets-kernel")


def run(function: Callable[..., Any], *rounds: Sequence[tuple[Any, ...]], threads: int) -> None:
    """Call `function(*job)` for every job, at most `threads` at once, one round after the other.

    A round begins when all of the one before is done; the first error ends them all.

    >>> done = []
    >>> run(done.append, [(1,), (2,)], [(3,)], threads=2); sorted(done[:2]), done[2:]
    ([1, 2], [3])
    """
    hands = min(threads, _SIZE, max(map(len, rounds), default=0))
    if hands < 2:
        for job in chain(*rounds):
            function(*job)
        return
    done, failed = [0] * hands, Event()

    def work(hand: int) -> None:
        try:
            for number, jobs in enumerate(rounds, start=1):
                for job in jobs[hand::hands]:
                    function(*job)
                done[hand] = number
                while min(done) < number and not failed.is_set():
                    sleep(0)  # to fall asleep and be woken takes as long as a round
                if failed.is_set():
                    return
        except BaseException:
            failed.set()
            raise

    with _lock:  # hands wait for one another: those of two calls must not mix in the queue
        others = [_pool().submit(work, hand) for hand in range(1, hands)]
    try:
        work(0)
    finally:
        for other in others:
            other.result()
