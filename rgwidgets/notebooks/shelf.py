"""`python -m rgwidgets.notebooks.shelf FOLDER`: the book as the JSON that the extension carries.

An index that can be searched, and a notebook for each chapter that is written. Wants jupytext and
PyYAML and nothing else, so that a build without torch can run it.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from . import chapters

INDEX = "index.generated.json"
NOTEBOOK = "notebook-{}.generated.json"

_FENCE = re.compile(r"^(`{3,}|~{3,}).*?^\1\s*$", re.M | re.S)
_HEADING = re.compile(r"^#{2,6} +(.+?)\s*$", re.M)
_TERM = re.compile(r"\{term\}`(?:[^`<]*<([^>`]+)>|([^`<]+))`")
_EXERCISE = re.compile(r"^:::+\{exercise\} *(.+?)\s*$", re.M)
_PREDICT = re.compile(r"^(:::+)\{predict\}[^\n]*\n(.*?)^\1\s*$", re.M | re.S)
_UNIT = re.compile(r"^:unit: *(.+?)\s*$", re.M)
_OPTIONS = re.compile(r"\A(?::\w+:.*\n)*")
_CHOICE = re.compile(r"^- +(.+?)\s*$", re.M)
#: sections that every chapter has, and that therefore find none
_EVERYWHERE = {
    "predict", "turn the dial", "the idea", "do it yourself", "exercises", "where this fails",
    "for interpretability", "further reading",
}  # fmt: skip


def index(home: Path) -> dict[str, Any]:
    """What the panel shows and searches: tracks, parts, and an entry for every chapter."""
    import yaml

    outline = yaml.safe_load((home / "chapters.yml").read_text("utf-8"))
    return {
        "title": "A dial on renormalisation",
        "tracks": [
            {
                "id": track["id"],
                "title": track["title"],
                "audience": track["audience"],
                # A track with a plan of its own is taught, the others are read.
                "pace": "workshop" if track.get("plan") else "read",
            }
            for track in outline["tracks"]
        ],
        "parts": [part["title"] for part in outline["parts"]],
        "chapters": [
            _entry(home, part["title"], given)
            for part in outline["parts"]
            for given in part["chapters"]
        ],
    }


def _entry(home: Path, part: str, given: dict[str, Any]) -> dict[str, Any]:
    source = home / "chapters" / f"{given['number']:02}-{given['slug']}.md"
    text = source.read_text("utf-8") if source.is_file() else ""
    minutes = given.get("minutes") or {}
    return {
        "number": given["number"],
        "slug": given["slug"],
        "title": given["title"],
        "part": part,
        "written": bool(text),
        "tracks": given["tracks"],
        "minutes": {how: minutes.get(how) for how in ("read", "workshop")},
        "dial": given["dial"],
        "predict": given["predict"],
        "objectives": given.get("objectives") or [],
        "needs": given.get("needs") or [],
        "exercises": given.get("exercises") or [],
        "question": question(text),
        "concepts": concepts(text),
        "headings": headings(text),
    }


def question(text: str) -> dict[str, Any] | None:
    """What a chapter asks before its dial is turned: words, and choices or the unit of a number.

    >>> question(":::{predict} a\\n:unit: steps\\nHow many?\\n:::")
    {'text': 'How many?', 'choices': [], 'unit': 'steps'}
    """
    found = _PREDICT.search(text)
    if found is None:
        return None
    body = found[2]
    unit = _UNIT.search(body)
    words = chapters.plain(_CHOICE.sub("", _OPTIONS.sub("", body)))
    return {
        "text": " ".join(words.split()),
        "choices": [chapters.plain(choice) for choice in _CHOICE.findall(body)],
        "unit": unit[1] if unit else "",
    }


def concepts(text: str) -> list[str]:
    """The terms of the glossary that a chapter uses, as the glossary writes them.

    >>> concepts("{term}`the cut <Cutoff>` and a {term}`fixed point`, {term}`Cutoff`")
    ['Cutoff', 'Fixed point']
    """
    return _once((named or plain).strip() for named, plain in _TERM.findall(text))


def headings(text: str) -> list[str]:
    """The headings and exercises of a chapter, less those that all chapters have."""
    prose = _FENCE.sub("", text)
    found = [*_HEADING.findall(prose), *_EXERCISE.findall(prose)]
    kept = _once(chapters.plain(words) for words in found)
    return [words for words in kept if words.casefold() not in _EVERYWHERE]


def _once(words: Iterable[str]) -> list[str]:
    """Each word the first time, with a capital."""
    return list(dict.fromkeys(word[:1].upper() + word[1:] for word in words))


def write(home: Path, folder: Path) -> list[str]:
    """Write the book of `home` into `folder` and return the names; what is old there goes."""
    made = {INDEX: _compact(index(home))}
    for source in sorted((home / "chapters").glob("[0-9][0-9]-*.md")):
        name = NOTEBOOK.format(source.stem.split("-", 1)[1])
        made[name] = _compact(json.loads(chapters.copy(source)))
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.generated.json"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (folder / name).write_text(text, "utf-8")
    return list(made)


def _compact(found: dict[str, Any]) -> str:
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")) + "\n"


def main(words: list[str]) -> int:
    """Write the clone's book; say what is missing where it cannot."""
    lacking = [name for name, module in _WANTED.items() if find_spec(module) is None]
    if lacking:
        print(f"{' and '.join(lacking)} missing: pip install {' '.join(lacking)}", file=sys.stderr)
        return 3
    home = Path(__file__).parents[2] / "book"
    if len(words) != 1 or not (home / "chapters.yml").is_file():
        print("usage, in a clone: python -m rgwidgets.notebooks.shelf FOLDER", file=sys.stderr)
        return 2
    write(home, Path(words[0]))
    return 0


_WANTED = {"jupytext": "jupytext", "pyyaml": "yaml"}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
