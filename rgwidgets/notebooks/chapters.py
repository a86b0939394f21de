"""The book's chapters as notebooks: plain Markdown and code cells, for a reader to keep."""

from __future__ import annotations

import json
import re
import site
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

#: in a clone, in an environment, in a user's own
_HOMES = (
    Path(__file__).parents[2] / "book",
    Path(sys.prefix) / "share" / "rgwidgets" / "book",
    Path(site.getuserbase()) / "share" / "rgwidgets" / "book",
)
INDEX = "contents.ipynb"

_LABEL = re.compile(r"^\([\w:.-]+\)=$")
_OPEN = re.compile(r"^(:{3,}|`{3,})\{([\w:-]+)\}\s*(.*)$")
_OPTION = re.compile(r"^:(\w+):\s*(.*)$")
_MATH = re.compile(r"\$\$\s*\(([\w:.-]+)\)\s*$")
_KEY = re.compile(r"([a-z_-]+?)(\d{4})[a-z]?$")
#: directives that are folded, with what is written on the fold
_FOLDED = {"solution": "Solution", "tutor": "For the tutor", "dropdown": "", "hint": "Hint"}
_DROPPED = {"image"}
_EVAL = re.compile(r"\{eval\}`([^`]+)`")


def home() -> Path | None:
    """The folder that holds `chapters/` and `chapters.yml`; None if they were not installed."""
    return next((home for home in _HOMES if (home / "chapters").is_dir()), None)


def sources() -> list[Path]:
    """The chapters' MyST texts, in order."""
    found = home()
    return sorted((found / "chapters").glob("[0-9][0-9]-*.md")) if found else []


def to_notebook(text: str, *, install: str = "", values: Sequence[str] = ()) -> dict[str, Any]:
    """A chapter's MyST text as a notebook (nbformat 4) without outputs.

    Directives become headings, quotations and folds that every notebook shows; terms, citations
    and references become words. With `install`, what pip knows the package by, the first cell
    installs it where it is missing, on Colab for one. `values` take the places of the numbers in
    the prose that come from code, in order; without them their code is shown.

    Raises
    ------
    RGError
        If jupytext is not installed.

    Examples
    --------
    >>> text = "# Spins\\n\\nSee {cite:p}`kadanoff1966`.\\n\\n```{code-cell}\\n1 + 1\\n```"
    >>> made = to_notebook(text)
    >>> [(cell["cell_type"], cell["source"]) for cell in made["cells"]]
    [('markdown', '# Spins\\n\\nSee (Kadanoff 1966).'), ('code', '1 + 1')]
    """
    try:
        from jupytext.myst import myst_to_notebook
    except ImportError as error:
        from ..core.errors import RGError  # loads torch

        raise RGError(
            "jupytext", given="not installed", mend='run `pip install "rgwidgets[lab]"`'
        ) from error
    cells: list[dict[str, Any]] = [_code(_INSTALL.format(install))] if install else []
    known = iter(values)
    text = _EVAL.sub(lambda match: next(known, f"`{match[1]}`"), text)
    for cell in myst_to_notebook(text).cells:
        if cell.cell_type == "code":
            cells.append(_code(cell.source))
        else:
            cells.extend(_split(plain(cell.source)))
    for number, made in enumerate(cells, 1):
        made["id"] = f"cell-{number}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def to_bytes(notebook: dict[str, Any]) -> bytes:
    """A notebook as the bytes of its file."""
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode()


def copy(source: Path) -> bytes:
    """A chapter as the bytes of a reader's notebook."""
    return to_bytes(to_notebook(source.read_text("utf-8")))


def index(home: Path) -> dict[str, Any]:
    """A notebook that lists every chapter, linked where it is written."""
    import yaml

    outline = yaml.safe_load((home / "chapters.yml").read_text("utf-8"))
    lines = ["# A dial on renormalisation", "", "Your own copies: change them as you like.", ""]
    for part in outline["parts"]:
        lines += [f"## {part['title']}", ""]
        for chapter in part["chapters"]:
            name = f"{chapter['number']:02}-{chapter['slug']}"
            written = (home / "chapters" / f"{name}.md").is_file()
            title = f"[{chapter['title']}]({name}.ipynb)" if written else chapter["title"]
            state = "" if written else " (planned)"
            lines.append(f"{chapter['number']}. {title}{state}: *{chapter['predict']}*")
        lines.append("")
    made = to_notebook("")
    made["cells"] = [{**_markdown("\n".join(lines).strip()), "id": "contents"}]
    return made


def _code(source: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": source,
    }


