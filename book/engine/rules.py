"""What every written chapter must have: its nine parts, in order, none of them hollow."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .chapter import PARTS, Part, Source
from .faults import Fault
from .syllabus import Chapter

#: part → directive → how many at least, and what it is for
NEEDED = {
    "predict": {"predict": (1, "a question before any dial is shown")},
    "turn-the-dial": {
        "code-cell": (1, "the lens"),
        "figure": (1, "the lens's caption and alternative text"),
        "moment": (3, "places to turn the dial to"),
    },
    "the-idea": {},
    "do-it-yourself": {"code-cell": (1, "the same in plain torch and with rgwidgets")},
    "exercises": {"exercise": (3, "two that are checked, one open")},
    "where-this-fails": {"moment": (1, "a dial position that shows the limit")},
    "bridge": {},
    "further-reading": {"tutor": (1, "the tutor's notes")},
}
_PROSE = 60  # characters below which a part says nothing
_CITE = re.compile(r"\{cite(:[pt])?\}`[^`]+`")
_OPTION = re.compile(r"^:(\w+):\s*(.*)$")


def faults(source: Source, chapter: Chapter) -> Iterator[Fault]:
    """Everything that a chapter lacks."""
    title, line = source.title
    if title != chapter.title:
        yield Fault(source.path, line, f"the title is {title!r}, but {chapter.title!r} in the list")
    yield from _order(source)
    for part in source.parts:
        if part.anchor in PARTS:
            yield from _hollow(source, part)
    yield from _details(source, chapter)
    yield from _figures(source)


def _order(source: Source) -> Iterator[Fault]:
    there = [part.anchor for part in source.parts]
    last = source.text.count("\n") + 1
    for anchor, titles in PARTS.items():
        if anchor not in there:
            yield Fault(source.path, last, f"the part {titles[0]!r} is missing")
        elif there.count(anchor) > 1:
            yield Fault(source.path, last, f"the part {titles[0]!r} is there twice")
    kept = [anchor for anchor in there if anchor in PARTS]
    wanted = [anchor for anchor in PARTS if anchor in kept]
    for part, anchor in zip((p for p in source.parts if p.anchor in PARTS), wanted, strict=False):
        if part.anchor != anchor:
            message = f"{part.title!r} comes where {PARTS[anchor][0]!r} belongs"
            yield Fault(source.path, part.line, message)
            return
    for part in source.parts:
        if part.anchor not in PARTS:
            message = f"{part.title!r} is none of the nine parts: use a heading of the third level"
            yield Fault(source.path, part.line, message)


def _hollow(source: Source, part: Part) -> Iterator[Fault]:
    for name, (least, why) in NEEDED[part.anchor].items():
        if part.count(name) < least:
            message = f"{part.title!r} needs {least} {{{name}}}: {why}"
            yield Fault(source.path, part.line, message)
    if len(part.text.strip()) < _PROSE:
        yield Fault(source.path, part.line, f"{part.title!r} says next to nothing")


def _details(source: Source, chapter: Chapter) -> Iterator[Fault]:
    idea, alone = source.part("the-idea"), source.part("do-it-yourself")
    if idea and not _CITE.search(idea.text):
        yield Fault(source.path, idea.line, "'The idea' cites nobody")
    if idea and "{term}`" not in idea.text:
        yield Fault(source.path, idea.line, "'The idea' uses no {term} of the glossary")
    if alone:
        after = [part.line for part in source.parts if part.line > alone.line]
        end = min(after, default=len(source.text))
        inside = [cell.code for cell in source.cells if alone.line < cell.line < end]
        if not any(re.search(r"^\s*assert\b|assert_close\(", code, re.M) for code in inside):
            yield Fault(source.path, alone.line, "'Do it yourself' asserts no equality")
    yield from _exercises(source, chapter)


def _exercises(source: Source, chapter: Chapter) -> Iterator[Fault]:
    part = source.part("exercises")
    if part is None:
        return
    labels = _labels(source, part, "exercise")
    solved = {arg for name, arg, _ in part.directives if name == "solution"}
    for label, line in labels.items():
        if not re.fullmatch(rf"exercise-{chapter.number}\.\d+", label):
            message = f"this exercise is labelled {label!r}, not exercise-{chapter.number}.n"
            yield Fault(source.path, line, message)
        elif label not in solved:
            yield Fault(source.path, line, f"{label} has no {{solution}} {label}")
    for label in solved - set(labels):
        yield Fault(source.path, part.line, f"a solution of {label!r}, which is not asked")
    for id in chapter.exercises:
        if f"exercise-{id}" not in labels:
            yield Fault(source.path, part.line, f"exercise {id} of chapters.yml is not asked here")


def _labels(source: Source, part: Part, name: str) -> dict[str, int]:
    """Label → line of each directive of this name."""
    return {
        _options(source, line).get("label", ""): line
        for found, _, line in part.directives
        if found == name
    }


def _options(source: Source, line: int) -> dict[str, str]:
    """The options below the first line of a directive."""
    options = {}
    for text in source.text.splitlines()[line:]:
        match = _OPTION.match(text.strip())
        if not match:
            break
        options[match[1]] = match[2]
    return options


def _figures(source: Source) -> Iterator[Fault]:
    """Each figure has words for those who do not see it, and a caption for those who do."""
    lines = source.text.splitlines()
    for part in source.parts:
        for name, _, line in part.directives:
            if name not in ("figure", "image"):
                continue
            options = _options(source, line)
            if not options.get("alt"):
                yield Fault(source.path, line, f"this {name} has no :alt: text")
            caption = "".join(lines[line + len(options) : line + len(options) + 1]).strip()
            if name == "figure" and (not caption or caption.startswith((":::", "```"))):
                yield Fault(source.path, line, "this figure has no caption")
