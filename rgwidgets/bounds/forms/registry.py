"""Which functions of torch are bounded, and by what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Handler = TypeVar("Handler", bound=Callable[..., Any])

#: name → function of `Form`s, constants and options that returns forms.
PRIMITIVES: dict[str, Callable[..., Any]] = {}
#: name → function of stand-ins that calls other functions of torch.
COMPOSITES: dict[str, Callable[..., Any]] = {}
#: What may return its argument's own memory.
VIEWS: set[str] = set()
#: Functions whose handlers are given torch's own and its arguments as they are written, so that it
#: says itself what it does with plain tensors.
WRITTEN: set[str] = set()


def primitive(
    *names: str, view: bool = False, written: bool = False
) -> Callable[[Handler], Handler]:
    """Register what bounds the functions and methods of these names on forms.

    The handler is called with the first argument in its place and all others by the names that
    torch gives them; with `written`, as handler(torch's function, *args, **kwargs).
    """

    def register(handler: Handler) -> Handler:
        PRIMITIVES.update(dict.fromkeys(names, handler))
        if view:
            VIEWS.update(names)
        if written:
            WRITTEN.update(names)
        return handler

    return register


def composite(*names: str, written: bool = False) -> Callable[[Handler], Handler]:
    """Register how functions and methods of these names are made of others."""

    def register(handler: Handler) -> Handler:
        COMPOSITES.update(dict.fromkeys(names, handler))
        if written:
            WRITTEN.update(names)
        return handler

    return register
