"""Threads for compiled functions that release the interpreter lock.

A plain pool of Python threads: numba's own layers may not be entered from two threads at once, and
a notebook's worker thread and its main thread are two.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any


def usable_cores() -> int:
    """How many threads may run here: the cores granted to the process, within OMP_NUM_THREADS."""
    granted = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(granted or 1, int(asked)) if asked.isdigit() and int(asked) else granted or 1


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="rgwidgets-kernel")


def run(function: Callable[..., Any], jobs: Sequence[tuple[Any, ...]], *, threads: int) -> None:
    """Call `function(*job)` for every job, at most `threads` at once; returns when all are done.

    >>> done = []
    >>> run(done.append, [(1,), (2,), (3,)], threads=2); sorted(done)
    [1, 2, 3]
    """
    hands = min(threads, len(jobs))
    if hands < 2:
        for job in jobs:
            function(*job)
        return

    def work(hand: int) -> None:
        for job in jobs[hand::hands]:
            function(*job)

    others = [_pool().submit(work, hand) for hand in range(1, hands)]
    try:
        work(0)
    finally:
        for other in others:
            other.result()
