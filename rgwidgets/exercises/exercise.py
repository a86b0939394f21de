"""An exercise: what is asked, how its answer is computed, and which wrong routes lead where."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from importlib import import_module
from pkgutil import iter_modules
from typing import Literal

from ..core.errors import ParameterError, nearest

#: What an answer or a wrong route is computed by, or the number or word itself.
Source = Callable[[], float | str] | float | str
_FILL = re.compile(r"\[\[(\w+)(?::([^\]]*))?\]\]")
#: Answers are rounded to so many digits, beyond which machines differ.
_DIGITS = 12
_WHOLE = Fraction(1, 100)


@dataclass(frozen=True)
class Tolerance:
    """How near is near enough.

    >>> str(absolute(0.0005)), str(relative(0.01)), str(WHOLE)
    ('within ±0.0005', 'within 1 %', 'exactly: a whole number')
    """

    size: float
    kind: Literal["absolute", "relative", "whole"]

    def __str__(self) -> str:
        if self.kind == "whole":
            return "exactly: a whole number"
        if self.kind == "relative":
            return f"within {100 * self.size:g} %"
        return f"within ±{self.size:g}"

    def about(self, value: Fraction) -> Fraction:
        """The largest difference from `value`."""
        size = Fraction(repr(self.size))
        return size * abs(value) if self.kind == "relative" else size


def absolute(size: float) -> Tolerance:
    """Within ± `size`, in the unit of the answer."""
    return Tolerance(size, "absolute")


def relative(size: float) -> Tolerance:
    """Within that share of the answer."""
    return Tolerance(size, "relative")


WHOLE = Tolerance(float(_WHOLE), "whole")


@dataclass(frozen=True)
class Route:
    """A wrong way that readers take, where it leads, and what to tell them.

    Attributes
    ----------
    name
        What goes wrong, in a word or two: a solution can quote the number by it.
    source
        The wrong answer.
    say
        Feedback, in plain sentences that hold no answer.
    """

    name: str
    source: Source
    say: str

    @cached_property
    def value(self) -> Fraction | str:
        """Where it leads, computed once."""
        return _exact(self.source)


@dataclass(frozen=True)
class Exercise:
    """A question with one number, or one word, for an answer.

    Attributes
    ----------
    id
        "chapter.number".
    prompt
        The question, in one plain sentence.
    source
        What computes the answer, with the library.
    tolerance, unit
        As told to the reader; a unit of "" is a pure number. Neither counts where there are
        `choices`.
    routes
        At least two.
    hints
        Each goes further than the one before.
    because
        What is said to the right answer: what it teaches.
    worked
        A solution in Markdown and TeX. [[answer:.4f]] becomes the answer, and so does a route by
        its name: numbers come from code.
    choices
        Words to choose from, in lower case.

    Raises
    ------
    ParameterError
        If there are fewer than two routes or no hint.
    """

    id: str
    prompt: str
    source: Source
    routes: tuple[Route, ...]
    hints: tuple[str, ...]
    because: str
    worked: str = field(repr=False)
    tolerance: Tolerance = WHOLE
    unit: str = ""
    choices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.routes) < 2 or not self.hints:
            raise ParameterError(
                f"exercise {self.id}",
                given=f"{len(self.routes)} routes, {len(self.hints)} hints",
                allowed="two or more known wrong routes, and a hint",
            )

    def __repr__(self) -> str:
        return f"Exercise({self.id!r}: {self.prompt})"

    @cached_property
    def value(self) -> Fraction | str:
        """The answer, computed once; rounded to twelve digits."""
        return _exact(self.source)

    @property
    def expects(self) -> str:
        """What kind of answer, told to the reader."""
        if self.choices:
            return "one of: " + ", ".join(self.choices)
        return f"{self.unit or 'a pure number'}, {self.tolerance}"

    def solution(self) -> str:
        """The worked solution, Markdown and TeX, its numbers computed."""
        values = {route.name: route.value for route in self.routes} | {"answer": self.value}

        def filled(match: re.Match[str]) -> str:
            value = values[match[1]]
            return value if isinstance(value, str) else format(float(value), match[2] or "g")

        return _FILL.sub(filled, self.worked.strip())


def _exact(source: Source) -> Fraction | str:
    found = source() if callable(source) else source
    return found if isinstance(found, str) else Fraction(f"{float(found):.{_DIGITS}g}")


def chapters() -> tuple[int, ...]:
    """Numbers of the chapters that have exercises."""
    package = __package__ or ""
    names = (module.name for module in iter_modules(import_module(package).__path__))
    return tuple(sorted(int(n.removeprefix("chapter_")) for n in names if n.startswith("chapter_")))


def exercises(chapter: int) -> tuple[Exercise, ...]:
    """Those of a chapter, in order."""
    module = import_module(f".chapter_{chapter:02d}", __package__)
    found: tuple[Exercise, ...] = module.EXERCISES
    return found


def every() -> dict[str, Exercise]:
    """All of them by id, chapter by chapter."""
    return {e.id: e for chapter in chapters() for e in exercises(chapter)}


def unknown(id: object, known: list[str]) -> ParameterError:
    """The error of an exercise that does not exist, with the nearest that does."""
    text = str(id)
    same = [k for k in known if k.split(".")[0] == text.split(".")[0]]
    close = nearest(text, same) or (same[-1] if same else nearest(text, known))
    hint = f"did you mean {close!r}?" if close else "pass its number as text"
    if not isinstance(id, str) and text in known:
        hint = f"pass its number as text, {text!r}"
    return ParameterError("exercise", given=id, allowed=", ".join(known), mend=hint)
