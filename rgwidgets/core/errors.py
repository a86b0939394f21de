"""One error class a kind; each message says what was given, what is allowed and how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class RGError(Exception):
    """Base of every error that rgwidgets raises on purpose.

    Parameters
    ----------
    what
        The name of the thing that is wrong, as the user knows it.
    given, allowed, mend
        What was given, what would have been accepted, what to do about it.

    Examples
    --------
    >>> from rgwidgets.core.errors import ParameterError
    >>> raise ParameterError("temperature", given=-1.0, allowed="a finite number > 0",
    ...                      mend="pass temperature=2.269")
    Traceback (most recent call last):
    ...
    rgwidgets.core.errors.ParameterError: temperature: got -1.0; allowed: a finite number > 0. \
Mend: pass temperature=2.269.
    """

    def __init__(
        self, what: str, *, given: object = None, allowed: str = "", mend: str = ""
    ) -> None:
        self.what, self.given, self.allowed, self.mend = what, given, allowed, mend
        parts = [what] if given is None else [f"{what}: got {_short(given)}"]
        if allowed:
            parts.append(f"allowed: {allowed}")
        #: what is wrong, without the way to mend it
        self.fault = "; ".join(parts) + "."
        self.message = f"{self.fault} Mend: {mend}." if mend else self.fault
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[object, ...]:
        # what was given may not exist in another process: its text travels
        given = None if self.given is None else _short(self.given)
        return (_rebuild, (type(self), self.what, given, self.allowed, self.mend))


def _rebuild(kind: type[RGError], what: str, given: str | None, allowed: str, mend: str) -> RGError:
    return kind(what, given=given, allowed=allowed, mend=mend)


def _short(given: object, limit: int = 120) -> str:
    text = given if isinstance(given, str) else repr(given)
    return text if len(text) <= limit else text[: limit - 1] + "…"


class GeometryError(RGError, ValueError):
    """A lattice size or block size that does not fit."""


class ParameterError(RGError, ValueError):
    """A number or option outside what is allowed."""


class CutoffError(RGError, ValueError):
    """A cutoff that the scale does not admit."""


class ShapeError(RGError, ValueError):
    """A tensor of the wrong shape or dtype."""


class LayerError(RGError, LookupError):
    """A layer that the module does not have, or whose output cannot be captured."""


class ObservableError(RGError, ValueError):
    """An observable that is unknown, is not finite, or does not return one value a sample."""


class DeviceError(RGError, RuntimeError):
    """A device that this machine does not have."""


class RecordError(RGError, ValueError):
    """A record that is missing, truncated, hostile or of another format."""


class StorageError(RGError, OSError):
    """A record that could not be written; what was there before is untouched."""


class BudgetError(RGError, ValueError):
    """An error budget that no cutoff of the flow can keep."""


class ConvergenceError(RGError, RuntimeError):
    """An iteration that did not reach its tolerance."""


class BundleError(RGError, RuntimeError):
    """The browser bundle is not installed."""


class KeywordError(RGError, TypeError):
    """A keyword that nothing takes; names the nearest that exists."""


class Cancelled(Exception):
    """Raised inside a computation that was asked to stop. Not a failure."""


def nearest(word: str, words: Iterable[str]) -> str | None:
    """Return the entry of `words` closest to `word`, or None if none is close.

    >>> nearest("temprature", ["temperature", "field"])
    'temperature'
    """
    names = list(words)
    found = difflib.get_close_matches(str(word), names, n=1, cutoff=0.5)
    if not found:
        lowered = {name.lower(): name for name in names}
        found = [lowered[w] for w in difflib.get_close_matches(str(word).lower(), lowered, n=1)]
    return found[0] if found else None


def choose(
    what: str,
    given: object,
    allowed: Iterable[str],
    *,
    error: type[RGError] = ParameterError,
    mend: str = "",
) -> str:
    """The word, if it is one of those allowed; else raises `error`, which names the nearest.

    >>> choose("rule", "majorty", ["majority", "mean"])
    Traceback (most recent call last):
    ...
    rgwidgets.core.errors.ParameterError: rule: got majorty; allowed: majority, mean. \
Mend: did you mean 'majority'?.
    """
    words = list(allowed)
    if isinstance(given, str) and given in words:
        return given
    close = nearest(given, words) if isinstance(given, str) else None
    raise error(
        what,
        given=repr(given) if given is None else given,
        allowed=", ".join(words) or "none",
        mend=f"did you mean {close!r}?" if close else mend,
    )


def check_keywords(given: Iterable[str], allowed: Iterable[str], *, where: str) -> None:
    """Raise `KeywordError` for the first keyword in `given` that is not in `allowed`."""
    known = sorted(allowed)
    for word in given:
        if word not in known:
            close = nearest(word, known)
            raise KeywordError(
                f"unknown keyword of {where}",
                given=word,
                allowed=", ".join(known),
                mend=f"did you mean {close}?" if close else "remove it",
            )
