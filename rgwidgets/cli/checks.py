"""What `rgwidgets doctor` reports in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from ..core.errors import ParameterError

STATES = ("ok", "warn", "fail")


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes
    ----------
    name, found
        What was looked at and what was there.
    state
        "ok", "warn" (works, with less) or "fail" (does not work).
    mend
        What to do about it; empty when there is nothing to do.
    """

    name: str
    state: str
    found: str
    mend: str = ""

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise ParameterError("state", given=self.state, allowed=", ".join(STATES))
        if self.state != "ok" and not self.mend:
            raise ParameterError(f"mend of {self.name}", given="", allowed="words that help")

    def to_dict(self) -> dict[str, str]:
        """Plain strings, for JSON."""
        return asdict(self)


def usable(checks: Iterable[Check]) -> bool:
    """Whether nothing failed.

    >>> usable([Check("Python", "ok", "3.12.1")])
    True
    """
    return all(check.state != "fail" for check in checks)
