"""`rgwidgets lab`: a working folder that is the user's, and JupyterLab on it."""

from __future__ import annotations

import ast
import json
import os
import sys
from importlib import resources
from pathlib import Path

import pytest

import rgwidgets
from rgwidgets.cli import lab, main
from rgwidgets.core import files
from rgwidgets.core.errors import StorageError
from rgwidgets.notebooks import chapters

Capture = pytest.CaptureFixture[str]
SHIPPED = sorted(
    (p for p in (resources.files("rgwidgets") / "notebooks").iterdir() if p.name.endswith("ipynb")),
    key=lambda p: p.name,
)
CHAPTERS = [f"{source.stem}.ipynb" for source in chapters.sources()]
NAMES = sorted([*(p.name for p in SHIPPED), *CHAPTERS, chapters.INDEX])


def test_the_folder_gets_every_notebook_that_is_shipped(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    assert lab.prepare(folder) == dict.fromkeys(NAMES, "written")
    assert sorted(p.name for p in folder.iterdir()) == NAMES


@pytest.mark.parametrize("name", [lab.STARTER, *CHAPTERS, chapters.INDEX])
def test_an_edited_notebook_is_never_overwritten(name: str, tmp_path: Path) -> None:
    lab.prepare(tmp_path)
    mine = tmp_path / name
    mine.write_text("mine")
    assert lab.prepare(tmp_path)[name] == "kept"
    assert mine.read_text() == "mine"


def test_a_folder_that_is_a_file_is_refused_and_left_alone(tmp_path: Path, capsys: Capture) -> None:
    place = tmp_path / "file"
    place.write_text("mine")
    assert main(["lab", "--prepare", "--dir", str(place)]) == 2
    assert "choose another --dir" in capsys.readouterr().err
    assert place.read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "file").write_text("")
    assert main(["lab", "--prepare", "--dir", str(tmp_path / "file" / "below")]) == 2
    assert "nothing was changed" in capsys.readouterr().err


def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(StorageError, match="No space left"):
        lab.prepare(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_prepare_tells_a_program_what_it_did(tmp_path: Path, capsys: Capture) -> None:
    assert main(["lab", "--prepare", "--json", "--dir", str(tmp_path), "--port", "8123"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["folder"] == str(tmp_path.resolve())
    assert told["notebooks"] == dict.fromkeys(NAMES, "written")
    assert "--port=8123" in told["command"]


@pytest.mark.parametrize(
    ("port", "browser", "passed_on", "expected"),
    [
        (None, True, [], []),
        (8899, True, [], ["--port=8899"]),
        (None, False, ["--ip=127.0.0.1"], ["--no-browser", "--ip=127.0.0.1"]),
    ],
)
def test_the_command_is_this_pythons_jupyterlab_on_the_starter(
    port: int | None,
    browser: bool,
    passed_on: list[str],
    expected: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lab, "_is_root", lambda: False)
    command = lab.jupyter_command(port=port, browser=browser, passed_on=passed_on)
    assert command == [sys.executable, "-m", "jupyterlab", lab.STARTER, *expected]


def test_root_is_allowed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab, "_is_root", lambda: True)
    for passed_on in ([], ["--allow-root"]):
        command = lab.jupyter_command(port=None, browser=True, passed_on=passed_on)
        assert command.count("--allow-root") == 1


def test_without_jupyterlab_the_mend_is_named_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(lab.importlib.util, "find_spec", lambda name: None)
    folder = tmp_path / "work"
    assert main(["lab", "--dir", str(folder)]) == 2
    assert 'pip install "rgwidgets[lab]"' in capsys.readouterr().err
    assert not folder.exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows starts a child instead")
def test_lab_becomes_jupyterlab_in_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    became: list[tuple[str, list[str], str]] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "execv", lambda path, argv: became.append((path, argv, os.getcwd())))
    main(["lab", "--dir", "work", "--no-browser", "--", "--ServerApp.token=x"])
    [(path, argv, folder)] = became
    assert path == sys.executable
    assert argv[-1] == "--ServerApp.token=x"
    assert folder == str(tmp_path / "work")


@pytest.mark.parametrize("source", SHIPPED, ids=lambda p: p.name)
def test_a_shipped_notebook_has_no_outputs_and_names_only_what_exists(source: Path) -> None:
    notebook = json.loads(source.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
        for node in ast.walk(ast.parse("".join(cell["source"]))):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "rg":
                assert node.attr in rgwidgets.__all__


@pytest.mark.slow
@pytest.mark.parametrize("source", SHIPPED, ids=lambda p: p.name)
def test_a_shipped_notebook_runs_from_top_to_bottom(source: Path, tmp_path: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.reads(source.read_text(encoding="utf-8"), as_version=4)
    resources_ = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=240, resources=resources_).execute()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
