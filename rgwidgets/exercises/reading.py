"""What a reader writes or passes, as an exact number: nothing is rounded before it is judged."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from fractions import Fraction
from numbers import Rational, Real

from ..core.errors import ParameterError, nearest

#: What is said of an answer, here and in the page: the page finds these texts in the rules.
SAY = {
    "right": "Right.",
    "near": "Close, but not close enough: keep more digits and round only at the end.",
    "wrong": "Not yet, and not by a route that is known here. A hint may help.",
    "empty": "There is no answer yet: give a number such as 0.25, 1/4 or 2.5e-1.",
    "unreadable": "This cannot be read as a number: give one such as 0.25, 1/4 or 2.5e-1.",
    "comma": "A comma is read as the decimal sign, so there can be one and no full stop beside it.",
    "finite": "The answer is a finite number.",
    "zero": "This fraction divides by zero.",
    "long": "This is too long: 64 characters are enough.",
    "choice": "Choose one of the words that are offered.",
}
LENGTH = 64
#: Longer numbers than 10^±1000 are refused: Python prints no more than 4300 digits.
_POWERS = 1000
_SPACES = " \t\r\n\u00a0\u2009\u202f"
_MINUS = str.maketrans({"\u2212": "-", "\u2013": "-"})
_POWER = re.compile(rf"[{_SPACES}]*[×*·][{_SPACES}]*10\^")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]{1,3})?")
_ENDLESS = re.compile(r"[+-]?(?:nan|inf|infinity|∞)")


class Unreadable(ValueError):
    """A text that is no number; `why` is a key of `SAY`."""

    def __init__(self, why: str) -> None:
        super().__init__(SAY[why])
        self.why = why


def parse(text: str) -> Fraction:
    """The number that a text states, exactly.

    A decimal number, "0.66", ".5", "1e-3" or "2×10^-4"; a fraction of two of them, "2/3"; with
    "%" behind it a hundredth of it. A typeset minus is a minus. A comma is the decimal sign,
    "0,66", and therefore refused twice or beside a full stop; nothing groups digits.

    Raises
    ------
    Unreadable
        For anything else, for NaN and infinity, and beyond 64 characters.

    Examples
    --------
    >>> parse("−0,0375"), parse("2/3"), parse("94.1 %")
    (Fraction(-3, 80), Fraction(2, 3), Fraction(941, 1000))
    """
    if len(text) > LENGTH:
        raise Unreadable("long")
    plain = _POWER.sub("e", text.translate(_MINUS).lower()).strip(_SPACES)
    if not plain:
        raise Unreadable("empty")
    if _ENDLESS.fullmatch(plain):
        raise Unreadable("finite")
    share = plain.endswith("%")
    parts = [_decimal(part.strip(_SPACES)) for part in plain.removesuffix("%").split("/")]
    if len(parts) > 2:
        raise Unreadable("unreadable")
    if len(parts) == 2 and parts[1] == 0:
        raise Unreadable("zero")
    value = parts[0] / parts[1] if len(parts) == 2 else parts[0]
    return value / 100 if share else value


def _decimal(text: str) -> Fraction:
    if "," in text and ("." in text or text.count(",") > 1):
        raise Unreadable("comma")
    plain = text.replace(",", ".")
    if not _DECIMAL.fullmatch(plain):
        raise Unreadable("unreadable")
    return Fraction(plain)


def number(answer: object) -> Fraction:
    """What was passed, exactly; a float is the decimal number that it prints as.

    Parameters
    ----------
    answer
        A number of Python, numpy or torch, an array or tensor of one element, an `Estimate` or a
        `Bound`, or a text that `parse` reads.

    Raises
    ------
    ParameterError
        If it is none of these, or not finite.

    Examples
    --------
    >>> number(0.1), number("1e-3"), number(7)
    (Fraction(1, 10), Fraction(1, 1000), Fraction(7, 1))
    """
    if isinstance(answer, str):
        try:
            return parse(answer)
        except Unreadable as reason:
            raise _refused(answer, reason.why) from None
    scalar = _scalar(answer)
    if isinstance(scalar, Decimal):
        if not scalar.is_finite():
            raise _refused(answer, "finite")
        if scalar and abs(scalar.adjusted()) > _POWERS:
            raise _refused(scalar, "long")
        return Fraction(scalar)
    if isinstance(scalar, Rational):
        if abs(scalar) >= 10**_POWERS:
            raise _refused(f"a number of more than {_POWERS} digits", "long")
        return Fraction(scalar)
    if not isinstance(scalar, Real):
        raise _refused(answer, "unreadable")
    value = float(scalar)
    if not math.isfinite(value):
        raise _refused(answer, "finite")
    return Fraction(repr(value))


def _scalar(answer: object) -> object:
    """The one number in an array, tensor, estimate or bound; anything else as it is."""
    from ..core.bounds import Bound
    from ..core.estimate import Estimate

    if isinstance(answer, (Estimate, Bound)):
        return answer.value
    item = getattr(answer, "item", None)
    if callable(item):
        try:
            answer = item()
        except (ValueError, RuntimeError):
            raise _refused(answer, "unreadable") from None
    if isinstance(answer, bool):
        raise _refused(answer, "unreadable")
    return answer


def _refused(answer: object, why: str) -> ParameterError:
    return ParameterError(
        "answer",
        given="None" if answer is None else answer,
        allowed="one finite number, or a text such as '0.25', '1/4', '2.5e-1', '25 %'",
        mend=SAY[why].rstrip("."),
    )


def word(answer: object, choices: list[str]) -> str:
    """The choice that a text names; case, spaces, hyphens and underscores do not count.

    Raises `ParameterError` if it names none.

    >>> word(" Wrong-direction", ["wrong direction", "mistuned cutoff"])
    'wrong direction'
    """
    if isinstance(answer, str):
        plain = re.sub(rf"[{_SPACES}_-]+", " ", answer[:LENGTH].lower()).strip(" ")
        if plain in choices:
            return plain
    close = nearest(answer, choices) if isinstance(answer, str) else None
    raise ParameterError(
        "answer",
        given="None" if answer is None else answer,
        allowed=", ".join(repr(choice) for choice in choices),
        mend=f"did you mean {close!r}?" if close else SAY["choice"].rstrip("."),
    )
