"""What stands before and after the chapters agrees with what it is about."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from book.engine import syllabus
from book.engine.places import Places

PLACES = Places()
_STEP = re.compile(r"(\d\d):(\d\d) (.+?) \((\d+) minutes\)\n(.*)", re.S)
#: Appendix C of arXiv:2602.05184, its double entries taken apart
APPENDIX_C = (
    "coarse-graining", "correlation length", "critical exponent", "scaling dimension",
    "critical point", "effective field theory", "effective theory", "fixed point",
    "hierarchical conditional independence", "infrared", "ultraviolet", "locality", "observable",
    "phase transition", "relevant", "irrelevant", "marginal", "renormalisation", "RG flow",
    "scaling law", "separation of scales", "theory space", "coupling space", "universality",
    "universality class", "causal mechanistic decomposition", "circuit", "critical-like regime",
    "effective feature", "effective degree of freedom", "explicit renormalisation", "feature",
    "implicit renormalisation", "mechanistic interpretability", "representation",
    "safety guarantee", "bound", "sparse autoencoder feature", "susceptibility",
    "universality-like behaviour",
)  # fmt: skip


def text(name: str) -> str:
    return (PLACES.book / name).read_text("utf-8")


def terms() -> list[str]:
    return re.findall(r"^(.+)\n: ", text("glossary.md"), re.M)


@pytest.mark.parametrize("term", APPENDIX_C)
def test_the_glossary_has_every_term_of_the_paper(term: str) -> None:
    assert term.lower() in {found.lower() for found in terms()}


def test_the_glossary_is_in_order_and_says_nothing_twice() -> None:
    found = [term.lower() for term in terms()]
    assert found == sorted(set(found))


def test_definitions_hold_no_references() -> None:
    """They appear on other pages, where the target of a reference is not."""
    body = text("glossary.md").split(":::{glossary}")[1]
    assert not re.search(r"\{\w+(:\w+)?\}`|\]\(", body)


def test_every_key_of_the_bibliography_is_there_once_and_carries_its_year() -> None:
    entries = re.findall(r"^@\w+\{(\w+),(.*?)^\}", text("references.bib"), re.M | re.S)
    assert max(Counter(key for key, _ in entries).values()) == 1
    for key, body in entries:
        assert re.fullmatch(r"[a-z]+(1[89]|20)\d\d[a-z]?", key), key
        assert all(f"  {field} = {{" in body for field in ("author", "title", "year")), key


@pytest.mark.parametrize("track", ["two-days", "fellowship"])
def test_the_guide_shows_the_chapters_of_a_track_as_the_syllabus_has_them(track: str) -> None:
    outline = syllabus.load(PLACES)
    title = next(t.title for t in outline.tracks if t.id == track)
    part = text("instructors.md").split(f"## {title}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \|", part, re.M)
    wanted = [(str(c.number), c.title, c.predict) for c in outline.chapters if track in c.tracks]
    assert rows == wanted


def test_the_guide_follows_the_half_day_minute_by_minute() -> None:
    """Its headings give the times of the plan, and each table fills its step."""
    (track,) = [t for t in syllabus.load(PLACES).tracks if t.id == "half-day"]
    part = text("instructors.md").split("## Half a day, minute by minute\n")[1].split("\n## ")[0]
    steps = [_STEP.fullmatch(step) for step in part.split("\n### ")[1:]]
    hour, minute = map(int, track.start.split(":"))
    clock = 60 * hour + minute
    assert len(steps) == len(track.steps)
    for found, step in zip(steps, track.steps, strict=True):
        assert found is not None
        hours, minutes, title, length, body = found.groups()
        assert (60 * int(hours) + int(minutes), int(length)) == (clock, step.minutes), title
        if step.chapter:
            assert title.startswith(f"Chapter {step.chapter.number}, ")
            spans = [(int(a), int(b)) for a, b in re.findall(r"^\| (\d+)–(\d+) \|", body, re.M)]
            ends = [0, *(end for _, end in spans)]
            assert [start for start, _ in spans] == ends[:-1], title
            assert ends[-1] == step.minutes, title
        clock += step.minutes


def test_the_notation_names_chapters_of_the_syllabus() -> None:
    numbers = {chapter.number for chapter in syllabus.load(PLACES).chapters}
    found = [int(n) for n in re.findall(r"\| (\d+) \|$", text("notation.md"), re.M)]
    assert found == sorted(found)
    assert set(found) <= numbers
