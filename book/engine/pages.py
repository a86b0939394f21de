"""Pages that follow from the syllabus: the contents, the tracks, the instructor's timetable."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from .syllabus import Chapter, Step, Syllabus, Track

#: Minutes in which a long track starts another day.
DAY = 360


def generated(syllabus: Syllabus) -> dict[str, str]:
    """{file name: MyST text} of every page that is made."""
    made = {"contents.md": contents(syllabus), "timetable.md": timetable(syllabus)}
    for track in syllabus.tracks:
        made[f"track-{track.id}.md"] = track_page(track)
    return made


def hours(minutes: int) -> str:
    """
    >>> hours(210), hours(45), hours(120)
    ('3 h 30 min', '45 min', '2 h')
    """
    whole, rest = divmod(minutes, 60)
    parts = [f"{whole} h"] * bool(whole) + [f"{rest} min"] * bool(rest)
    return " ".join(parts) or "0 min"


def _heading(chapter: Chapter) -> str:
    if chapter.written:
        return f"[{chapter.title}](chapters/{chapter.source.name})"
    return f"{chapter.title} {{planned}}`planned`"


def contents(syllabus: Syllabus) -> str:
    """Every chapter under its part, the planned ones marked."""
    lines = ["# Contents", ""]
    there = len(syllabus.written)
    count = f"{there} of {len(syllabus.chapters)} chapters" if there != 1 else "One chapter"
    verb = "are" if there != 1 else "is"
    lines += [f"{count} {verb} written; the others are marked as planned.", ""]
    for part, chapters in groupby(syllabus.chapters, key=lambda chapter: chapter.part):
        lines += [f"## {part}", ""]
        lines += [
            f"{chapter.number}. {_heading(chapter)} — {{dial}}`{chapter.dial}` *{chapter.predict}*"
            for chapter in chapters
        ]
        lines.append("")
    return "\n".join(lines)


def track_page(track: Track) -> str:
    """One way through the book, chapter by chapter."""
    planned = [chapter for chapter in track.chapters if not chapter.written]
    lines = [f"# {track.title}", "", f"{track.audience}: {hours(track.minutes)} in all.", ""]
    if planned:
        count = f"{len(planned)} of its {len(track.chapters)} chapters"
        lines += [f"{count} {'is' if len(planned) == 1 else 'are'} still planned.", ""]
    for chapter in track.chapters:
        lines += [f"## {chapter.number} · {chapter.title}", ""]
        lines += [f"{_heading(chapter)} — *{chapter.predict}*", ""]
        lines += [f"- {objective}" for objective in chapter.objectives]
        lines.append("")
    return "\n".join(lines)


def timetable(syllabus: Syllabus) -> str:
    """When what is taught, for each track."""
    lines = ["# Timetable", "", "For whoever teaches; times follow from the chapters.", ""]
    for track in syllabus.tracks:
        lines += [f"## {track.title}", "", f"{track.audience}.", ""]
        for day, steps in enumerate(_days(track), 1):
            title = f"Day {day}" if track.minutes > DAY else "The session"
            lines += [f"### {title}", "", "| from | minutes | what |", "|---|---|---|"]
            lines += [f"| {time} | {step.minutes} | {_named(step)} |" for time, step in steps]
            lines.append("")
    return "\n".join(lines)


def _named(step: Step) -> str:
    if step.chapter is None:
        return f"*{step.title}*"
    return f"{step.chapter.number} · {_heading(step.chapter)}"


def _days(track: Track) -> Iterator[list[tuple[str, Step]]]:
    """The steps with their times of day, cut where a day is full."""
    start = sum(int(n) * unit for n, unit in zip(track.start.split(":"), (60, 1), strict=True))
    day: list[tuple[str, Step]] = []
    gone = 0
    for step in track.steps:
        if day and gone + step.minutes > DAY:
            yield day
            day, gone = [], 0
        now = start + gone
        day.append((f"{now // 60:02}:{now % 60:02}", step))
        gone += step.minutes
    if day:
        yield day


def outline(syllabus: Syllabus, results: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What the plugin and the theme are told, as JSON: headers and navigation."""
    titles = {track.id: track.title for track in syllabus.tracks}
    return {
        "front": list(syllabus.front),
        "back": list(syllabus.back),
        "tracks": [
            {
                "id": track.id,
                "title": track.title,
                "short": track.short,
                "slug": f"track-{track.id}",
            }
            for track in syllabus.tracks
        ],
        "chapters": [
            {
                "number": chapter.number,
                "slug": chapter.slug,
                "title": chapter.title,
                "part": chapter.part,
                "written": chapter.written,
                "source": f"chapters/{chapter.source.name}",
                "dial": chapter.dial,
                "objectives": list(chapter.objectives),
                "needs": list(chapter.needs),
                "tracks": [{"id": id, "title": titles[id]} for id in chapter.tracks],
                "minutes": chapter.takes("read"),
                "cpu": results.get(chapter.slug, {}).get("seconds"),
                "gpu": chapter.seconds.get("gpu"),
            }
            for chapter in syllabus.chapters
        ],
    }
