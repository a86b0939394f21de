"""What is wrong with the book, each with the file and line to look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, order=True)
class Fault:
    """One thing to mend.

    >>> print(Fault(ROOT / "book" / "chapters.yml", 7, "no minutes"))
    book/chapters.yml:7: no minutes
    """

    file: Path
    line: int
    message: str

    def __str__(self) -> str:
        file = self.file.relative_to(ROOT) if self.file.is_relative_to(ROOT) else self.file
        return f"{file}:{self.line}: {self.message}"


class BookError(Exception):
    """The book cannot be built; holds every fault that was found."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = sorted(faults)
        super().__init__("\n".join(map(str, self.faults)))

    def __reduce__(self) -> tuple[type[BookError], tuple[list[Fault]]]:
        return BookError, (self.faults,)  # it comes back from the process that ran a chapter


def refuse(faults: Iterable[Fault]) -> None:
    """Raise `BookError` if there is any fault."""
    found = list(faults)
    if found:
        raise BookError(found)
