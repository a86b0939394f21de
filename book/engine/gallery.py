"""The gallery: a page of everything that the catalogue finds, each with an example that runs."""

from __future__ import annotations

import ast
import doctest
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from itertools import groupby
from pathlib import Path
from types import ModuleType
from typing import Any

from .chapter import Source
from .faults import ROOT
from .places import Places
from .syllabus import Chapter, Syllabus

PACKAGE = ROOT / "rgwidgets"
#: kind of the catalogue → heading, and what to do with one
KINDS = {
    "system": ("Systems", "What is coarse-grained. `system.theory()` goes into a flow."),
    "scheme": ("Schemes", "How. `rg.Flow(theory, scheme)` is what a lens shows."),
    "toy": ("Toy models", "Systems whose levels are known, to test a tool on."),
    "lab": ("Labs", "A system, a scheme and a lens, put together: one line in a notebook."),
}
_DIRECTIVE = re.compile(r"[ \t]*#\s*doctest:.*$", re.M)
_MARKS = re.compile(r"([\\`*_{}\[\]<>$|~#])")

Card = Mapping[str, str]


def cards(places: Places, package: Path = PACKAGE) -> list[dict[str, str]]:
    """Every entry of the catalogue with its example; read again only if `package` has changed."""
    kept, now = places.cache / "gallery.json", _digest(package)
    if kept.is_file():
        found: dict[str, Any] = json.loads(kept.read_text("utf-8"))
        if found["package"] == now:
            return list(found["cards"])
    from rgwidgets.core.catalogue import entries  # loads torch

    made = [{**entry.to_dict(), "example": example(entry.load())} for entry in entries()]
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps({"package": now, "cards": made}, ensure_ascii=False), "utf-8")
    return made


def _digest(package: Path) -> str:
    total = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted(package.rglob("*.py")):
        total.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return total.hexdigest()


def page(shown: Iterable[Card], syllabus: Syllabus) -> str:
    """The gallery as MyST text: by kind, each entry with its source and the chapters it is in."""
    used = [
        (c, "\n".join(cell.code for cell in Source.read(c.source).cells)) for c in syllabus.written
    ]
    lines = [
        "# Gallery",
        "",
        "Everything that the package can coarse-grain, and every way in which it can. The page is "
        "made from the catalogue, as `rgwidgets list` is: whatever is added there appears here. "
        "The examples are those of the documentation, and they are run by the tests.",
        "",
    ]
    order = list(KINDS)
    for kind, group in groupby(
        sorted(shown, key=lambda card: (order.index(card["kind"]), card["name"])),
        key=lambda card: card["kind"],
    ):
        title, what = KINDS[kind]
        lines += [f"## {title}", "", what, ""]
        for card in group:
            lines += _entry(card, [chapter for chapter, code in used if _names(code, card)])
    return "\n".join(lines)


def _entry(card: Card, chapters: list[Chapter]) -> Iterator[str]:
    yield from (f"### {card['qualname']}", "")
    summary = _plain(card["summary"])
    if summary[1:2].isalpha() or summary.startswith("a "):  # "b × b" keeps its b
        summary = summary[0].upper() + summary[1:]
    stop = "" if summary.endswith("…") else "."
    yield from (f"{summary}{stop} Source: {_plain(card['citation'])}.", "")
    if chapters:
        links = (f"[{c.number} · {c.title}](chapters/{c.source.name})" for c in chapters)
        yield from (f"In the book: {', '.join(links)}.", "")
    if card["example"]:
        yield from ("```python", card["example"], "```", "")


def _code(chapter: Chapter) -> str:
    return "\n".join(cell.code for cell in Source.read(chapter.source).cells)


def _names(code: str, card: Card) -> bool:
    return re.search(rf"\b{card['qualname']}\b", code) is not None


def _plain(words: str) -> str:
    """Words in which no character means anything to MyST.

    >>> print(_plain("b × b, by_majority [1]"))
    b × b, by\\_majority \\[1\\]
    """
    return _MARKS.sub(r"\\\1", words.rstrip("."))


def example(thing: type) -> str:
    """The first example of a class's documentation, with its imports; "" without one.

    What it shows is left out: some of it is the answer to an exercise.
    """
    found = doctest.DocTestParser().get_examples(thing.__doc__ or "")
    code = [_DIRECTIVE.sub("", each.source).rstrip() for each in found]
    if not code:
        return ""
    needed = sorted(_imports("\n".join(code), thing), key=lambda line: (line[0] != "i", line))
    return "\n".join([*needed, *([""] if needed else []), *code])


def _imports(code: str, thing: type) -> set[str]:
    """What the example takes from the module that it is written in, as import statements."""
    tree = ast.parse(code)
    module = import_module(thing.__module__)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    own = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    made = set()
    for name in names - own:
        value = getattr(module, name, None)
        if isinstance(value, ModuleType):
            made.add(f"import {value.__name__}" + f" as {name}" * (value.__name__ != name))
        elif value is not None and getattr(value, "__module__", "").startswith("rgwidgets"):
            made.add(f"from {value.__module__} import {name}")
    return made
