"""Computations of several threads, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Condition, get_ident
from typing import TypeVar

from .progress import tick

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")
#: Seconds after which a thread that waits looks whether anybody still wants its answer.
_PATIENCE = 0.05


class Turns:
    """One thread computes at a time; nobody waits for more than what they asked for.

    A lock alone would not do: a thread that waits for an answer could be overtaken, and wait on
    for the next computation after its answer is there.

    Examples
    --------
    >>> turns, known = Turns(), {}
    >>> turns.once(known, "answer", lambda: 6 * 7)
    42
    >>> turns.once(known, "answer", lambda: 1 / 0)
    42
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._owner: int | None = None
        self._depth = 0  # a computation may ask for another

    def __reduce__(self) -> tuple[type[Turns], tuple[()]]:
        return Turns, ()  # in a copy nobody computes yet

    def once(self, known: dict[Key, Answer], key: Key, compute: Callable[[], Answer]) -> Answer:
        """What is known of `key`, computed first if it must be; what it raises is not kept."""
        while not self._take(known, key):
            tick(label="waiting for its turn")  # who waits can be stopped, too
        if key in known:
            return known[key]
        try:
            return known.setdefault(key, compute())
        finally:
            self._give_back()

    def _take(self, known: dict[Key, Answer], key: Key) -> bool:
        """Until the answer is there or the turn is this thread's; False if neither comes soon."""
        me = get_ident()
        with self._changed:
            free = self._changed.wait_for(
                lambda: key in known or self._owner in (None, me), timeout=_PATIENCE
            )
            if free and key not in known:
                self._owner, self._depth = me, self._depth + 1
            return free

    def _give_back(self) -> None:
        with self._changed:
            self._depth -= 1
            if self._depth == 0:
                self._owner = None
            self._changed.notify_all()
