"""What the site engine is given: sources, results and outline, each where it looks for it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from . import gallery
from .exercises import page_rules
from .faults import BookError, Fault
from .pages import generated, outline
from .places import BUNDLE, PLUGINS, STILLS, THEME, Places
from .syllabus import Syllabus

_SIZE = re.compile(rb'^<svg [^>]*?width="([\d.]+)" height="([\d.]+)"')


def prepare(places: Places, syllabus: Syllabus, results: Mapping[str, Path]) -> str:
    """Fill the stage; return a digest of all that the site is made from.

    `results` maps each written chapter's slug to the folder of its result.
    """
    shutil.rmtree(places.stage, ignore_errors=True)
    (places.stage / "chapters").mkdir(parents=True)
    for chapter in syllabus.written:
        shutil.copy(chapter.source, places.stage / "chapters")
    for name in [*syllabus.front, *syllabus.back]:
        _copy_page(places, name)
    shutil.copy(places.book / "references.bib", places.stage)
    if (places.book / "images").is_dir():
        shutil.copytree(places.book / "images", places.stage / "images")
    pages = generated(syllabus) | {"gallery.md": gallery.page(gallery.cards(places), syllabus)}
    for name, text in pages.items():
        (places.stage / name).write_text(text, "utf-8")
    told = {slug: _sized(result(folder), folder) for slug, folder in results.items()}
    _json(places.stage / "outline.json", outline(syllabus, told))
    _json(places.stage / "exercises.json", page_rules())
    for slug, given in told.items():
        _json(places.stage / "results" / f"{slug}.json", given)
    settings = _settings(places, syllabus)
    (places.stage / "myst.yml").write_text(yaml.safe_dump(settings, sort_keys=False), "utf-8")
    return _digest(places, results)


def _copy_page(places: Places, name: str) -> None:
    source = places.book / f"{name}.md"
    if not source.is_file():
        message = f"the page {name!r} of {places.syllabus.name} is not there"
        raise BookError([Fault(places.syllabus, 1, message)])
    shutil.copy(source, places.stage)


def result(folder: Path) -> dict[str, Any]:
    """What executing a chapter has given."""
    found: dict[str, Any] = json.loads((folder / "result.json").read_text("utf-8"))
    return found


def _sized(told: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Say of each drawing how large it is: its place is kept in the page until it has come."""
    for output in (output for cell in told["cells"] for output in cell["outputs"]):
        name = f"{output['record']}/still.svg" if output["kind"] == "lens" else output.get("file")
        picture = folder / name if name else None
        if picture is not None and (size := _SIZE.match(picture.read_bytes()[:500])):
            output["size"] = [float(side) for side in size.groups()]
    return told


def _json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1), "utf-8")


def _settings(places: Places, syllabus: Syllabus) -> dict[str, Any]:
    """The book's myst.yml with what follows from the syllabus."""
    settings: dict[str, Any] = yaml.safe_load((places.book / "myst.yml").read_text("utf-8"))
    tracks = [f"track-{track.id}" for track in syllabus.tracks]
    first, *front = syllabus.front
    settings["project"]["toc"] = [
        {"file": f"{first}.md"},
        {"file": "contents.md"},
        *({"file": f"{name}.md"} for name in front),
        *({"file": f"chapters/{chapter.source.name}"} for chapter in syllabus.written),
        *({"file": f"{name}.md"} for name in [*tracks, "timetable", "gallery", *syllabus.back]),
    ]
    settings["project"]["plugins"] = [os.path.relpath(PLUGINS / "book.mjs", places.stage)]
    settings["site"]["template"] = os.path.relpath(THEME, places.stage)
    return settings


def _digest(places: Places, results: Mapping[str, Path]) -> str:
    """SHA-256 of the stage, of all code that makes the site, and of which results are shown."""
    total = hashlib.sha256(" ".join(map(str, results.values())).encode())
    for root in (places.stage, THEME, PLUGINS, Path(__file__).parent):
        for path in sorted(root.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                total.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    for path in (*sorted(BUNDLE.glob("*.js")), STILLS):
        total.update(path.read_bytes())
    return total.hexdigest()
