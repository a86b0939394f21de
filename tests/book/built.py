"""The book itself, as `make book` has built it."""

from __future__ import annotations

import os
from pathlib import Path

from book.engine.__main__ import build
from book.engine.places import Places

#: Another folder than `book/`, to be tested in its place.
BOOK = os.environ.get("RGWIDGETS_BOOK")


def places() -> Places:
    """Where the book lies."""
    return Places(Path(BOOK).resolve()) if BOOK else Places()


def built() -> Places:
    """The book, built if it is not there. `make test` has built it before."""
    found = places()
    if not (found.html / "index.html").is_file():
        build(found)
    return found
