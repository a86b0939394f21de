"""`chapters.yml` as data, checked: what the book knows of each chapter and each track."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .faults import BookError, Fault, refuse
from .places import Places

#: minutes of a chapter whose own are not known yet
USUAL = {"read": 40, "workshop": 35}
_CHAPTER = {
    "number", "slug", "title", "tracks", "dial", "predict", "objectives", "needs", "minutes",
    "seconds", "exercises",
}  # fmt: skip
_WRITTEN = ("objectives", "needs", "minutes", "seconds", "exercises")


@dataclass(frozen=True)
class Chapter:
    """One chapter, written or planned."""

    number: int
    slug: str
    title: str
    tracks: tuple[str, ...]
    dial: str
    predict: str
    part: str
    line: int
    source: Path
    objectives: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    minutes: Mapping[str, int] = field(default_factory=dict)
    seconds: Mapping[str, float | None] = field(default_factory=dict)
    exercises: tuple[str, ...] = ()

    @property
    def written(self) -> bool:
        """Whether its source is there."""
        return self.source.is_file()

    def takes(self, how: str) -> int:
        """Minutes to `read` it, or for it in a `workshop`."""
        return self.minutes.get(how, USUAL[how])


@dataclass(frozen=True)
class Step:
    """One line of a timetable: a chapter, or a break with a name."""

    minutes: int
    chapter: Chapter | None = None
    title: str = ""


@dataclass(frozen=True)
class Track:
    """One way through the book."""

    id: str
    title: str
    short: str
    audience: str
    start: str
    steps: tuple[Step, ...]

    @property
    def chapters(self) -> tuple[Chapter, ...]:
        """Its chapters, in order."""
        return tuple(step.chapter for step in self.steps if step.chapter)

    @property
    def minutes(self) -> int:
        """How long it takes, breaks included."""
        return sum(step.minutes for step in self.steps)


@dataclass(frozen=True)
class Syllabus:
    """The whole book in outline."""

    chapters: tuple[Chapter, ...]
    tracks: tuple[Track, ...]
    front: tuple[str, ...]
    back: tuple[str, ...]

    @property
    def written(self) -> tuple[Chapter, ...]:
        """Chapters whose source is there."""
        return tuple(chapter for chapter in self.chapters if chapter.written)


def load(places: Places) -> Syllabus:
    """Read and check the syllabus; raises `BookError` with every fault in it."""
    path = places.syllabus
    try:
        text = path.read_text(encoding="utf-8")
        raw: dict[str, Any] = yaml.safe_load(text)
    except (OSError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        raise BookError([Fault(path, mark.line + 1 if mark else 1, str(error))]) from error
    lines = _lines(text)
    refuse(_faults(raw, path, lines))
    chapters = tuple(_chapters(raw, lines, places))
    refuse(_strays(chapters, places))
    tracks = tuple(_track(given, chapters) for given in raw["tracks"])
    return Syllabus(chapters, tracks, tuple(raw["front"]), tuple(raw["back"]))


def _lines(text: str) -> dict[int, int]:
    """Chapter number → the line that it starts at."""
    found = {}
    for at, line in enumerate(text.splitlines(), 1):
        if match := re.match(r"\s*- number:\s*(\d+)", line):
            found[int(match[1])] = at
    return found


def _entries(raw: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for part in raw["parts"]:
        for given in part["chapters"]:
            yield part["title"], given


def _chapters(raw: dict[str, Any], lines: dict[int, int], places: Places) -> Iterator[Chapter]:
    for part, given in _entries(raw):
        yield Chapter(
            number=given["number"],
            slug=given["slug"],
            title=given["title"],
            tracks=tuple(given["tracks"]),
            dial=given["dial"],
            predict=given["predict"],
            part=part,
            line=lines[given["number"]],
            source=places.chapters / f"{given['number']:02}-{given['slug']}.md",
            objectives=tuple(given.get("objectives") or ()),
            needs=tuple(given.get("needs") or ()),
            minutes=given.get("minutes") or {},
            seconds=given.get("seconds") or {},
            exercises=tuple(given.get("exercises") or ()),
        )


def _faults(raw: dict[str, Any], path: Path, lines: dict[int, int]) -> Iterator[Fault]:
    for key in ("front", "back", "tracks", "parts"):
        if not isinstance(raw.get(key), list):
            raise BookError([Fault(path, 1, f"there must be a list {key!r}")])
    known = {track["id"] for track in raw["tracks"]}
    seen: set[object] = set()
    for _, given in _entries(raw):
        line = lines.get(given.get("number", -1), 1)
        for key in ("number", "slug", "title", "tracks", "dial", "predict"):
            if not given.get(key):
                yield Fault(path, line, f"chapter {given.get('number', '?')} has no {key}")
        for key in set(given) - _CHAPTER:
            yield Fault(path, line, f"{key!r} is not one of {', '.join(sorted(_CHAPTER))}")
        for track in set(given.get("tracks") or ()) - known:
            yield Fault(path, line, f"track {track!r} is not one of {', '.join(sorted(known))}")
        if any(not isinstance(id, str) for id in given.get("exercises") or ()):
            yield Fault(path, line, 'exercises are texts: "3.10" is not 3.1')
        for name in (given.get("number"), given.get("slug")):
            if name in seen:
                yield Fault(path, line, f"{name!r} is there twice")
            seen.add(name)


def _strays(chapters: Sequence[Chapter], places: Places) -> Iterator[Fault]:
    """Written chapters that lack what a header shows, and files that no entry names."""
    for chapter in chapters:
        if chapter.written:
            for key in _WRITTEN:
                if key != "exercises" and not getattr(chapter, key):
                    message = f"chapter {chapter.number} is written but has no {key}"
                    yield Fault(places.syllabus, chapter.line, message)
            for key in ("read", "workshop"):
                if key not in chapter.minutes:
                    message = f"chapter {chapter.number} has no minutes to {key}"
                    yield Fault(places.syllabus, chapter.line, message)
    named = {chapter.source for chapter in chapters}
    for source in sorted(places.chapters.glob("*.md")):
        if source not in named:
            yield Fault(source, 1, f"no chapter of {places.syllabus.name} has this number and slug")


def _track(given: dict[str, Any], chapters: Sequence[Chapter]) -> Track:
    by_number = {chapter.number: chapter for chapter in chapters}
    mine = [c for c in chapters if given["id"] in c.tracks]
    plan = given.get("plan") or [{"chapter": chapter.number} for chapter in mine]
    how = "workshop" if given.get("plan") else "read"
    steps = []
    for item in plan:
        if "chapter" in item:
            chapter = by_number[item["chapter"]]
            steps.append(Step(item.get("minutes", chapter.takes(how)), chapter))
        else:
            steps.append(Step(item["minutes"], title=item["break"]))
    keys = ("id", "title", "short", "audience", "start")
    return Track(**{key: str(given[key]) for key in keys}, steps=tuple(steps))
