"""`python -m tests.exercises.vectors`: numbers and verdicts that Python and the page must share.

Written to vectors.json, which test_vectors.py and labextension/book/tests/exercises.test.js read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from rgwidgets.core.errors import ParameterError
from rgwidgets.exercises.exercise import WHOLE, Exercise, Route, absolute, relative
from rgwidgets.exercises.reading import SAY, Unreadable, parse
from rgwidgets.exercises.rulebook import Rules, make, shipped
from rgwidgets.exercises.verdict import judge
from rgwidgets.exercises.windows import hashed, index

PLACE = Path(__file__).with_name("vectors.json")
SEED = "20240817"

NUMBERS = (
    "0.66", "2/3", "1e-3", "−0.0375", "-0.0375", "–0.0375", "0,66", "−0,0375", "1/4", " 1 / 4 ",
    "-1/4", "1/-4", "-1/-4", "1,5/2,5", ".5", "5.", "+7", "1E5", "1e+05", "2.5e-007", "0", "-0",
    "−.5", "94.1%", "94.1 %", "1/3 %", "2×10^-3", "2 * 10^3", "2·10^−3", "\u00a01.5\u2009", "007",
    "1,000", "1e300", "1e-300", "123456789012345678901234567890", "1.0000000000000000000000000001",
    "", "  ", "nan", "NaN", "inf", "-Infinity", "∞", "−∞", "1,000.5", "1,2,3", "1.2.3", "1/0",
    "1/0,0", "1/2/3", "/2", "2/", "%", "1%%", "e5", "1e", "1e1000", "--1", "+-1", "1 000", "1_000",
    "٣", "½", "0x10", "sqrt(2)", "pi", "1e5.5", "10^3", "1" * 64, "1" * 65, "🙂" * 64, "²", "1\x1c",
    "1\ufeff", "İ", "NAN%",
)  # fmt: skip
STEPS = (
    ("0", "1e0"), ("-0", "5e-5"), ("-1e-9", "5e-5"), ("0.3", "1e-1"), ("-0.3", "1e-1"),
    ("0.30000000000000004", "1e-1"), ("0.29999999999999999", "1e-1"), ("2/3", "2e-2"),
    ("-2/3", "2e-2"), ("1e300", "5e-5"), ("-7", "2e0"), ("7", "2e1"), ("1/-3", "1e-1"),
)  # fmt: skip
WORDS = ("wrong direction", "mistuned cutoff", "misaligned relevance")


def exercises() -> list[Exercise]:
    """Made up, so that what they ask gives nothing away; one of each kind."""
    texts: dict[str, Any] = {"hints": ("h",), "because": "So it is.", "worked": ""}

    def routes(*values: Any) -> tuple[Route, ...]:
        return tuple(Route(f"r{i}", v, f"Route {v}.") for i, v in enumerate(values))

    return [
        Exercise("0.1", "?", 1.2345678, routes(-1.2345678, 2.5, 0.0), tolerance=absolute(0.0005),
                 **texts),
        Exercise("0.2", "?", 0.75, routes(0.25, 1.0), tolerance=absolute(0.25), **texts),
        Exercise("0.3", "?", -3.7, routes(3.7, 0.0), tolerance=relative(0.07), **texts),
        Exercise("0.4", "?", 4.0, routes(3, 16), tolerance=WHOLE, **texts),
        Exercise("0.5", "?", WORDS[1], routes(WORDS[0], WORDS[2]), choices=WORDS, **texts),
    ]  # fmt: skip


def edges() -> Iterator[tuple[str, str]]:
    """Texts at, just inside and just outside of every window."""
    tiny = Fraction(1, 10**15)
    for exercise in exercises():
        if exercise.choices:
            for text in (*WORDS, " Mistuned-Cutoff\n", "mistuned_cutoff", "mistuned", "", "1"):
                yield exercise.id, text
            continue
        size = exercise.tolerance.about(exercise.value)
        for centre in (exercise.value, *(route.value for route in exercise.routes)):
            for far in (0, size, 9 * size / 8, 3 * size / 2, 10 * size, 15 * size):
                for value in (centre - far, centre + far):
                    for at in (value - tiny, value, value + tiny):
                        yield exercise.id, f"{at.numerator}/{at.denominator}"
        for text in ("4", "4.0", "3.999", "8/2", "4,0e0", "400 %", "x", "1/0", "1.2345678"):
            yield exercise.id, text


def noise(seed: str) -> Iterator[int]:
    """Knuth's linear congruence, the upper half of 64 bits."""
    state = int(seed)
    while True:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        yield state >> 32


def drawn(source: Iterator[int]) -> str:
    """A decimal number with 7 places, between −2 and 6; as plain text, or as a fraction."""
    n = next(source) % 80_000_000 - 20_000_000
    if next(source) % 4 == 0:
        return f"{n}/10000000"
    digits = f"{abs(n):08d}"
    return f"{'−' if n < 0 else ''}{digits[:-7]}.{digits[-7:]}"


def digest(rules: Rules, seed: str, count: int) -> str:
    """One line for every verdict, and all of them hashed."""
    source = noise(seed)
    ids = [id for id, rule in rules["exercises"].items() if "choices" not in rule]
    lines = []
    for i in range(count):
        rule, text = rules["exercises"][ids[i % len(ids)]], drawn(source)
        found = judge(ids[i % len(ids)], rule, text)
        at = index(parse(text), rule["right"]["step"])
        lines.append(f"{found.id} {text} {found.state} {at} {found.feedback}\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def read(text: str) -> tuple[str, str | None, str]:
    """A text, the number that it states, and why there is none."""
    try:
        value = parse(text)
    except Unreadable as reason:
        return text, None, reason.why
    return text, f"{value.numerator}/{value.denominator}", ""


def verdict(rules: Rules, id: str, text: str) -> tuple[str, str, str, str]:
    """What is said of a text, also of one that cannot be read."""
    rule = rules["exercises"][id]
    try:
        found = judge(id, rule, text)
    except ParameterError:
        why = "choice" if "choices" in rule else read(text)[2]
        return id, text, "unread", SAY[why]
    return id, text, found.state, found.feedback


def vectors() -> dict[str, Any]:
    """Everything that vectors.json holds."""
    rules = make(exercises())
    return {
        "numbers": [read(text) for text in NUMBERS],
        "steps": [(text, step, str(index(parse(text), step))) for text, step in STEPS],
        "hashes": [(text, hashed(text)) for text in ("", "abc", "5f|1e-3|-42", "é" * 100)],
        "rules": rules,
        "verdicts": [verdict(rules, id, text) for id, text in edges()],
        "random": {"seed": SEED, "count": 10_000, "digest": digest(rules, SEED, 10_000)},
        "shipped": {"seed": SEED, "count": 5_000, "digest": digest(shipped(), SEED, 5_000)},
    }


def text(made: dict[str, Any]) -> str:
    """As JSON, a vector a line."""
    parts = []
    for name, value in made.items():
        rows = value if isinstance(value, list) else None
        lines = ",\n".join(f"  {json.dumps(row, ensure_ascii=True)}" for row in rows or ())
        body = f"[\n{lines}\n]" if rows else json.dumps(value, ensure_ascii=True)
        parts.append(f"{json.dumps(name)}: {body}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    PLACE.write_text(text(vectors()), encoding="utf-8")
