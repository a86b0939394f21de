"""Frames at the pace at which the browser draws them: the next leaves when one was drawn."""

from __future__ import annotations

import threading
from collections import deque
from time import monotonic


class Backpressure:
    """Counts frames in flight, so that a fast kernel never floods a slow screen.

    Parameters
    ----------
    in_flight
        Frames that may be under way undrawn.
    every
        How many frames share one acknowledgement, at most `in_flight`: each costs the notebook
        two changes of its busy sign, more than the drawing itself.
    frames_per_second
        Largest rate at which frames leave.

    Examples
    --------
    >>> pace = Backpressure(in_flight=1, frames_per_second=1000)
    >>> first = pace.next(timeout=0.1)
    >>> pace.next(timeout=0.01) is None  # the first is not drawn yet
    True
    >>> pace.drawn(first)
    >>> pace.next(timeout=0.1)
    2
    """

    def __init__(
        self, *, in_flight: int = 8, every: int = 4, frames_per_second: float = 60.0
    ) -> None:
        self._every = min(every, in_flight)
        self._limit, self._interval = in_flight, 1.0 / frames_per_second
        self._changed = threading.Condition()
        self._sent, self._drawn = 0, 0
        self._due = monotonic()
        self._times: deque[tuple[int, float]] = deque(maxlen=60 // self._every)

    def next(self, *, timeout: float) -> int | None:
        """Number of the next frame once it may leave; None if nothing was drawn in `timeout` s."""
        with self._changed:
            ready = self._changed.wait_for(lambda: self._sent - self._drawn < self._limit, timeout)
            if not ready:
                return None
            delay = self._due - monotonic()
            if delay > 0:
                self._changed.wait(delay)
            self._due = max(monotonic(), self._due + self._interval)
            self._sent += 1
            return self._sent

    def asks(self, sequence: int) -> bool:
        """Whether the browser is to say that it has drawn this frame."""
        return sequence % self._every == 0

    def drawn(self, sequence: int) -> None:
        """The browser has drawn every frame up to this one."""
        with self._changed:
            if self._drawn < sequence <= self._sent:
                self._times.append((sequence, monotonic()))
                self._drawn = sequence
            self._changed.notify_all()

    def reset(self) -> None:
        """Forget frames that will never be acknowledged (the page was reloaded)."""
        with self._changed:
            self._drawn = self._sent
            self._times.clear()
            self._changed.notify_all()

    @property
    def frames_per_second(self) -> float:
        """Frames drawn a second, over the last sixty; 0 before two are acknowledged."""
        times = list(self._times)
        if len(times) < 2:
            return 0.0
        (first, begin), (last, end) = times[0], times[-1]
        return (last - first) / max(end - begin, 1e-9)
