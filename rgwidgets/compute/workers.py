"""Points of a sweep, measured one by one: here, in a pool of processes, or by a client."""

from __future__ import annotations

import hashlib
import json
import math
import multiprocessing
import os
import queue
import random
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, SupportsFloat

import numpy as np
import torch

from ..core import errors
from ..core.errors import Cancelled, ParameterError, RGError
from ..core.estimate import Estimate
from ..core.numeric import as_float

Measure = Callable[..., Mapping[str, "float | Estimate"]]
Point = dict[str, Any]
Values = dict[str, tuple[float, float]]
Submit = Callable[..., Any]

#: Seconds between two looks at whether to stop.
PULSE = 0.1


@dataclass(frozen=True)
class Failure:
    """An error that can travel between processes, with what it said where it was raised."""

    error: Exception
    message: str
    trace: str
    died: bool = False

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Wrap an error; one of a kind that another process may be unable to rebuild, as text."""
        message = f"{type(error).__name__}: {error}"
        plain = all(isinstance(a, str | int | float | None) for a in error.args)
        known = type(error).__module__ in {"builtins", errors.__name__} and plain
        kept = error if known and isinstance(error, Exception) else RGError(message)
        trace = "".join(traceback.format_exception(error))
        return cls(kept, message, trace, isinstance(error, BrokenExecutor))


def attempt(measure: Measure, point: Point) -> Values | Failure:
    try:
        with _seeded(point):
            return checked_values(measure(**point), point)
    except Cancelled:
        raise
    except (Exception, SystemExit) as error:  # whatever it was, the other points go on
        return Failure.of(error)


@contextmanager
def _seeded(point: Point) -> Iterator[None]:
    """Fresh workers all begin with the same random numbers; the caller's own are given back."""
    seed = int.from_bytes(hashlib.sha256(json.dumps(point).encode()).digest()[:4], "little")
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    states = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices):
        try:
            torch.manual_seed(seed)
            np.random.seed(seed)
            random.seed(seed)
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])


def checked_values(measured: Any, point: Point) -> Values:
    """{name: (value, error)} of what was measured or is read; refuses anything else."""
    values: Values = {}
    for name, given in measured.items() if isinstance(measured, Mapping) else ():
        value, error = (given.value, given.error) if isinstance(given, Estimate) else (given, None)
        named = isinstance(name, str) and name not in point and not name.endswith("_error")
        number = isinstance(value, SupportsFloat) and not isinstance(value, type)
        if not named or not number or (type(value) is int and math.isinf(as_float(value))):
            break
        values[name] = (as_float(value), math.nan if error is None else float(error))
    if not values or len(values) < len(measured):
        raise ParameterError(
            "result of measure",
            given=measured,
            allowed="{name: number or Estimate}, no name that of an axis or ending in _error",
        )
    return values


#: (place in the grid, what came of it), or None for a moment in which nothing came
Arrival = tuple[int, Values | Failure] | None


def named(point: Point) -> str:
    """A point as its user would write it.

    >>> named({"temperature": 2.0, "start": "hot"})
    "temperature=2.0, start='hot'"
    """
    return ", ".join(f"{name}={value!r}" for name, value in point.items())


def arrivals_of(
    submit: Submit, measure: Measure, points: list[Point], todo: list[int], window: int
) -> Generator[Arrival]:
    """Submit points, at most `window` under way, and yield what comes as it comes.

    Raises `BrokenExecutor` once what was under way is in, if there are no hands any more.
    """
    waiting = deque(todo)
    under_way: dict[int, Any] = {}
    finished: queue.SimpleQueue[int] = queue.SimpleQueue()
    broken: BrokenExecutor | None = None
    try:
        while under_way or (waiting and broken is None):
            while waiting and len(under_way) < window and broken is None:
                try:
                    future = submit(attempt, measure, points[waiting[0]])
                except BrokenExecutor as error:
                    broken = error
                    break
                index = waiting.popleft()
                under_way[index] = future
                future.add_done_callback(lambda _, index=index: finished.put(index))
            if not under_way:
                break
            try:
                index = finished.get(timeout=PULSE)
            except queue.Empty:
                yield None
                continue
            yield index, _outcome(under_way.pop(index))
        if broken is not None:
            raise broken
    finally:
        for future in under_way.values():
            future.cancel()


def _outcome(future: Any) -> Values | Failure:
    try:
        return future.result()
    except Cancelled:
        raise
    except Exception as error:  # a measure that cannot travel, a worker that died
        return Failure.of(error)


def pooled(
    measure: Measure, points: list[Point], todo: list[int], workers: int
) -> Generator[Arrival]:
    """Measure on a pool of processes; where one dies, once more on a fresh pool.

    Those under way at that time go first then, one at a time, so that the culprit is known.
    """
    left = dict.fromkeys(todo)
    suspects: list[int] = []
    for _ in range(2):
        rest = [index for index in left if index not in suspects]
        died: list[int] = []
        with _pool(min(workers, len(left))) as submit:
            try:
                for part, window in ((suspects, 1), (rest, workers)):
                    for arrival in arrivals_of(submit, measure, points, part, window):
                        if arrival is not None and _died(arrival[1]):
                            died.append(arrival[0])
                            continue
                        if arrival is not None:
                            del left[arrival[0]]
                        yield arrival
            except BrokenExecutor:
                died = died or list(left)[:1]
        if not left:
            return
        suspects = died
    raise RGError(
        "a worker died twice while it measured",
        given="; or ".join(named(points[index]) for index in suspects),
        allowed="points that raise an error but leave the process alive",
        mend="try the point with workers=0; fewer workers if memory ran out; a script that sweeps "
        'must begin with `if __name__ == "__main__":`; with `to=`, what is done is kept',
    )


def _died(outcome: Values | Failure) -> bool:
    return isinstance(outcome, Failure) and outcome.died


@contextmanager
def _pool(workers: int) -> Iterator[Submit]:
    """A pool whose processes end with the block, or with this process, whatever they are at."""
    context = multiprocessing.get_context("spawn")
    ear, lifeline = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(
        workers, mp_context=context, initializer=_start_worker, initargs=(ear,)
    )
    try:
        yield pool.submit
    except BaseException:
        lifeline.close()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        lifeline.close()
        ear.close()


def _start_worker(ear: Connection) -> None:
    """One thread; the end of the process that asked is the end of this one."""
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)

    def listen() -> None:
        try:
            ear.poll(None)
        finally:
            os._exit(1)

    threading.Thread(target=listen, daemon=True).start()