def _markdown(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


_CHECK = "<<check "
_RULES = Path(__file__).parents[1] / "exercises" / "rules.json"
_ANSWER = """from rgwidgets.exercises import check, hint

answer = None  # yours to {id}; hint("{id}") helps
check("{id}", answer) if answer is not None else None"""
_INSTALL = """import importlib.util

if importlib.util.find_spec("rgwidgets") is None:
    %pip install -q "{}\""""


def _split(text: str) -> Iterator[dict[str, Any]]:
    """Markdown cells, cut where an exercise wants a cell for its answer."""
    checked = json.loads(_RULES.read_text("utf-8"))["exercises"] if _RULES.is_file() else {}
    rest: list[str] = []
    for line in text.splitlines():
        if line.startswith(_CHECK):
            yield _markdown("\n".join(rest).strip())
            if (id := line.removeprefix(_CHECK)) in checked:
                yield _code(_ANSWER.format(id=id))
            rest = []
        else:
            rest.append(line)
    if "".join(rest).strip():
        yield _markdown("\n".join(rest).strip())


def plain(text: str) -> str:
    """MyST as the Markdown that every notebook shows.

    >>> print(plain(":::{moment} 4\\nThe clusters are still there.\\n:::"))
    - **At 4:** The clusters are still there.
    """
    return _roles("\n".join(_lines(text.splitlines())))


def _lines(lines: list[str]) -> Iterator[str]:
    at = 0
    while at < len(lines):
        line = lines[at]
        opened = _OPEN.match(line)
        if opened and opened[2] not in ("code-cell", "math"):
            end = _closing(lines, at, opened[1])
            yield from _directive(opened[2], opened[3].strip(), lines[at + 1 : end])
            at = end
        elif not _LABEL.match(line):
            yield _MATH.sub(lambda m: rf"\tag{{{m[1].removeprefix('eq-')}}} $$", line)
        at += 1


def _closing(lines: list[str], start: int, fence: str) -> int:
    for at in range(start + 1, len(lines)):
        if lines[at].strip() == fence:
            return at
    return len(lines)


def _directive(name: str, argument: str, body: list[str]) -> Iterator[str]:
    options: dict[str, str] = {}
    while body and (match := _OPTION.match(body[0])):
        options[match[1]] = match[2]
        body = body[1:]
    inner = list(_lines(body))
    words = "\n".join(inner).strip()
    if name in _FOLDED:
        asked = argument.replace("exercise-", "of ")
        title = " ".join(filter(None, (_FOLDED[name], asked)))
        yield from ["", f"<details><summary>{title}</summary>", "", words, "", "</details>", ""]
    elif name == "exercise":
        id = options.get("label", "").removeprefix("exercise-")
        yield from ["", f"### Exercise {id}: {argument}", "", words, "", f"{_CHECK}{id}", ""]
    elif name == "moment":
        yield f"- **At {argument}:** {' '.join(words.split())}"
    elif name == "predict":
        yield from ["", "> **Before you turn the dial**", ">", *_quoted(words), ""]
    elif name == "figure":
        yield from ["", f"*{' '.join(words.split())}*", ""]
    elif name not in _DROPPED:
        title = argument or name.capitalize()
        yield from ["", f"> **{title}**", ">", *_quoted(words), ""]


def _quoted(words: str) -> list[str]:
    return [f"> {line}".rstrip() for line in words.splitlines()]


def _cited(match: re.Match[str]) -> str:
    inside = match[1] != ":t"
    works = []
    for key in match[2].split(","):
        known = _KEY.match(key.strip())
        name = " ".join(known[1].replace("_", "-").split("-")).title() if known else key.strip()
        year = known[2] if known else ""
        works.append(f"{name} {year}".strip() if inside else f"{name} ({year})")
    return f"({'; '.join(works)})" if inside else ", ".join(works)


def _reference(match: re.Match[str]) -> str:
    kind, _, name = match[1].partition("-")
    return f"({name or kind})" if kind == "eq" else f"({match[1]})"


_ROLES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"\{cite(:[pt])?\}`([^`]+)`"), _cited),
    (re.compile(r"\{term\}`([^`<]+?)\s*(?:<[^>]*>)?`"), r"*\1*"),
    (re.compile(r"\{abbr\}`([^`(]+?)\s*\([^)]*\)`"), r"\1"),
    (re.compile(r"\{eq\}`([^`]+)`"), _reference),
    (re.compile(r"\[\]\(#([\w:.-]+)\)"), _reference),
    (re.compile(r"\[([^\]]+)\]\(#[\w:.-]+\)"), r"\1"),
    (re.compile(r"\{[\w:-]+\}`([^`]+)`"), r"\1"),
)


def _roles(text: str) -> str:
    for pattern, how in _ROLES:
        text = pattern.sub(how, text)
    return re.sub(r"\n{3,}", "\n\n", text)
