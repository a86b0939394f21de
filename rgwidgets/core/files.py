"""Files that appear whole or not at all, in the place of nothing but what this project wrote."""

from __future__ import annotations

import json
import os
import re
import shutil
import uuid
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import Any

from .errors import ParameterError, StorageError
from .numeric import described

#: How the first bytes of a file show what of this project's it is; records: see `record.py`.
MARKS = {
    "page": re.compile(rb'<!doctype html>.{0,200}<meta name="generator" content="rgwidgets ', re.S),
    "image": re.compile(rb"\x89PNG\r\n\x1a\n.{25}.{4}tEXtSoftware\0rgwidgets ", re.S),
    "model": re.compile(rb'.{8}\{"__metadata__":\{"rgwidgets":', re.S),
    "table": re.compile(rb"cutoff,observable,value,value_error,value_tau,average,resample,attack,"),
}
_HEAD = 4096
#: Largest piece of a record's metadata that is read.
METADATA_LIMIT = 2**24


def kind_of(content: bytes) -> str:
    """What of this project's a content is: "page", "image", "model", "table"; "" if none.

    >>> kind_of(b'<!doctype html><meta name="generator" content="rgwidgets 1.0">')
    'page'
    >>> kind_of(b"<!doctype html><title>My holidays</title>")
    ''
    """
    return next((kind for kind, mark in MARKS.items() if mark.match(content[:_HEAD])), "")


def written_here(path: Path) -> str:
    """What of this project's lies at `path`: a kind of `kind_of`, or "record"; "" if none.

    Raises `OSError` where it cannot be read.
    """
    if path.is_dir():
        found = (file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
        return "record" if _is_record(found, lambda: (path / "zarr.json").read_bytes()) else ""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head.startswith(b"PK"):
        with suppress(zipfile.BadZipFile, KeyError), zipfile.ZipFile(path) as archive:
            if archive.getinfo("zarr.json").file_size <= METADATA_LIMIT and _is_record(
                archive.namelist(), lambda: archive.read("zarr.json")
            ):
                return "record"
    return kind_of(head)


def _is_record(names: Iterable[str], root: Callable[[], bytes]) -> bool:
    """Whether these files are a flow's and nothing else's; what a file manager hides is no file."""
    visible = [name for name in names if not any(p.startswith(".") for p in name.split("/"))]
    arrays = {name.removesuffix("/zarr.json") for name in visible if name.endswith("/zarr.json")}
    own = re.compile("|".join(rf"{re.escape(a)}/(zarr\.json|c|c/[0-9/]*)" for a in arrays))
    if "zarr.json" not in visible or not all(n == "zarr.json" or own.fullmatch(n) for n in visible):
        return False
    try:
        attributes: Any = json.loads(root()).get("attributes")
        return str(attributes["format"]).startswith("rgwidgets-") and "digest" in attributes
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return False


def place(path: object, *suffixes: str) -> Path:
    """Where somebody wants a file, which ends in one of the suffixes, in whatever case.

    Raises `ParameterError` for what is no path or ends in something else.

    >>> place("page.pdf", ".html", ".htm")
    Traceback (most recent call last):
    ...
    rgwidgets.core.errors.ParameterError: path: got page.pdf; allowed: a name that ends in .html \
or .htm. Mend: pass 'page.html'.
    """
    if not isinstance(path, (str, PathLike)) or "\0" in str(path):
        allowed = "a path: a text, or a pathlib.Path"
        mend = f"pass 'results/flow{suffixes[0] if suffixes else '.zarr'}', say"
        raise ParameterError("path", given=described(path), allowed=allowed, mend=mend)
    target = Path(path)
    if suffixes and target.suffix.lower() not in suffixes:
        raise ParameterError(
            "path",
            given=str(path),
            allowed=f"a name that ends in {' or '.join(suffixes)}",
            mend=f"pass {str(target.with_suffix(suffixes[0]) if target.name else suffixes[0])!r}",
        )
    return target


def check_free(target: Path, kind: str) -> None:
    """Raise `StorageError` if what lies there is none of this project's of the same kind.

    Places that are free, hold nothing or cannot be looked at yet are told when they are written.
    """
    try:
        if not os.path.lexists(target) or _is_empty(target):
            return
        found = written_here(target)
        what = {"": _named(target)}.get(found, f"a {found} of rgwidgets")
    except OSError as error:
        found, what = "", f"{_named(target)} that cannot be read ({error.strerror or error})"
    if not found or found != kind:
        allowed = "a new path" + (f", or an older {kind} that rgwidgets wrote" if kind else "")
        inside = f", or add the name of the {kind or 'file'}" * target.is_dir()
        raise StorageError(
            f"writing {target}",
            given=f"{what} there",
            allowed=allowed,
            mend=f"choose another name{inside}; what is there was not touched",
        )


def _is_empty(target: Path) -> bool:
    if target.is_dir():
        return not any(target.iterdir())
    return target.is_file() and target.stat().st_size == 0


def _named(target: Path) -> str:
    link = "a link to " * target.is_symlink()
    if not target.exists():
        return f"{link}nothing"
    return f"{link}a {'folder' if target.is_dir() else 'file'} of somebody else's"


@contextmanager
def replacing(target: Path, move: Callable[[Path, Path], object]) -> Iterator[Path]:
    """A place beside `target` to write to, which is moved there when all is written.

    Raises `StorageError` where that fails; what was there before is then untouched, and nothing
    else is left.
    """
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.partial")
    made: list[Path] = []
    try:
        made = [folder for folder in target.parents if not folder.exists()]
        target.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        move(partial, target)
    except BaseException as error:
        remove(partial)
        for folder in made:
            with suppress(OSError):  # never made, or somebody else's by now
                folder.rmdir()
        if not isinstance(error, (OSError, ExceptionGroup)) or isinstance(error, StorageError):
            raise
        first = error if isinstance(error, OSError) else error.exceptions[0]
        raise StorageError(
            f"writing {target}",
            given=getattr(first, "strerror", None) or str(first),
            allowed="a place with room that can be written",
            mend="free some space or choose another place; nothing was changed",
        ) from error


def write_whole(target: Path, content: bytes, *, own: bool = False) -> None:
    """Write a file beside its place and rename it there.

    Raises `StorageError` if it cannot be written, or if a file is there that is none of this
    project's of the same kind; unless it is the caller's `own`, whatever it holds.
    """
    if target.is_dir() or not own:
        check_free(target, kind_of(content))
    with replacing(target, os.replace) as partial:
        partial.write_bytes(content)


def remove(path: Path) -> None:
    """Remove a file or folder, if it is there and can be removed."""
    with suppress(OSError):  # nothing there, or no place for it; that error is told already
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
