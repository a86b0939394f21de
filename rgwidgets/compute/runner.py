"""One worker thread with one slot: the latest request wins, and running work can be stopped."""

from __future__ import annotations

import atexit
import contextvars
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from inspect import ismethod
from typing import Any, TypeVar

from ..core import progress
from ..core.errors import Cancelled

Owner = TypeVar("Owner")

#: Those whose worker is at work; Python must not end while one is deep inside torch.
_working: set[Runner] = set()
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
    done: Callable[[Any], object]
    stop: threading.Event


def loosely(act: Callable[..., Any] | None) -> Callable[..., Any]:
    """The same act, which does not keep alive whose method it is, and does nothing after them.

    >>> loosely([].append)(1), loosely(None)(1)
    (None, None)
    """
    if not ismethod(act):
        return act or (lambda *_: None)
    found = weakref.WeakMethod(act)

    def call(*given: Any) -> Any:
        method = found()
        return None if method is None else method(*given)

    return call


def while_alive(owner: Owner) -> Callable[[], Owner]:
    """What gives the owner to long work as often as it asks, and stops it once nobody has them.

    Raises `Cancelled` then. Work that kept what it is given would keep its owner alive.

    >>> class Owner: name = "lens"
    >>> owner = Owner()
    >>> seen = while_alive(owner)
    >>> seen().name
    'lens'
    """
    found = weakref.ref(owner)

    def seen() -> Owner:
        there = found()
        if there is None:
            raise Cancelled("nobody waits for it any more")
        return there

    return seen


class Runner:
    """Runs one piece of work at a time off the calling thread.

    A new request replaces one that waits and stops one that runs at its next tick, so the worker
    never spends time on an answer that nobody waits for any more. The thread is there while there
    is work. Methods, here and in `submit`, are held weakly: nobody lives on because they wait.

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
        self._on_progress, self._on_error = loosely(on_progress), loosely(on_error)
        self._on_idle = loosely(on_idle)
        self._changed = threading.Condition()
        self._waiting: _Job | None = None
        self._running: _Job | None = None
        self._closed = False
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether work runs or waits."""
        return self._waiting is not None or self._running is not None

    def submit(
        self, work: Callable[[], Any], done: Callable[[Any], object] = lambda _: None
    ) -> bool:
        """Ask for `done(work())` in the worker; False if the runner is closed."""
        with self._changed:
            if self._closed:
                return False
            self._waiting = _Job(loosely(work), loosely(done), threading.Event())
            if self._running is not None:
                self._running.stop.set()
            if self._thread is None:
                context = contextvars.copy_context()
                self._thread = threading.Thread(
                    target=context.run, args=(self._loop,), name="rgwidgets-runner", daemon=True
                )
                self._thread.start()
                _working.add(self)
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
        with self._changed:
            self._closed = True
        self.cancel()

    def join(self, timeout: float) -> None:
        """Wait for the worker of a closed runner to end, for at most `timeout` seconds."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)

    def _loop(self) -> None:
        while self._next():
            self._run()
            if self._waiting is None:
                self._on_idle()

    def _next(self) -> bool:
        """Whether there is more to do; if not, the next request finds no worker and starts one."""
        with self._changed:
            self._running, self._waiting = self._waiting, None
            if self._running is None:
                self._thread = None
                _working.discard(self)
                self._changed.notify_all()
            return self._running is not None

    def _run(self) -> None:
        job = self._running
        assert job is not None

        def listen(fraction: float | None, label: str) -> None:
            if job.stop.is_set():
                raise Cancelled(label)
            self._on_progress(fraction, label)

        try:
            with progress.listening(listen):
                answer = job.work()
            if not job.stop.is_set():
                job.done(answer)
        except Cancelled:
            return
        except Exception as error:  # whatever the work was: the worker lives on and says why
            self._on_error(error)
