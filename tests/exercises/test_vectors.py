"""Python and the page read the same numbers and give the same verdicts."""

import json

from . import vectors as made


def test_the_vectors_are_what_the_code_makes():
    """If this fails: python -m tests.exercises.vectors. The page's tests read the same file."""
    assert made.PLACE.read_text(encoding="utf-8") == made.text(made.vectors())


def test_the_vectors_have_every_verdict_and_every_reason():
    kept = json.loads(made.PLACE.read_text(encoding="utf-8"))
    states = {state for _, _, state, _ in kept["verdicts"]}
    assert states == {"right", "route", "near", "wrong", "unread"}
    reasons = {why for _, _, why in kept["numbers"]}
    assert reasons == {"", "empty", "unreadable", "comma", "finite", "zero", "long"}
    assert kept["random"]["count"] >= 10_000
