"""Progress and cancellation for long work, heard by whoever listens in this context."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TypeVar

Listener = Callable[[float | None, str], None]
T = TypeVar("T")

_listener: ContextVar[Listener | None] = ContextVar("rgwidgets_progress", default=None)
_span: ContextVar[tuple[float, float]] = ContextVar("rgwidgets_span", default=(0.0, 1.0))


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Call `listener(fraction, label)` at every tick made inside the block.

    The listener may raise `Cancelled` to stop the work between two steps.

    >>> heard = []
    >>> with listening(lambda fraction, label: heard.append(fraction)):
    ...     for _ in track([10, 20]): pass
    >>> heard
    [0.0, 0.5, 1.0]
    """
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def tick(fraction: float | None = None, label: str = "") -> None:
    """Report progress (0 to 1, or None if unknown); raises `Cancelled` when asked to stop."""
    listener = _listener.get()
    if listener is not None:
        listener(None if fraction is None else _within(_span.get(), fraction), label)


def _within(span: tuple[float, float], fraction: float) -> float:
    """A fraction of a part of the bar, on the whole bar; the ends are met exactly."""
    low, high = span
    return low + (high - low) * fraction if fraction < 1 else high


def track(items: Iterable[T], *, total: int | None = None, label: str = "") -> Iterator[T]:
    """Iterate over `items` and report after each; nested loops share the bar of the outer one."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    span = _span.get()
    tick(0.0, label)
    for count, item in enumerate(items):
        if total:
            part = (_within(span, count / total), _within(span, (count + 1) / total))
            token = _span.set(part)
            try:
                yield item
            finally:
                with suppress(ValueError):  # ended in another context, whose span is its own
                    _span.reset(token)
        else:
            yield item
        tick((count + 1) / total if total else None, label)
