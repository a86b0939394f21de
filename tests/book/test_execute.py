"""Chapters run in kernels of their own, are remembered, and fail with file and line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from book.engine import execute
from book.engine.chapter import Source
from book.engine.faults import ROOT, BookError
from tests.book.small import line_of

HEAD = "---\nkernelspec: {name: python3, display_name: Python 3}\n---\n# T\n\n"
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


@pytest.mark.slow
def test_a_chapter_gives_its_outputs_its_numbers_and_its_modules(tmp_path: Path) -> None:
    chapter = source(tmp_path, PLAIN.replace("x = 2", "import rgwidgets.core.scale\nx = 2"))
    folder = execute.execute(chapter, tmp_path / "cache")
    result = json.loads((folder / "result.json").read_text())
    assert result["cells"] == [{"outputs": [{"kind": "stream", "name": "stdout", "text": "2\n"}]}]
    assert result["expressions"] == ["3"]
    assert "rgwidgets/core/scale.py" in result["modules"]
    assert execute.cached(chapter, tmp_path / "cache") == folder


@pytest.mark.slow
def test_a_chart_becomes_a_picture(tmp_path: Path) -> None:
    code = "import altair as alt\nalt.Chart({'values': [{'a': 1}]}).mark_point()"
    folder = execute.execute(source(tmp_path, PLAIN.replace("print(x)", code)), tmp_path / "cache")
    (cell,) = json.loads((folder / "result.json").read_text())["cells"]
    assert cell["outputs"] == [{"kind": "image", "file": "output-0-0.svg"}]
    assert (folder / "output-0-0.vl.json").is_file()


@pytest.mark.slow
def test_every_lens_of_a_chapter_is_recorded(tmp_path: Path) -> None:
    lens = "import rgwidgets as rg\nfrom rgwidgets import MigdalKadanoff as Scheme\n"
    lens += "flow = rg.Flow(rg.Theory(couplings={'K': 0.3}), Scheme(2), cutoffs=[1, 2])\n"
    lens += "rg.Lens(flow)"
    text = HEAD + 2 * f"```{{code-cell}}\n{lens}\n```\n\n"
    folder = execute.execute(source(tmp_path, text), tmp_path / "cache")
    cells = json.loads((folder / "result.json").read_text())["cells"]
    assert [cell["outputs"][0]["record"] for cell in cells] == ["lens-1", "lens-2"]
    assert (folder / "lens-2" / "index.json").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "at", "says"),
    [
        (PLAIN.replace("print(x)", "y = 1\n1 / 0"), "1 / 0", "raises ZeroDivisionError"),
        (PLAIN.replace("x + 1", "nothing"), "{eval}", "this expression fails: NameError"),
        (
            PLAIN.replace("print(x)", "import warnings; warnings.warn('mind')"),
            "x = 2",
            "this cell warns",
        ),
        (
            PLAIN.replace(
                "print(x)", "from IPython.display import HTML\nHTML('<script></script>')"
            ),
            "x = 2",
            "puts out a script",
        ),
        (
            PLAIN.replace("print(x)", "import ipywidgets\nipywidgets.IntSlider()"),
            "x = 2",
            "a widget that is no lens",
        ),
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
