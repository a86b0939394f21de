"""Chapters are executed once, each in a kernel of its own, and remembered by what they say."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
import uuid
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from . import outputs
from .chapter import Source
from .faults import ROOT, BookError, Fault, refuse

#: Seconds after which a cell is given up.
PATIENCE = 600
#: What else changes the result of a chapter.
_VERSIONS = ("torch", "numpy", "numba", "altair", "scikit-learn")
_KEPT = 2  # results of one chapter that stay in the cache
_SETUP = """
import torch; torch.set_num_threads(1); del torch
from rgwidgets.widgets.pages import collect as _collect
import pathlib as _pathlib
_collect(_pathlib.Path({folder!r}))
del _collect, _pathlib
"""
_MODULES = f"""
import json as _json, pathlib as _pathlib, sys as _sys
_mine = [m for n, m in list(_sys.modules.items()) if n.split(".")[0] == "rgwidgets"]
_files = [_pathlib.Path(f) for m in _mine if (f := getattr(m, "__file__", None))]
print(_json.dumps(sorted(f.relative_to({str(ROOT)!r}).as_posix() for f in _files)))
"""
_FRAME = re.compile(r"Cell In\[(\d+)\], line (\d+)")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_QUIET = "allow-stderr"


def key(source: Source) -> str:
    """What a chapter's result hangs on beside the package: its code, not its prose."""
    cells = [(cell.code, cell.label, cell.tags) for cell in source.cells]
    expressions = [(expression.code, expression.after) for expression in source.expressions]
    versions = [f"{name} {version(name)}" for name in _VERSIONS]
    engine = [digest(Path(__file__).parent / name) for name in ("execute.py", "outputs.py")]
    said = json.dumps([cells, expressions, versions, engine])
    return hashlib.sha256(said.encode()).hexdigest()[:20]


def digest(path: Path) -> str:
    """SHA-256 of a file; empty if it is not there."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def cached(source: Source, cache: Path) -> Path | None:
    """The folder that holds the chapter's result, if what made it is as it was.

    A result names the modules of the package that its kernel had loaded: a change in another
    module costs no chapter its result.
    """
    for folder in sorted((cache / source.path.stem).glob(f"{key(source)}-*")):
        found = folder / "result.json"
        if found.is_file():
            modules: dict[str, str] = json.loads(found.read_text("utf-8"))["modules"]
            if all(digest(ROOT / name) == known for name, known in modules.items()):
                return folder
    return None


def execute(source: Source, cache: Path) -> Path:
    """Run a chapter and keep its outputs and records; return the folder that holds them.

    Raises `BookError` for a cell that raises, hangs, or writes to stderr without the tag
    `allow-stderr`: nothing is kept then.
    """
    home = cache / source.path.stem
    home.mkdir(parents=True, exist_ok=True)
    partial = home / f".{uuid.uuid4().hex[:8]}.partial"
    try:
        result = _run(source, partial)
        (partial / "result.json").write_text(json.dumps(result, ensure_ascii=False), "utf-8")
        made = hashlib.sha256(json.dumps(result["modules"]).encode()).hexdigest()
        target = home / f"{key(source)}-{made[:12]}"
        shutil.rmtree(target, ignore_errors=True)
        os.replace(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    others = sorted(home.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in others[_KEPT:]:
        shutil.rmtree(old)
    return target


def _run(source: Source, folder: Path) -> dict[str, Any]:
    """Execute the chapter in a scratch folder; its outputs as JSON, its files in `folder`."""
    folder.mkdir(parents=True)
    setup = _cell(_SETUP.format(folder=str(folder)))
    notebook: nbformat.NotebookNode = nbformat.v4.new_notebook(  # type: ignore[no-untyped-call]
        cells=[setup], metadata=source.notebook.metadata
    )
    asked: dict[int, int] = {}
    for number, cell in enumerate(source.cells):
        _ask(notebook, source, number, asked)
        made = _cell(cell.code)
        made.metadata["book"] = number
        notebook.cells.append(made)
    _ask(notebook, source, len(source.cells), asked)
    notebook.cells.append(_cell(_MODULES))
    seconds = _play(notebook, source)
    cells = [cell for cell in notebook.cells if "book" in cell.metadata]
    shown = [outputs.light(cell.outputs, folder, i) for i, cell in enumerate(cells)]
    _refuse_what_no_page_may_hold(source, shown)
    values = [_value(notebook.cells[at].outputs) for at in sorted(asked)]
    loaded = json.loads(_value(notebook.cells[-1].outputs))
    return {
        "seconds": round(seconds, 1),
        "cells": [{"outputs": each} for each in shown],
        "expressions": values,
        "modules": {name: digest(ROOT / name) for name in loaded},
    }


def _cell(code: str) -> nbformat.NotebookNode:
    made: nbformat.NotebookNode = nbformat.v4.new_code_cell(code)  # type: ignore[no-untyped-call]
    return made


def _ask(
    notebook: nbformat.NotebookNode, source: Source, after: int, asked: dict[int, int]
) -> None:
    """Put the prose's expressions between the cells that they stand between."""
    for number, expression in enumerate(source.expressions):
        if expression.after == after:
            made = _cell(f"print({expression.code}, end='')")
            made.metadata["line"] = expression.line
            asked[len(notebook.cells)] = number
            notebook.cells.append(made)


