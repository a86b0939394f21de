"""What there is: every system, scheme, toy model and lab, found by looking into their folders."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache

from .errors import ParameterError

#: kind → (package that is searched, attribute that marks a class as an entry)
FOLDERS = {
    "system": "rgwidgets.systems",
    "scheme": "rgwidgets.schemes",
    "toy": "rgwidgets.toy",
    "lab": "rgwidgets.widgets.labs",
}


@dataclass(frozen=True)
class Entry:
    """One system, scheme, toy model or lab.

    Attributes
    ----------
    kind, name, summary, citation
        "system", "scheme", "toy" or "lab"; what it is called, does, and where it comes from.
    module, qualname
        Where the class lives.
    """

    kind: str
    name: str
    summary: str
    citation: str
    module: str
    qualname: str

    def load(self) -> type:
        """The class itself."""
        found: type = getattr(importlib.import_module(self.module), self.qualname)
        return found

    def to_dict(self) -> dict[str, str]:
        """Plain strings, for JSON."""
        return asdict(self)


@cache
def entries(kind: str | None = None) -> tuple[Entry, ...]:
    """Every entry, or those of one kind, by kind and name.

    Raises `ParameterError` for a kind that there is not.

    >>> "migdal_kadanoff" in {entry.name for entry in entries("scheme")}
    True
    """
    if kind is not None and kind not in FOLDERS:
        raise ParameterError("kind", given=kind, allowed=", ".join(FOLDERS))
    chosen = FOLDERS if kind is None else {kind: FOLDERS[kind]}
    found = [entry for k, package in chosen.items() for entry in _search(k, package)]
    return tuple(sorted(found, key=lambda entry: (entry.kind, entry.name)))


def _search(kind: str, package_name: str) -> Iterator[Entry]:
    package = importlib.import_module(package_name)
    for info in pkgutil.walk_packages(package.__path__, package_name + "."):
        module = importlib.import_module(info.name)
        for name, thing in vars(module).items():
            if inspect.isclass(thing) and _is_entry(thing, info.name, name):
                own = vars(thing)
                yield Entry(kind, own["name"], own["summary"], own["citation"], info.name, name)


def _is_entry(thing: type, module: str, name: str) -> bool:
    """A concrete public class, at home here, that says its name and where it comes from."""
    return (
        (thing.__module__, thing.__name__) == (module, name)
        and not thing.__name__.startswith("_")
        and not inspect.isabstract(thing)
        and all(isinstance(vars(thing).get(a), str) for a in ("name", "summary", "citation"))
    )
