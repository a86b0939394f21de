"""The site: run the engine, refuse whatever it warns of, put the finished pages in place."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from .faults import ROOT, BookError, Fault
from .places import BUNDLE, LIBRARIES, STILLS, Places

_SAID = re.compile(r"^(?:⚠️|⛔️|🚨|❗️)\s*(.+?\.(?:md|bib|yml|json))(?::(\d+))?(?::\d+)?:?\s+(.*)$")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
DRAWN = "stills.done"
_SIGNS = ("⚠️", "⛔️", "🚨", "❗️")


def stills(folders: Mapping[str, Path]) -> None:
    """A still frame beside each record, and a picture beside each chart, by today's code."""
    if not STILLS.is_file():
        raise BookError([Fault(STILLS, 1, "the drawing code is not built: run `make build`")])
    drawn_by = hashlib.sha256(STILLS.read_bytes()).hexdigest()
    due = [folder for folder in folders.values() if _drawn_by(folder) != drawn_by]
    if not due:
        return
    done = subprocess.run(
        [_node(), str(STILLS), *map(str, due)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BookError([Fault(due[0], 1, f"no still frame: {done.stderr.strip()[-500:]}")])
    for folder in due:
        (folder / DRAWN).write_text(drawn_by)


def _drawn_by(folder: Path) -> str:
    done = folder / DRAWN
    return done.read_text() if done.is_file() else ""


def _node() -> str:
    """The environment's own Node if it has one, else the system's."""
    beside = Path(sys.executable).parent / "node"
    found = str(beside) if beside.is_file() else shutil.which("node")
    if found is None:
        raise BookError([Fault(ROOT / "Makefile", 1, "there is no Node: run `make book`")])
    return found


def render(places: Places, results: Mapping[str, Path]) -> Path:
    """Render every page; the folder of the site, not yet in its place. Raises `BookError`."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {
        **{k: v for k, v in os.environ.items() if k not in ("BASE_URL", "HOST")},
        "PATH": path,
        "BOOK_STAGE": str(places.stage),
        "BOOK_LIBRARIES": str(LIBRARIES),
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "jupyter_book", "build", "--html", "--strict"],
        cwd=places.stage,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    said = _COLOUR.sub("", done.stdout + done.stderr)
    faults = list(_faults(said, places))
    if done.returncode and not faults:
        tail = " · ".join(line.strip() for line in said.splitlines() if line.strip())[-1200:]
        faults = [Fault(places.book / "myst.yml", 1, f"the site engine failed: {tail}")]
    if faults:
        raise BookError(faults)
    made = places.stage / "_build" / "html"
    _furnish(made, places, results)
    return made


def _faults(said: str, places: Places) -> list[Fault]:
    """The warnings of the site engine, at the places in the sources that they are about."""
    found = set()
    for line in said.splitlines():
        line = line.strip()
        if match := _SAID.match(line):
            name, at, message = match.groups()
            source = places.book / name
            file = source if source.is_file() else places.syllabus
            found.add(Fault(file, int(at) if at else _line(file, message), message))
        elif line.startswith(_SIGNS):
            found.add(Fault(places.book / "myst.yml", 1, line))
    return sorted(found)


def _line(file: Path, message: str) -> int:
    """Where a file says what a warning without a line speaks of; 1 if that cannot be told."""
    words = re.findall(r"[\w.:/#-]{3,}", message)
    lines = [re.sub(r"[\s_]+", "-", line.lower()) for line in file.read_text("utf-8").splitlines()]
    for word in reversed(words):
        plain = word.lower().removeprefix("term-").strip(".:")
        for at, line in enumerate(lines, 1):
            if plain in line and plain not in ("found", "not"):
                return at
    return 1


def _furnish(made: Path, places: Places, results: Mapping[str, Path]) -> None:
    """Beside the pages: the drawing code, the records, the rules of the exercises."""
    for name in ("lens.js", "charts.js"):
        (made / "rgwidgets").mkdir(exist_ok=True)
        shutil.copy(BUNDLE / name, made / "rgwidgets")
    for slug, folder in results.items():
        target = made / "records" / slug
        shutil.copytree(folder, target, ignore=shutil.ignore_patterns("*.done", "*.vl.json"))
        (target / "result.json").unlink()
    shutil.copy(places.stage / "exercises.json", made)


def install(made: Path, target: Path) -> None:
    """The finished site takes the place of the old one in one move."""
    old = target.with_name(".html.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.rename(target, old)
    os.rename(made, target)
    shutil.rmtree(old, ignore_errors=True)
