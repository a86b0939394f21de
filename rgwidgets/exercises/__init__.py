"""Exercises that check a reader's number: `check` judges, `hint` helps, neither tells the answer.

>>> from rgwidgets.exercises import check, hint
>>> check("2.1", 0.5).right
False
"""

from __future__ import annotations

from .exercise import Exercise, Route, Tolerance
from .verdict import Hint, Verdict, check, hint, ids, prompt, rules, solution

__all__ = [
    "check",
    "hint",
    "prompt",
    "solution",
    "ids",
    "rules",
    "Verdict",
    "Hint",
    "Exercise",
    "Route",
    "Tolerance",
]
