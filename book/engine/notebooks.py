"""Notebooks to download, made from the chapters as `rgwidgets lab` makes a reader's copies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from rgwidgets._version import __version__
from rgwidgets.notebooks.chapters import to_bytes, to_notebook

from .places import Places
from .stage import result
from .syllabus import Syllabus


def package(places: Places) -> str:
    """What the first cell of a notebook gives to pip: myst.yml's words, at this version."""
    settings = yaml.safe_load((places.book / "myst.yml").read_text("utf-8"))
    given: str = settings["site"]["options"].get("install", "")
    return given.replace("{version}", __version__)


def write(folder: Path, syllabus: Syllabus, places: Places, results: Mapping[str, Path]) -> None:
    """Write a notebook for each chapter into `folder`."""
    install = package(places)
    folder.mkdir(parents=True, exist_ok=True)
    for chapter in syllabus.written:
        text = chapter.source.read_text("utf-8")
        values = result(results[chapter.slug])["expressions"]
        (folder / f"{chapter.source.stem}.ipynb").write_bytes(
            to_bytes(to_notebook(text, install=install, values=values))
        )
