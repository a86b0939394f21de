"""open JupyterLab on your own copies of the notebooks; words after -- go to JupyterLab."""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib import resources
from pathlib import Path

from ..core.errors import ParameterError, RGError, StorageError
from ..core.files import write_whole
from ..notebooks import chapters
from .output import to_json

FOLDER = "rgwidgets-notebooks"
STARTER = "start.ipynb"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--dir",
        type=Path,
        default=Path(FOLDER),
        metavar="FOLDER",
        help=f"working folder for the notebooks (default: ./{FOLDER})",
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    parser.add_argument("--port", type=int, help="port to listen on (default: JupyterLab's)")
    parser.add_argument(
        "--prepare", action="store_true", help="only write the notebooks, start nothing"
    )
    parser.add_argument(
        "--json", action="store_true", help="with --prepare: print what was done as JSON"
    )


def run(options: argparse.Namespace) -> int:
    """Put the notebooks into the folder, then become JupyterLab."""
    if options.port is not None and not 0 < options.port < 65536:
        raise ParameterError("--port", given=options.port, allowed="1 to 65535")
    command = jupyter_command(
        port=options.port, browser=not options.no_browser, passed_on=options.passed_on
    )
    written = prepare(options.dir)
    if options.prepare:
        folder = str(options.dir.resolve())
        if options.json:
            print(to_json({"folder": folder, "notebooks": written, "command": command}))
        else:
            print("\n".join(f"{state}: {folder}/{name}" for name, state in written.items()))
        return 0
    return _become(command, options.dir)


def prepare(folder: Path) -> dict[str, str]:
    """Copy the notebooks and the book's chapters into `folder`; return {name: "written" or "kept"}.

    A notebook that is there already is the user's and stays as it is. Raises `StorageError`.
    """
    if folder.exists() and not folder.is_dir():
        raise StorageError(
            f"folder {folder}", given="a file", allowed="a folder", mend="choose another --dir"
        )
    states = {}
    for name, content in _notebooks():
        target = folder / name
        states[name] = "kept" if target.exists() else "written"
        if not target.exists():
            write_whole(target, content())
    return dict(sorted(states.items()))


def _notebooks() -> Iterator[tuple[str, Callable[[], bytes]]]:
    """(name, what it holds) of the starter notebooks, the chapters, and their index."""
    for source in (resources.files("rgwidgets") / "notebooks").iterdir():
        if source.name.endswith(".ipynb"):
            yield source.name, source.read_bytes
    for chapter in chapters.sources():
        yield f"{chapter.stem}.ipynb", partial(chapters.copy, chapter)
    home = chapters.home()
    if home is not None:
        yield chapters.INDEX, lambda: chapters.to_bytes(chapters.index(home))


def jupyter_command(*, port: int | None, browser: bool, passed_on: list[str]) -> list[str]:
    """The command that starts JupyterLab; raises `RGError` where it is not installed."""
    if importlib.util.find_spec("jupyterlab") is None:
        raise RGError(
            "JupyterLab", given="not installed", mend='run `pip install "rgwidgets[lab]"`'
        )
    command = [sys.executable, "-m", "jupyterlab", STARTER]
    if not browser:
        command.append("--no-browser")
    if port is not None:
        command.append(f"--port={port}")
    if _is_root() and "--allow-root" not in passed_on:
        command.append("--allow-root")
    return [*command, *passed_on]


def _is_root() -> bool:
    """Containers run as root, where JupyterLab starts only if told that this is meant."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _become(command: list[str], folder: Path) -> int:
    print(f"rgwidgets lab: {folder.resolve()} (Ctrl-C twice to stop)", file=sys.stderr, flush=True)
    if os.name == "nt":  # exec would detach from the console there
        return subprocess.call(command, cwd=folder)
    os.chdir(folder)
    os.execv(command[0], command)
