"""`python -m book.engine.agree [SLUG …]`: what the pages show is what the code computes today.

A page shows what was recorded when the book was built. Here chapters are executed afresh, in a
scratch folder, and what they record is held against the records of the built site.
"""

from __future__ import annotations

import argparse
import html
import json
import math
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import execute
from .chapter import Source
from .faults import BookError, Fault
from .places import Places
from .stage import result
from .syllabus import Chapter, load

#: Numbers that differ by less, in comparison to the larger of the two, differ by rounding.
ROUNDING = 1e-6
#: Below this both are nought.
NOUGHT = 1e-12


def faults(places: Places, chapter: Chapter, scratch: Path) -> list[Fault]:
    """Where the built page of a chapter and a fresh execution of it disagree.

    `scratch` is an empty folder. Raises `BookError` if the chapter does not run.
    """
    source = Source.read(chapter.source)
    fresh = execute.execute(source, scratch)
    dial = source.part("turn-the-dial")
    page = (places.html / f"{chapter.slug}.html").read_text("utf-8")
    found = [
        *records(places.html / "records" / chapter.slug, fresh),
        *_prose(page, result(fresh)["expressions"]),
    ]
    return [Fault(source.path, dial.line if dial else 1, message) for message in found]


def records(shown: Path, fresh: Path) -> Iterator[str]:
    """In what two folders of records differ."""
    names = {
        folder: sorted(path.name for path in folder.glob("lens-*")) for folder in (shown, fresh)
    }
    if names[shown] != names[fresh]:
        yield f"the page has the records {names[shown]}, the chapter makes {names[fresh]}"
        return
    for name in names[fresh]:
        one, other = (
            json.loads((folder / name / "index.json").read_text("utf-8"))
            for folder in (shown, fresh)
        )
        yield from _unlike(one, other, name)
        for header in other["pyramid"]:
            pictures = [folder / name / header["url"] for folder in (shown, fresh)]
            if not pictures[0].is_file():
                yield f"{name}: the picture {header['url']} is missing"
            elif not _alike(*(path.read_bytes() for path in pictures), dtype=header["dtype"]):
                yield f"{name}: the picture {header['url']} is another"


def _unlike(shown: Any, fresh: Any, at: str) -> Iterator[str]:
    """Where two pieces of JSON differ by more than rounding."""
    if isinstance(shown, dict) and isinstance(fresh, dict) and shown.keys() == fresh.keys():
        for key in fresh:
            yield from _unlike(shown[key], fresh[key], f"{at}.{key}")
    elif isinstance(shown, list) and isinstance(fresh, list) and len(shown) == len(fresh):
        for i, (one, other) in enumerate(zip(shown, fresh, strict=True)):
            yield from _unlike(one, other, f"{at}[{i}]")
    elif not _same(shown, fresh):
        yield f"{at}: the page shows {str(shown)[:60]}, the chapter computes {str(fresh)[:60]}"


def _same(shown: Any, fresh: Any) -> bool:
    if {type(shown), type(fresh)} <= {int, float}:
        return math.isclose(shown, fresh, rel_tol=ROUNDING, abs_tol=NOUGHT)
    return bool(shown == fresh)


def _alike(shown: bytes, fresh: bytes, *, dtype: str) -> bool:
    """Spins are the same; of 256 grey levels rounding may move a pixel by one."""
    if dtype != "u1" or len(shown) != len(fresh):
        return shown == fresh
    return all(abs(one - other) <= 1 for one, other in zip(shown, fresh, strict=True))


def _prose(page: str, values: list[str]) -> Iterator[str]:
    """Numbers that the prose was given by code, and no longer has."""
    text = html.unescape(page)
    for value in values:
        if value not in text:
            yield f"the prose should say {value!r} somewhere, and does not"


def main() -> int:
    """Compare; 0 if every page agrees, 1 with one line for each difference if not."""
    parser = argparse.ArgumentParser(prog="python -m book.engine.agree", description=__doc__)
    parser.add_argument("slugs", nargs="*", metavar="SLUG", help="chapters; all by default")
    parser.add_argument("--book", type=Path, default=Places().book, help="the folder of the book")
    options = parser.parse_args()
    places = Places(options.book.resolve())
    wrong: list[Fault] = []
    for chapter in load(places).written:
        if not options.slugs or chapter.slug in options.slugs:
            with tempfile.TemporaryDirectory(prefix="rgwidgets-agree-") as scratch:
                try:
                    wrong += faults(places, chapter, Path(scratch))
                except BookError as error:
                    wrong += error.faults
            print(f"computed {chapter.slug} again", flush=True)
    for fault in wrong:
        print(fault, file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main())
