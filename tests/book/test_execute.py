"""Chapters run in kernels of their own, are remembered, and fail with file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from book.engine import execute
from book.engine.chapter import Source
from book.engine.faults import ROOT, BookError
from tests.book.small import line_of

HEAD = "---\nkernelspec: {name: python3, display_name: Python 3}\n---\n# T\n\n"
CHART = "import altair as alt\nalt.Chart({'values': [{'a': 1}]}).mark_point()"
LENS = """import rgwidgets as rg
from rgwidgets import MigdalKadanoff as Scheme
flow = rg.Flow(rg.Theory(couplings={'K': 0.3}), Scheme(2), cutoffs=[1, 2])
rg.Lens(flow)"""
#: What no page may hold, and what is said of it.
UNFIT = {
    "import warnings; warnings.warn('mind')": "this cell warns",
    "from IPython.display import HTML\nHTML('<script></script>')": "puts out a script",
    "import ipywidgets\nipywidgets.IntSlider()": "a widget that is no lens",
}
PLAIN = HEAD + "```{code-cell}\nx = 2\nprint(x)\n```\n\nAnd {eval}`x + 1` of them.\n"


def source(tmp_path: Path, text: str) -> Source:
    path = tmp_path / "07-t.md"
    path.write_text(text)
    return Source.read(path)


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("of them", "of those", True),
        ("# T", "# Another title\n\nA paragraph.", True),
        ("x = 2", "x = 3", False),
        ("x + 1", "x + 2", False),
        ("```{code-cell}\n", "```{code-cell}\n:tags: [hide-input]\n", False),
    ],
)
def test_prose_is_free_and_code_is_not(old: str, new: str, same: bool) -> None:
    before = execute.key(Source(Path("x.md"), PLAIN))
    after = execute.key(Source(Path("x.md"), PLAIN.replace(old, new, 1)))
    assert (before == after) is same


def test_a_result_is_found_while_the_modules_that_made_it_are_as_they_were(tmp_path: Path) -> None:
    chapter = source(tmp_path, PLAIN)
    folder = tmp_path / "cache" / "07-t" / f"{execute.key(chapter)}-abc"
    folder.mkdir(parents=True)
    module = "rgwidgets/core/scale.py"

    def remember(digest: str) -> None:
        (folder / "result.json").write_text(json.dumps({"modules": {module: digest}}))

    remember(execute.digest(ROOT / module))
    assert execute.cached(chapter, tmp_path / "cache") == folder
    remember("another")
    assert execute.cached(chapter, tmp_path / "cache") is None


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Source, Path]:
    """A chapter with a number, a chart and two lenses, and the folder of its result."""
    home = tmp_path_factory.mktemp("executed")
    cells = "".join(f"```{{code-cell}}\n{code}\n```\n\n" for code in (CHART, LENS, LENS))
    chapter = source(home, PLAIN.replace("x = 2", "import rgwidgets.core.scale\nx = 2") + cells)
    return chapter, execute.execute(chapter, home / "cache")


def outputs(folder: Path) -> list[Any]:
    result = json.loads((folder / "result.json").read_text())
    return [cell["outputs"] for cell in result["cells"]]


@pytest.mark.slow
def test_a_chapter_gives_its_outputs_its_numbers_and_its_modules(
    executed: tuple[Source, Path],
) -> None:
    chapter, folder = executed
    assert outputs(folder)[0] == [{"kind": "stream", "name": "stdout", "text": "2\n"}]
    result = json.loads((folder / "result.json").read_text())
    assert result["expressions"] == ["3"]
    assert "rgwidgets/core/scale.py" in result["modules"]
    assert execute.cached(chapter, chapter.path.parent / "cache") == folder


@pytest.mark.slow
def test_a_chart_becomes_a_picture(executed: tuple[Source, Path]) -> None:
    _, folder = executed
    assert outputs(folder)[1] == [{"kind": "image", "file": "output-1-0.svg"}]
    assert (folder / "output-1-0.vl.json").is_file()


@pytest.mark.slow
def test_every_lens_of_a_chapter_is_recorded(executed: tuple[Source, Path]) -> None:
    _, folder = executed
    assert [given["record"] for (given,) in outputs(folder)[2:]] == ["lens-1", "lens-2"]
    assert (folder / "lens-2" / "index.json").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "at", "says"),
    [
        (PLAIN.replace("print(x)", "y = 1\n1 / 0"), "1 / 0", "raises ZeroDivisionError"),
        (PLAIN.replace("x + 1", "nothing"), "{eval}", "this expression fails: NameError"),
    ],
)
def test_a_chapter_that_fails_names_its_line_and_leaves_nothing(
    text: str, at: str, says: str, tmp_path: Path
) -> None:
    chapter = source(tmp_path, text)
    with pytest.raises(BookError) as caught:
        execute.execute(chapter, tmp_path / "cache")
    (fault,) = caught.value.faults
    assert (fault.file, fault.line) == (chapter.path, line_of(text, at))
    assert says in fault.message
    assert list((tmp_path / "cache" / "07-t").iterdir()) == []


@pytest.mark.slow
def test_every_cell_that_no_page_may_hold_is_named_with_its_line(tmp_path: Path) -> None:
    text = PLAIN + "".join(f"```{{code-cell}}\n{code}\n```\n\n" for code in UNFIT)
    chapter = source(tmp_path, text)
    with pytest.raises(BookError) as caught:
        execute.execute(chapter, tmp_path / "cache")
    for fault, (code, says) in zip(caught.value.faults, UNFIT.items(), strict=True):
        assert (fault.file, fault.line) == (chapter.path, line_of(text, code))
        assert says in fault.message
    assert list((tmp_path / "cache" / "07-t").iterdir()) == []
