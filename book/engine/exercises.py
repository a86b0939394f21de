"""The rules of the exercises, as the page is given them: texts and hashes, never an answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .faults import ROOT, Fault
from .places import Places
from .syllabus import Syllabus

#: What `rgwidgets.exercises.rules()` returns; read here without loading torch.
RULES = ROOT / "rgwidgets" / "exercises" / "rules.json"
NONE: dict[str, Any] = {"format": "rgwidgets-exercises/1", "say": {}, "exercises": {}}


def page_rules(path: Path = RULES) -> dict[str, Any]:
    """The rules that the package ships; no exercises if it ships none."""
    if not path.is_file():
        return NONE
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def faults(syllabus: Syllabus, places: Places, known: dict[str, Any]) -> Iterator[Fault]:
    """Exercises that a written chapter promises to check, but that nobody can."""
    for chapter in syllabus.written:
        for id in chapter.exercises:
            if id not in known["exercises"]:
                message = f"exercise {id} has no rule in rgwidgets.exercises"
                yield Fault(places.syllabus, chapter.line, message)
