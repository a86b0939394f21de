"""One worker thread with one slot: the latest request wins, and running work can be stopped."""

from __future__ import annotations

import atexit
import contextvars
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..core import progress
from ..core.errors import Cancelled

#: Those that have a worker; Python must not end while one is deep inside torch.
_working: weakref.WeakSet[Runner] = weakref.WeakSet()
#: Seconds that the end of Python waits for each worker to reach its next tick.
_FAREWELL = 10.0


@atexit.register
def _stop_all() -> None:
    for runner in list(_working):
        runner.close()
    for runner in list(_working):
        runner.join(_FAREWELL)


@dataclass
class _Job:
    work: Callable[[], Any]
    done: Callable[[Any], None]
    stop: threading.Event


class Runner:
    """Runs one piece of work at a time off the calling thread.

    A new request replaces one that waits and stops one that runs at its next tick, so the worker
    never spends time on an answer that nobody waits for any more.

    Parameters
    ----------
    on_progress
        Called from the worker with (fraction or None, label).
    on_error
        Called from the worker with the exception of work that failed.
    on_idle
        Called from the worker when nothing is left to do.

    Examples
    --------
    >>> answers = []
    >>> runner = Runner()
    >>> _ = runner.submit(lambda: 6 * 7, answers.append)
    >>> runner.wait(5), answers
    (True, [42])
    >>> runner.close()
    """

    def __init__(
        self,
        *,
        on_progress: progress.Listener | None = None,
        on_error: Callable[[Exception], None] | None = None,
        on_idle: Callable[[], None] | None = None,
    ) -> None:
        self._on_progress, self._on_error, self._on_idle = on_progress, on_error, on_idle
        self._changed = threading.Condition()
        self._waiting: _Job | None = None
        self._running: _Job | None = None
        self._closed = False
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether work runs or waits."""
        return self._waiting is not None or self._running is not None

    def submit(self, work: Callable[[], Any], done: Callable[[Any], None]) -> bool:
        """Ask for `done(work())` in the worker; False if the runner is closed."""
        with self._changed:
            if self._closed:
                return False
            self._waiting = _Job(work, done, threading.Event())
            if self._running is not None:
                self._running.stop.set()
            if self._thread is None:
                context = contextvars.copy_context()
                self._thread = threading.Thread(
                    target=context.run, args=(self._loop,), name="rgwidgets-runner", daemon=True
                )
                self._thread.start()
                _working.add(self)
            self._changed.notify_all()
            return True

    def cancel(self) -> None:
        """Drop what waits and stop what runs at its next tick; what it made so far is kept."""
        with self._changed:
            self._waiting = None
            if self._running is not None:
                self._running.stop.set()

    def wait(self, timeout: float) -> bool:
        """Wait until nothing runs or waits; False after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self.busy, timeout)

    def close(self) -> None:
        """Stop for good."""
        self.cancel()
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def join(self, timeout: float) -> None:
        """Wait for the worker of a closed runner to end, for at most `timeout` seconds."""
        if self._thread is not None:
            self._thread.join(timeout)

    def _loop(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting is not None or self._closed)
                if self._closed:
                    return
                job, self._waiting = self._waiting, None
                self._running = job
            if job is not None:
                self._run(job)
            if self._waiting is None and self._on_idle is not None:
                self._on_idle()
            with self._changed:
                self._running = None
                self._changed.notify_all()

    def _run(self, job: _Job) -> None:
        def listen(fraction: float | None, label: str) -> None:
            if job.stop.is_set():
                raise Cancelled(label)
            if self._on_progress is not None:
                self._on_progress(fraction, label)

        try:
            with progress.listening(listen):
                answer = job.work()
            if not job.stop.is_set():
                job.done(answer)
        except Cancelled:
            return
        except Exception as error:  # whatever the work was: the worker lives on and says why
            if self._on_error is not None:
                self._on_error(error)
