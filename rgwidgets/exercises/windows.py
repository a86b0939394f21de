"""Which numbers count as an answer, told without telling the answer.

The line is cut into steps of a round length, and a window is the set of steps that meet
[answer − tolerance, answer + tolerance], each known only by a hash. A number is accepted if the
hash of its step is among them. So everything within the tolerance is accepted, and nothing that
lies beyond it by a step or more: an eighth of the tolerance at most.

Numbers are fractions and steps are counted in whole numbers, so that Python and the page cannot
differ. A hash of a number can be found by trying numbers. It keeps an answer out of sight, not
out of reach.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from fractions import Fraction
from typing import TypedDict

#: Steps of a right answer's window are at most this share of the tolerance: what may be beyond it.
FINE = 8
#: Those of a known wrong route and of what is merely near.
COARSE = 2
#: Hexadecimal digits that are kept of a hash: 48 bits.
DIGITS = 12


class Window(TypedDict):
    """Steps of one length, by hash, and what is said of a number that lies in them."""

    step: str
    bins: list[str]
    say: str


def hashed(text: str) -> str:
    """The first 48 bits of the SHA-256 of a text.

    >>> hashed("abc")
    'ba7816bf8f01'
    """
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def round_step(most: Fraction) -> str:
    """The longest step 1, 2 or 5 × 10ⁿ that is no longer than `most`.

    >>> round_step(Fraction(1, 16)), round_step(Fraction(12))
    ('5e-2', '1e1')
    """
    power = 0
    while Fraction(10) ** power > most:
        power -= 1
    while Fraction(10) ** (power + 1) <= most:
        power += 1
    lead = max(m for m in (1, 2, 5) if m * Fraction(10) ** power <= most)
    return f"{lead}e{power}"


def index(value: Fraction, step: str) -> int:
    """Which step a number lies in: ⌊value / step⌋.

    >>> index(Fraction("-0.01"), "2e-1"), index(Fraction(1), "2e-1")
    (-1, 5)
    """
    return value // Fraction(step)


def window(answer: Fraction, tolerance: Fraction, salt: str, parts: int, say: str) -> Window:
    """Every step that meets [answer − tolerance, answer + tolerance], in the order of hashes."""
    step = round_step(tolerance / parts)
    first, last = index(answer - tolerance, step), index(answer + tolerance, step)
    bins = sorted(hashed(f"{salt}|{step}|{i}") for i in range(first, last + 1))
    return Window(step=step, bins=bins, say=say)


def within(value: Fraction, salt: str, found: Mapping[str, object]) -> bool:
    """Whether a number lies in a window."""
    step, bins = str(found["step"]), found["bins"]
    assert isinstance(bins, list)
    return hashed(f"{salt}|{step}|{index(value, step)}") in bins
