"""What users get: the wheel, built as for release, looked into, and run without Node."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from rgwidgets import __version__

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
STATIC = ROOT / "rgwidgets" / "widgets" / "static"
EXTENSION = "share/jupyter/labextensions/@rgwidgets/lab"
LARGEST_BUNDLE = 1_000_000  # bytes before compression, charts included

#: No Node, no npm, no compiler: nothing but what Python brings.
BARE = {
    **{k: v for k, v in os.environ.items() if k in {"HOME", "TMPDIR", "LANG", "SYSTEMROOT"}},
    "PATH": "/nonexistent",
    "OMP_NUM_THREADS": "1",
}


def run(*command: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        timeout=240,
        **{"env": BARE, "cwd": ROOT, **options},  # type: ignore[call-overload]
    )


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """sdist and wheel; the wheel is built from the sdist, and both without Node."""
    assert (STATIC / "lens.js").exists(), "run `make build` first"
    folder = tmp_path_factory.mktemp("dist")
    built = run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


@pytest.fixture(scope="session")
def wheel(dist: Path) -> Path:
    [found] = dist.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def inside(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="session")
def fresh(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel in it, which borrows the dependencies of this one."""
    place = tmp_path_factory.mktemp("fresh") / "venv"
    venv.create(place, with_pip=False, symlinks=os.name != "nt")
    python = place / "bin" / "python"
    run(
        sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel
    )
    [site] = place.glob("lib/python*/site-packages")
    borrowed = next(p for p in map(Path, sys.path) if (p / "torch").is_dir())
    (site / "borrowed.pth").write_text(f"{borrowed}\n")
    return place


@pytest.mark.slow
def test_the_wheel_holds_bundle_extension_notebooks_and_types(inside: set[str]) -> None:
    data = f"rgwidgets-{__version__}.data/data/{EXTENSION}"
    assert inside >= {
        "rgwidgets/py.typed",
        "rgwidgets/notebooks/start.ipynb",
        "rgwidgets/widgets/static/lens.js",
        "rgwidgets/widgets/static/charts.js",
        f"{data}/package.json",
        f"{data}/install.json",
        f"{data}/static/style.js",
    }
    assert any(re.fullmatch(re.escape(data) + r"/static/remoteEntry\..*\.js", f) for f in inside)


@pytest.mark.slow
def test_the_wheel_holds_every_module_and_nothing_else(inside: set[str]) -> None:
    modules = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "rgwidgets").rglob("*.py")
        if "labextension" not in path.parts
    }
    assert {name for name in inside if name.endswith(".py")} == modules
    strange = [
        name
        for name in inside
        if re.search(r"node_modules|__pycache__|\.nb[ci]$|^tests/|^rgwidgets/labextension/", name)
    ]
    assert not strange


@pytest.mark.slow
def test_the_sdist_holds_sources_and_what_was_built_from_them(dist: Path) -> None:
    [path] = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names >= {
        "Makefile", "LICENSE", "README.md", "CITATION.cff", "constraints.txt",
        "labextension/package.json", "labextension/yarn.lock", "labextension/src/index.ts",
        "labextension/lens/package.json", "tests/test_packaging.py",
        "rgwidgets/widgets/static/lens.js", "rgwidgets/labextension/static/style.js",
    }  # fmt: skip
    assert not [name for name in names if "node_modules" in name or name.startswith(".venv")]


def test_the_bundle_is_under_one_megabyte_before_compression() -> None:
    assert sum(p.stat().st_size for p in STATIC.glob("*.js")) < LARGEST_BUNDLE


@pytest.mark.slow
def test_the_installed_wheel_works_without_node(fresh: Path) -> None:
    done = run(fresh / "bin" / "rgwidgets", "doctor", "--json", cwd=fresh)
    found = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    for name in ("rgwidgets", "bundle lens.js", "bundle charts.js", "extension @rgwidgets/lab"):
        assert found[name]["state"] == "ok", found[name]
    assert str(fresh) in found["extension @rgwidgets/lab"]["found"]


@pytest.mark.slow
def test_the_installed_wheel_has_its_catalogue_and_its_notebooks(fresh: Path) -> None:
    listed = run(fresh / "bin" / "rgwidgets", "list", "--json", cwd=fresh)
    assert listed.returncode == 0, listed.stderr
    kinds = {entry["kind"] for entry in json.loads(listed.stdout)}
    assert kinds == {"system", "scheme", "toy", "lab"}
    prepared = run(fresh / "bin" / "rgwidgets", "lab", "--prepare", "--json", cwd=fresh)
    assert json.loads(prepared.stdout)["notebooks"]["start.ipynb"] == "written"
    where = run(
        fresh / "bin" / "python", "-c", "import rgwidgets; print(rgwidgets.__file__)", cwd=fresh
    )
    assert where.stdout.startswith(str(fresh))


def test_a_tree_without_node_and_without_a_bundle_fails_loudly(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    unbuilt = shutil.ignore_patterns("node_modules", "static", "labextension", "__pycache__")
    shutil.copytree(ROOT / "rgwidgets", tree / "rgwidgets", ignore=unbuilt)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    (tree / "labextension").mkdir()
    shutil.copy(ROOT / "labextension" / "install.json", tree / "labextension")
    built = run(sys.executable, "-m", "build", "--wheel", "--no-isolation", cwd=tree)
    assert built.returncode != 0
    assert "jlpm" in built.stdout + built.stderr
    assert not list(tree.glob("dist/*.whl"))


def test_the_version_is_the_same_everywhere() -> None:
    found = {
        str(path.relative_to(ROOT)): json.loads(path.read_text())["version"]
        for path in (ROOT / "labextension").glob("**/package.json")
        if "node_modules" not in path.parts
    }
    found["CITATION.cff"] = yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"]
    assert set(found.values()) == {__version__}, found


def test_every_dependency_is_pinned_and_no_host_is_named() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    assert pins["torch"] == "2.13.0"
    extras = PROJECT["project"]["optional-dependencies"].values()
    for text in [
        *PROJECT["project"]["dependencies"],
        *(text for extra in extras for text in extra),
    ]:
        need = Requirement(text)
        if need.name != "rgwidgets":
            assert need.specifier.contains(pins[canonicalize_name(need.name)]), text
    assert not any("://" in line or line.startswith("-") for line in lines)


def test_ci_runs_the_test_command_of_the_readme_and_nothing_else() -> None:
    script = (ROOT / ".ci" / "run").read_text().splitlines()
    commands = [
        line for line in script if line and not line.startswith(("#", "set ", 'cd "$(dirname'))
    ]
    assert commands == ["make test"]
    assert "set -euo pipefail" in script
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert "make test" in (ROOT / "README.md").read_text()


def test_the_conda_environment_is_of_a_python_that_the_package_admits() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    [python] = [d for d in environment["dependencies"] if str(d).startswith("python=")]
    needed = Requirement(f"python{PROJECT['project']['requires-python']}")
    assert needed.specifier.contains(python.partition("=")[2])
