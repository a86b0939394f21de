"""The house rules, held by reading the sources."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "rgwidgets"
TESTS = ROOT / "tests"
BUILT = {
    "node_modules", "static", "lib", "dist", "labextension_build", "__pycache__", "_build",
    ".cache",
}  # fmt: skip

#: folder → what it may import of rgwidgets
MAY_IMPORT = {
    "core": {"core"},
    "compute": {"core", "compute"},
    "bounds": {"core", "bounds"},
    "systems": {"core", "compute", "systems"},
    "schemes": {"core", "compute", "bounds", "schemes"},
    "toy": {"core", "compute", "systems", "toy"},
    "microscope": {"core", "compute", "bounds", "systems", "schemes", "widgets", "microscope"},
    "exercises": {
        "core",
        "compute",
        "bounds",
        "systems",
        "schemes",
        "toy",
        "microscope",
        "exercises",
    },
    "cells": {"", "core", "cells"},
    "notebooks": {"core", "notebooks"},
    "widgets": {"core", "compute", "widgets"},
    "widgets/labs": {"core", "compute", "widgets", "systems", "schemes", "bounds"},
}
#: what core may import of others; pandas comes with xarray and is what `to_pandas` returns
CORE_FRIENDS = {"torch", "numpy", "xarray"}
CORE_EXCEPTIONS = {
    "record.py": {"zarr"},
    "dataset.py": {"pandas"},
    "flow.py": {"pandas"},
}
#: what may load only where it is used
HEAVY = {
    "altair", "anywidget", "ipywidgets", "jupyterlab", "matplotlib", "numba", "safetensors",
    "scipy", "sklearn", "tokenizers", "transformers", "zarr",
}  # fmt: skip
#: modules that run code out of data
UNSAFE = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
LINES = 400
FUNCTION_LINES = 40
# Written in pieces so that this file does not find itself.
CDN = re.compile(
    r"https?:" + r"//[^\s\"'`]*(unpkg\.com|jsdelivr|cdnjs|cdn\.|esm\.sh|skypack|googleapis|gstatic)"
)
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|NotImpl" + r"ementedError)\b")


def python_files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*.py") if not BUILT & set(p.relative_to(ROOT).parts))


def source_files() -> list[Path]:
    folders = [PACKAGE, TESTS, ROOT / "book", ROOT / "labextension"]
    kinds = {".py", ".ts", ".tsx", ".mjs", ".js", ".css"}
    built = PACKAGE / "labextension"
    return sorted(
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix in kinds
        and not BUILT & set(path.relative_to(ROOT).parts)
        and built not in path.parents
    )


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it, as an absolute dotted name."""
    package = (
        ["rgwidgets", *path.relative_to(PACKAGE).parent.parts] if PACKAGE in path.parents else []
    )
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            # `from . import x` names modules; `from .x import y` names what is in one
            yield from ([f"{stem}.{a.name}" for a in node.names] if not node.module else [stem])


def room(module: str) -> str | None:
    """The folder of rgwidgets that a module lies in; None if it is somebody else's."""
    parts = module.split(".")
    if parts[0] != "rgwidgets":
        return None
    return parts[1] if len(parts) > 1 else ""


def rooms() -> Iterator[tuple[str, Path]]:
    for folder in MAY_IMPORT:
        for path in python_files(PACKAGE / folder):
            nested = [f for f in MAY_IMPORT if f.startswith(folder + "/")]
            if not any(PACKAGE / f in path.parents for f in nested):
                yield folder, path


def test_each_folder_imports_only_what_it_may() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for folder, path in rooms()
        for module in imports(path)
        if (target := room(module)) is not None
        and target not in MAY_IMPORT[folder] | {"_hooks", "_version"}
    ]
    assert not wrong, "\n".join(wrong)


def test_core_imports_torch_numpy_and_xarray_only() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in python_files(PACKAGE / "core")
        for module in imports(path)
        if (top := module.split(".")[0]) not in sys.stdlib_module_names
        and top != "rgwidgets"
        and top not in CORE_FRIENDS | CORE_EXCEPTIONS.get(path.name, set())
    ]
    assert not wrong, "\n".join(wrong)


def test_nothing_imports_the_book_or_the_extension() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in python_files(PACKAGE)
        for module in imports(path)
        if room(module) in {"book", "labextension"} or module.split(".")[0] in {"book", "tests"}
    ]
    assert not wrong, "\n".join(wrong)


