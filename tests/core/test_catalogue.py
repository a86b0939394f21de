"""The catalogue finds what lies in the folders, and nothing else."""

from __future__ import annotations

import importlib
import json
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rgwidgets.core import catalogue
from rgwidgets.core.catalogue import Entry, entries
from rgwidgets.core.errors import ParameterError

CLASS = """
class {0}:
    name = "{1}"
    summary = "what {1} does"
    citation = "someone (1972)"
"""


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Fills a package with modules and lets the catalogue look for schemes there alone."""
    folder = tmp_path / "shelf_of_schemes"
    folder.mkdir()
    (folder / "__init__.py").touch()

    def fill(**modules: str) -> None:
        for path, source in modules.items():
            file = folder / (path.replace("__in__", "/") + ".py")
            file.parent.mkdir(exist_ok=True)
            (file.parent / "__init__.py").touch()
            file.write_text(textwrap.dedent(source))
        importlib.invalidate_caches()

    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(catalogue, "FOLDERS", {"scheme": "shelf_of_schemes"})
    entries.cache_clear()
    yield fill
    entries.cache_clear()
    for module in [m for m in sys.modules if m.startswith("shelf_of_schemes")]:
        del sys.modules[module]


def names() -> list[str]:
    return [entry.name for entry in entries("scheme")]


def test_classes_in_modules_and_in_folders_are_found_in_order(shelf: Callable[..., None]) -> None:
    shelf(
        zeta=CLASS.format("Zeta", "zeta"),
        alpha=CLASS.format("Alpha", "alpha"),
        deep__in__mid=CLASS.format("Mid", "mid"),
    )
    assert names() == ["alpha", "mid", "zeta"]
    assert [e.module for e in entries("scheme")] == [
        "shelf_of_schemes.alpha",
        "shelf_of_schemes.deep.mid",
        "shelf_of_schemes.zeta",
    ]
    assert entries() == entries("scheme")


def test_an_entry_tells_what_it_is_and_loads_its_class(shelf: Callable[..., None]) -> None:
    shelf(alpha=CLASS.format("Alpha", "alpha"))
    (entry,) = entries("scheme")
    assert entry == Entry(
        "scheme", "alpha", "what alpha does", "someone (1972)", "shelf_of_schemes.alpha", "Alpha"
    )
    assert entry.load().__name__ == "Alpha"
    assert entry.load()().summary == "what alpha does"
    assert json.loads(json.dumps(entry.to_dict()))["citation"] == "someone (1972)"


@pytest.mark.parametrize(
    "source",
    [
        CLASS.format("_Hidden", "hidden"),
        CLASS.format("Nameless", "x").replace('name = "x"', "pass"),
        CLASS.format("Sourceless", "x").replace("citation =", "origin ="),
        CLASS.format("Silent", "x").replace("summary =", "remark ="),
        CLASS.format("Numbered", "x").replace('"x"', "7"),
        "from abc import ABC, abstractmethod\n"
        + CLASS.format("Idea(ABC)", "idea")
        + "    @abstractmethod\n    def act(self): ...\n",
        "from collections import OrderedDict\n",
        "name = summary = citation = 'not a class'\n",
    ],
    ids=[
        "private",
        "nameless",
        "sourceless",
        "silent",
        "numbered",
        "abstract",
        "imported",
        "not a class",
    ],
)
def test_what_is_no_entry_is_passed_over(shelf: Callable[..., None], source: str) -> None:
    shelf(other=source, alpha=CLASS.format("Alpha", "alpha"))
    assert names() == ["alpha"]


def test_a_class_is_listed_once_however_often_it_is_imported_or_renamed(
    shelf: Callable[..., None],
) -> None:
    shelf(
        alpha=CLASS.format("Alpha", "alpha") + "\nSame = Alpha\n",
        beta="from .alpha import Alpha\nfrom .alpha import Alpha as Other\n",
    )
    assert names() == ["alpha"]


def test_a_subclass_that_says_no_name_of_its_own_is_no_entry(shelf: Callable[..., None]) -> None:
    shelf(alpha=CLASS.format("Alpha", "alpha") + "\nclass Special(Alpha):\n    pass\n")
    assert [e.qualname for e in entries("scheme")] == ["Alpha"]


def test_an_empty_folder_has_no_entries(shelf: Callable[..., None]) -> None:
    shelf()
    assert entries() == ()


def test_a_kind_that_there_is_not_is_refused(shelf: Callable[..., None]) -> None:
    shelf()
    with pytest.raises(ParameterError, match=r"kind: got chart; allowed: scheme"):
        entries("chart")


@pytest.mark.parametrize("kind", ["system", "scheme", "toy"])
def test_the_package_lists_its_own_and_each_one_loads(kind: str) -> None:
    entries.cache_clear()
    found = entries(kind)
    assert found
    assert len({entry.name for entry in found}) == len(found)
    for entry in found:
        assert entry.load().name == entry.name
        assert entry.summary
        assert entry.citation