def _value(given: list[Any]) -> str:
    return "".join(str(output.get("text", "")) for output in given)


def _play(notebook: nbformat.NotebookNode, source: Source) -> float:
    """Run every cell; the seconds that the chapter's own cells took."""
    with tempfile.TemporaryDirectory(prefix="rgwidgets-book-") as scratch:
        client = NotebookClient(
            notebook,
            timeout=PATIENCE,
            kernel_name="python3",
            resources={"metadata": {"path": scratch}},
            store_widget_state=False,
        )
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "IPYTHONDIR": str(Path(scratch) / ".ipython"),
            "PYTHONWARNINGS": "default",
        }
        log = Path(scratch) / "kernel.log"
        with log.open("wb") as said, client.setup_kernel(env=environment, stderr=said):
            start = time.monotonic()
            for index, cell in enumerate(notebook.cells):
                if index == 1:
                    start = time.monotonic()
                try:
                    client.execute_cell(cell, index)
                except (CellExecutionError, CellTimeoutError) as error:
                    raise BookError([_fault(source, cell, error)]) from error
                except DeadKernelError as error:
                    last = DeadKernelError(f"{error} {log.read_text(errors='replace')[-300:]}")
                    raise BookError([_fault(source, cell, last)]) from error
            return time.monotonic() - start


def _fault(source: Source, cell: nbformat.NotebookNode, error: Exception) -> Fault:
    """Where in the chapter a cell failed, and the last line of what it said."""
    if "book" not in cell.metadata:
        line = cell.metadata.get("line", 1)
        what = "this expression" if "line" in cell.metadata else "the set-up of the chapter"
        return Fault(source.path, line, f"{what} fails: {_last(error)}")
    line = source.cells[cell.metadata["book"]].line
    frames = _FRAME.findall(_COLOUR.sub("", str(error)))
    number = cell.get("execution_count")
    inside = [int(at) for count, at in frames if number is None or int(count) == number]
    if inside:
        line += inside[0] - 1
    return Fault(source.path, line, f"this cell raises {_last(error)}")


def _last(error: Exception) -> str:
    name, value = getattr(error, "ename", ""), getattr(error, "evalue", "")
    if name:
        return f"{name}: {value}"
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _refuse_what_no_page_may_hold(source: Source, shown: list[list[dict[str, Any]]]) -> None:
    """A warning in a chapter is a fault of the book, and so is what a page cannot show."""
    refuse(
        Fault(source.path, cell.line, reason)
        for cell, given in zip(source.cells, shown, strict=True)
        for output in given
        if (reason := _unfit(output, quiet=_QUIET in cell.tags))
    )


def _unfit(output: dict[str, Any], *, quiet: bool) -> str:
    """Why an output may not stand in a page; empty if it may."""
    kind = output["kind"]
    if kind == "stream" and output["name"] == "stderr" and not quiet:
        return f"this cell warns: {output['text'].strip().splitlines()[-1]}"
    if kind == "html" and "<script" in output["html"].lower():
        return "this cell puts out a script"
    if kind == "widget":
        return "this cell shows a widget that is no lens"
    return f"this output cannot be shown: {output['text']}" if kind == "error" else ""
