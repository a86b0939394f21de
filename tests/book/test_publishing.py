"""What is published: pinned workflows, buttons that lead somewhere, a cell that installs."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import yaml
from IPython.core.interactiveshell import InteractiveShell

from book.engine import notebooks, site
from book.engine.faults import ROOT
from book.engine.places import THEME, Places
from rgwidgets._version import __version__
from rgwidgets.cli import lab
from rgwidgets.notebooks import chapters

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SETTINGS = yaml.safe_load((ROOT / "book" / "myst.yml").read_text())
OPTIONS: dict[str, Any] = SETTINGS["site"]["options"]
HUB = "https://hub.example.org"
PAGES = sorted(Places().chapters.glob("*.md"))


def read(path: Path) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(path.read_text())
    return found


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in read(path)["jobs"].values() for step in job["steps"]]


def test_the_book_is_published_released_and_tested() -> None:
    assert {path.stem for path in WORKFLOWS} == {"book", "release", "test"}
    runs = {path.stem: [s.get("run", "") for s in steps(path)] for path in WORKFLOWS}
    assert ".ci/run" in runs["test"]
    assert {"make book", "make pdf"} <= set(runs["book"])
    assert {"make wheel", "make book", "make pdf"} <= set(runs["release"])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_and_every_machine_is_pinned(path: Path) -> None:
    used = [step["uses"] for step in steps(path) if "uses" in step]
    assert used
    for action in used:
        assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", action)
    for line in path.read_text().splitlines():
        if "uses:" in line:
            assert re.search(r"# v\d+\.\d+\.\d+$", line), line
    for job in read(path)["jobs"].values():
        assert job["runs-on"] == "ubuntu-24.04"
        assert job["timeout-minutes"] <= 120


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_secret_is_wanted_and_few_rights(path: Path) -> None:
    assert "secrets." not in path.read_text()
    rights = read(path)["permissions"]
    assert rights == ({"contents": "write"} if path.stem == "release" else {"contents": "read"})


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_make_target_and_every_script_of_a_workflow_is_there(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for step in steps(path):
        run = step.get("run", "")
        if match := re.match(r"make (\w+)$", run):
            assert re.search(rf"^{match[1]}:", makefile, re.M)
        elif match := re.match(r"(\.[\w/.-]+)", run):
            assert os.access(ROOT / match[1], os.X_OK)


def test_binder_installs_the_pinned_environment_and_prepares_the_notebooks() -> None:
    environment = read(ROOT / "environment.yml")
    (pip,) = [d["pip"] for d in environment["dependencies"] if isinstance(d, dict)]
    assert "-c constraints.txt" in pip
    assert any(line.startswith("-e .[") for line in pip)
    assert not (ROOT / "binder").exists()
    assert not (ROOT / ".binder").exists()  # either would hide environment.yml from Binder
    script = ROOT / "postBuild"
    assert os.access(script, os.X_OK)
    assert script.read_text().splitlines()[-1] == "rgwidgets lab --prepare"


def buttons(source: Path) -> dict[str, str]:
    """{what is written on it: its address} of the header of a chapter, as the theme draws it."""
    page = {
        "source": f"chapters/{source.name}",
        "title": "T",
        "chapter": {
            "part": "P", "number": 1, "title": "T", "objectives": [], "needs": [], "tracks": [],
            "minutes": 1, "cpu": None, "gpu": None,
        },
    }  # fmt: skip
    head = THEME / "render" / "header.mjs"
    code = (
        f"import {{ chapterHead }} from {json.dumps(head.as_uri())};"
        f"console.log(chapterHead({json.dumps(page)}, "
        f"{{ options: {json.dumps(OPTIONS | {'hub': HUB})} }}))"
    )
    done = subprocess.run(
        [site._node(), "--input-type=module", "-e", code],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.findall(r'<a href="([^"]+)"[^>]*>(\w+)</a>', done.stdout.replace("&amp;", "&"))
    return {words: href for href, words in found}


def test_no_hub_no_button() -> None:
    assert not OPTIONS["hub"]
    head = (THEME / "render" / "header.mjs").read_text()
    assert "if (!hub" in head


@pytest.mark.parametrize("source", PAGES, ids=lambda path: path.stem)
def test_every_button_of_a_chapter_leads_to_a_file_that_is_there(source: Path) -> None:
    made = buttons(source)
    assert set(made) == {"Notebook", "Binder", "Colab", "JupyterHub", "Edit"}
    name = f"{source.stem}.ipynb"
    assert made["Notebook"] == f"notebooks/{name}"
    repository = OPTIONS["repository"]
    owner = urlsplit(repository).path
    # Binder: the copy that postBuild makes, of a chapter that `rgwidgets lab` knows
    binder = urlsplit(made["Binder"])
    assert binder.path == f"/v2/gh{owner}/{OPTIONS['branch']}"
    assert unquote(binder.query) == f"urlpath=lab/tree/{lab.FOLDER}/{name}"
    assert source in chapters.sources()
    # Colab and the hub: the branch that the workflow fills with the notebooks and nothing else
    assert urlsplit(made["Colab"]).path == f"/github{owner}/blob/{OPTIONS['notebooks']}/{name}"
    hub = urlsplit(made["JupyterHub"])
    assert hub.path == "/hub/user-redirect/git-pull"
    assert parse_qs(hub.query) == {
        "repo": [repository],
        "branch": [OPTIONS["notebooks"]],
        "urlpath": [f"lab/tree/{Path(owner).name}/{name}"],
    }
    edit = made["Edit"].removeprefix(f"{repository}/edit/{OPTIONS['branch']}/")
    assert (ROOT / edit) == source


def test_the_workflow_fills_the_branch_that_the_buttons_open() -> None:
    (publish,) = [
        step["run"]
        for step in steps(ROOT / ".github" / "workflows" / "book.yml")
        if "publish-notebooks" in step.get("run", "")
    ]
    assert publish.split()[1:] == ["built/html/notebooks", OPTIONS["notebooks"]]


def test_the_first_cell_installs_the_release_where_the_package_is_missing() -> None:
    asked = notebooks.package(Places())
    assert asked.startswith("rgwidgets @ ")
    wheel = f"rgwidgets-{__version__}-py3-none-any.whl"
    assert asked.endswith(f"{OPTIONS['repository']}/releases/download/v{__version__}/{wheel}")
    first, *_ = chapters.to_notebook("# T", install=asked)["cells"]
    assert f'%pip install -q "{asked}"' in first["source"]


def test_the_first_cell_does_nothing_where_the_package_is_there() -> None:
    first, *_ = chapters.to_notebook("# T", install="no-such-package-anywhere==9")["cells"]
    result = InteractiveShell().run_cell(first["source"])
    assert result.success
    assert result.result is None


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(
        ["git", *who, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_branch_of_notebooks_holds_them_alone_and_keeps_its_history(tmp_path: Path) -> None:
    bare, clone, built = tmp_path / "bare", tmp_path / "clone", tmp_path / "built"
    for folder in (bare, clone, built):
        folder.mkdir()
    git(bare, "init", "--bare")
    git(clone, "init")
    (clone / "source.py").write_text("1")
    git(clone, "add", ".")
    git(clone, "commit", "-m", "one")
    git(clone, "remote", "add", "origin", str(bare))
    script = str(ROOT / ".github" / "publish-notebooks")
    for content, names in (("1", ["a", "b"]), ("2", ["a"]), ("2", ["a"])):
        for old in built.iterdir():
            old.unlink()
        for name in names:
            (built / f"{name}.ipynb").write_text(content)
        subprocess.run([script, str(built), "notebooks"], cwd=clone, check=True)
    files = git(bare, "ls-tree", "--name-only", "notebooks").split()
    assert files == ["a.ipynb"]
    assert git(bare, "show", "notebooks:a.ipynb") == "2"
    assert len(git(bare, "log", "--format=%h", "notebooks").split()) == 2
    assert git(clone, "status", "--porcelain") == ""
