"""Judging an answer, and helping on with hints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..core.errors import ParameterError
from .exercise import unknown
from .reading import number, word
from .rulebook import Rule, Rules, shipped
from .windows import hashed, within

State = Literal["right", "route", "near", "wrong"]
#: Beside the text of a verdict, for the book panel of JupyterLab.
CHECK_MIME = "application/vnd.rgwidgets.check+json"
#: The hint that each exercise gave last in this session.
_given: dict[str, int] = {}


@dataclass(frozen=True, repr=False)
class Verdict:
    """What is to be said of an answer. True if it is right.

    Attributes
    ----------
    id
        Of the exercise.
    state
        "right", "route" for a known wrong route, "near", or "wrong".
    feedback
        In plain sentences; never holds the answer.
    """

    id: str
    state: State
    feedback: str

    @property
    def right(self) -> bool:
        """Whether the answer is accepted."""
        return self.state == "right"

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return f"{'✓' if self.right else '✗'} {self.id}  {self.feedback}"

    def _repr_mimebundle_(self, **_: object) -> dict[str, dict[str, str | bool]]:
        # The notebook's page marks the exercise as done by this; what is read stays the text.
        return {CHECK_MIME: {"id": self.id, "right": self.right}}


@dataclass(frozen=True, repr=False)
class Hint:
    """One of an exercise's hints: `level` of `levels`, from 1."""

    id: str
    level: int
    levels: int
    text: str

    def __repr__(self) -> str:
        return f"{self.id}  hint {self.level} of {self.levels}: {self.text}"


def judge(id: str, rule: Rule, answer: object) -> Verdict:
    """A verdict by a rule: the right answer first, then the routes, then what is near."""
    say = shipped()["say"]
    if "choices" in rule:
        chosen = hashed(f"{rule['salt']}|{word(answer, rule['choices'])}")
        inside = [chosen in w["bins"] for w in (rule["right"], *rule["routes"])]
    else:
        value = number(answer)
        inside = [within(value, rule["salt"], w) for w in (rule["right"], *rule["routes"])]
    if inside[0]:
        return Verdict(id, "right", rule["right"]["say"])
    for found, route in zip(inside[1:], rule["routes"], strict=True):
        if found:
            return Verdict(id, "route", route["say"])
    if "near" in rule and within(value, rule["salt"], rule["near"]):
        return Verdict(id, "near", rule["near"]["say"])
    return Verdict(id, "wrong", say["wrong"])


def check(id: str, answer: object) -> Verdict:
    """Judge an answer to an exercise.

    Parameters
    ----------
    id
        "chapter.number".
    answer
        A number of any kind, an `Estimate`, or a text such as "0.66", "2/3", "1e-3" or "25 %"; a
        word where the exercise offers words.

    Returns
    -------
    Verdict
        Never holds the answer. What is known of it here is a hash.

    Raises
    ------
    ParameterError
        For an unknown exercise (the nearest is named), or what is no finite number.

    Examples
    --------
    >>> check("2.1", 0.5)
    ✗ 2.1  The coupling is not halved: it is the correlation length that is.
    >>> bool(check("2.1", "1/2"))
    False
    """
    return judge(id, _rule(id), answer)


def hint(id: str, *, level: int | None = None) -> Hint:
    """The next hint, or the one of a given level; after the last, the last again.

    Raises
    ------
    ParameterError
        For an unknown exercise, or a level that it does not have.

    Examples
    --------
    >>> hint("2.1", level=1)
    2.1  hint 1 of 3: Write out the sum over the spin between two others that stay.
    """
    hints = _rule(id)["hints"]
    if level is None:
        level = min(_given.get(id, 0) + 1, len(hints))
        _given[id] = level
    if isinstance(level, bool) or not isinstance(level, int) or not 1 <= level <= len(hints):
        raise ParameterError(
            f"level of a hint to {id}", given=level, allowed=f"1 to {len(hints)}, or None"
        )
    return Hint(id, level, len(hints), hints[level - 1])


def rules() -> Rules:
    """What a page needs in order to judge as `check` does: texts and hashes, no answers.

    {"format", "say": {kind: text}, "exercises": {id: {"prompt", "expects", "hints", "salt",
    "right", "routes", "near", "choices"}}}. To be read only.

    >>> sorted(rules())
    ['exercises', 'format', 'say']
    """
    return shipped()


def ids() -> list[str]:
    """Every exercise, in the order of the book."""
    return list(shipped()["exercises"])


def prompt(id: str) -> str:
    """What is asked, and in which unit and how precisely it is to be answered."""
    found = _rule(id)
    return f"{found['prompt']} ({found['expects']})"


def solution(id: str) -> str:
    """The worked solution, Markdown and TeX; its numbers are computed now. It tells the answer."""
    from .exercise import exercises

    _rule(id)
    return next(e for e in exercises(int(id.split(".")[0])) if e.id == id).solution()


def _rule(id: str) -> Rule:
    known = shipped()["exercises"]
    if not isinstance(id, str) or id not in known:
        raise unknown(id, list(known))
    return known[id]