def test_the_drawing_library_knows_no_notebook() -> None:
    lens = ROOT / "labextension" / "lens" / "src"
    wrong = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in sorted(lens.rglob("*.ts"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"from ['\"]@(jupyterlab|lumino)/", line)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", source_files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_no_file_is_over_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LINES


def test_no_function_is_over_40_lines_beside_its_docstring() -> None:
    wrong = []
    for path in python_files(PACKAGE):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.body[0]
                documented = ast.get_docstring(node) is not None
                doc = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
                if (node.end_lineno or 0) - node.lineno + 1 - doc > FUNCTION_LINES:
                    wrong.append(f"{path.relative_to(ROOT)}: {node.name}")
    assert not wrong, "\n".join(wrong)


def is_entry(path: Path) -> bool:
    """Whether a module holds a class that the catalogue lists."""
    marks = {"name", "summary", "citation"}
    return any(
        marks <= {t.id for t in assigned_in(node) if isinstance(t, ast.Name)}
        for node in tree(path).body
        if isinstance(node, ast.ClassDef)
    )


def assigned_in(node: ast.ClassDef) -> Iterator[ast.expr]:
    for step in node.body:
        if isinstance(step, ast.Assign):
            yield from step.targets
        elif isinstance(step, ast.AnnAssign):
            yield step.target


@pytest.mark.parametrize("folder", ["systems", "schemes", "toy", "microscope", "widgets/labs"])
def test_every_system_scheme_and_lab_has_a_test_that_mirrors_it(folder: str) -> None:
    """What helps an entry may also be tested by name in the tests of its folder."""
    tests = sorted((TESTS / folder).rglob("test_*.py"))
    mirrored = {path.name for path in tests}
    named = "\n".join(path.read_text(encoding="utf-8") for path in tests)
    missing = [
        str(path.relative_to(ROOT))
        for path in python_files(PACKAGE / folder)
        if not path.name.startswith("_")
        and f"test_{path.name}" not in mirrored
        and (
            is_entry(path) or not re.search(rf"import.*\b{path.stem}\b|\.{path.stem} import", named)
        )
    ]
    assert not missing, "no test mirrors " + ", ".join(missing)


def test_what_needs_a_browser_is_in_its_folder() -> None:
    """`make test` looks nowhere else for it."""
    elsewhere = [
        path
        for path in python_files(TESTS)
        if path.parent.name not in ("browser", "benchmarks") and path != Path(__file__).resolve()
    ]
    assert len(elsewhere) > 100
    for path in elsewhere:
        assert "playwright" not in path.read_text(), f"{path} belongs into tests/browser"
        assert "mark.browser" not in path.read_text(), f"{path} belongs into tests/browser"


def test_nothing_comes_from_a_content_delivery_network() -> None:
    shipped = list((PACKAGE / "widgets" / "static").glob("*.js"))
    pages = [*ROOT.glob("*.md"), *(PACKAGE / "notebooks").glob("*.ipynb")]
    wrong = [
        f"{path.relative_to(ROOT)}: {found.group()}"
        for path in [*source_files(), *shipped, *pages]
        if (found := CDN.search(path.read_text(encoding="utf-8")))
    ]
    assert not wrong, "\n".join(wrong)


def test_nothing_reads_data_that_can_run_code() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in python_files(PACKAGE)
        for module in imports(path)
        if module.split(".")[0] in UNSAFE
    ]
    for path in python_files(PACKAGE):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"torch.load", "np.load"}:
                safe = {"torch.load": ("weights_only", True), "np.load": ("allow_pickle", False)}
                name, value = safe[ast.unparse(node.func)]
                given = {k.arg: getattr(k.value, "value", None) for k in node.keywords}
                if given.get(name) is not value:
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} lacks {name}={value}")
    assert not wrong, "\n".join(wrong)


def test_no_exception_is_swallowed_and_nothing_is_left_unfinished() -> None:
    wrong = []
    for path in python_files(PACKAGE):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ExceptHandler) and all(
                isinstance(step, ast.Pass) for step in node.body
            ):
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} swallows an exception")
    for path in source_files():
        if found := UNFINISHED.search(path.read_text(encoding="utf-8")):
            wrong.append(f"{path.relative_to(ROOT)} says {found.group()}")
    assert not wrong, "\n".join(wrong)


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = f"import sys, rgwidgets; print(sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "[]"


def skips() -> Iterator[tuple[str, int]]:
    for path in python_files(TESTS):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Attribute) and node.attr in {
                "skip", "skipif", "importorskip", "xfail", "SkipTest",
            }:  # fmt: skip
                yield str(path.relative_to(TESTS)), node.lineno


def test_every_skip_has_a_line_with_its_reason() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| *(\S.*?) *\|$", (TESTS / "SKIPS.md").read_text(), re.M)
    listed = {name.split("::")[0] for name, _ in rows}
    skipped = {name for name, _ in skips() if name != Path(__file__).name}
    assert skipped == listed, f"not listed: {skipped - listed}; listed in vain: {listed - skipped}"
