"""A journal: one JSON line a result, on the disk before the next is made."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..core.errors import RecordError, StorageError
from ..core.estimate import Estimate
from .workers import Point, Values, checked_values

FORMAT = "rgwidgets-sweep/1"


class Journal:
    """What a sweep has measured so far; a line that was cut short is as good as not there.

    Parameters
    ----------
    path
        A file; made, with its folder, where there is none.
    measure
        The name of the function that is measured.
    axes, points
        The grid and its points in order.

    Raises
    ------
    RecordError
        If the file is damaged, belongs to another sweep or is no journal; it is left as it is.
    StorageError
        If it cannot be read or written.
    """

    def __init__(
        self, path: Path, measure: str, axes: Mapping[str, list[Any]], points: list[Point]
    ) -> None:
        self.path, self._points = path, points
        self._head = {"format": FORMAT, "measure": measure, "grid": dict(axes)}
        self._places = {json.dumps(point): index for index, point in enumerate(points)}

    def read(self) -> dict[int, Values]:
        """{place in the grid: values} of the points that are done; ready to append after it."""
        with self._storing():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            content = self.path.read_bytes() if self.path.exists() else b""
        head = _line(self._head)
        whole = content[: content.rfind(b"\n") + 1]
        if not whole and not head.startswith(content):
            raise self._refused(1, "no journal")
        lines = whole.splitlines()
        if lines:
            self._check_head(lines[0])
        done = dict(self._entry(number, line) for number, line in enumerate(lines[1:], start=2))
        if len(whole) < len(content):
            with self._storing():
                os.truncate(self.path, len(whole))
        if not lines:
            self._write(head)
        return done

    def append(self, index: int, values: Values) -> None:
        """Add what was measured at a point; on the disk when this returns."""
        known = {n: [v, None if math.isnan(e) else e] for n, (v, e) in values.items()}
        self._write(_line({"point": self._points[index], "values": known}))

    def _write(self, line: bytes) -> None:
        with self._storing(), self.path.open("ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def _check_head(self, line: bytes) -> None:
        head = self._parsed(1, line)
        if not isinstance(head, dict) or head.get("format") != FORMAT:
            raise self._refused(1, "no journal")
        for key, wanted in self._head.items():
            # as text: 1, 1.0 and true are equal, and yet not the same argument
            if json.dumps(head.get(key)) != json.dumps(wanted):
                raise RecordError(
                    f"{key} of the journal {self.path.name}",
                    given=json.dumps(head.get(key)),
                    allowed=json.dumps(wanted),
                    mend="pass another path to `to`, or remove the journal to measure afresh",
                )

    def _entry(self, number: int, line: bytes) -> tuple[int, Values]:
        entry = self._parsed(number, line)
        try:
            place = self._places[json.dumps(entry["point"])]
            read = {
                name: value if error is None else Estimate(value, error)
                for name, (value, error) in entry["values"].items()
            }
            return place, checked_values(read, self._points[place])
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise self._refused(number, "no point of the grid with its values") from error

    def _parsed(self, number: int, line: bytes) -> Any:
        try:
            return json.loads(line)
        except (ValueError, RecursionError) as error:
            raise self._refused(number, "no JSON") from error

    def _refused(self, number: int, given: str) -> RecordError:
        return RecordError(
            f"line {number} of the journal {self.path.name}",
            given=given,
            allowed="the line that a sweep wrote",
            mend="restore the file or remove the line; pass another path to begin a journal",
        )

    @contextmanager
    def _storing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(
                f"journal {self.path.name}",
                given=error.strerror or str(error),
                allowed="a file in a place with room that can be written",
                mend="free some space or pass another path; the lines already there are kept",
            ) from error


def _line(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry).encode() + b"\n"
