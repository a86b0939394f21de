"""A chapter's source: its cells, its parts, and what house rules say of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nbformat
from jupytext.myst import MystMetadataParsingError, myst_to_notebook

from .faults import BookError, Fault

#: anchor → heading; the bridge looks to one side, to the other, or to both
PARTS = {
    "predict": ("Predict",),
    "turn-the-dial": ("Turn the dial",),
    "the-idea": ("The idea",),
    "do-it-yourself": ("Do it yourself",),
    "exercises": ("Exercises",),
    "where-this-fails": ("Where this fails",),
    "bridge": ("For interpretability", "For physics", "For interpretability, for physics"),
    "further-reading": ("Further reading",),
}
EXPRESSION = re.compile(r"\{eval\}`([^`]+)`")
_DIRECTIVE = re.compile(r"^\s*(:{3,}|`{3,})\{([\w:-]+)\}\s*(.*)$")
#: directives whose body is no Markdown
_LITERAL = {"{code-cell", "{math", "{code", "{code-block"}
_FENCE = re.compile(r"^\s*(`{3,}|~{3,})(.*)$")


@dataclass(frozen=True)
class Cell:
    """One code cell: its code, where it stands, what it is called."""

    code: str
    line: int
    label: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Expression:
    """A number in the prose that comes from code: evaluated after `after` cells have run."""

    code: str
    line: int
    after: int


@dataclass(frozen=True)
class Part:
    """What lies between two headings of the second level."""

    anchor: str
    title: str
    line: int
    text: str
    directives: tuple[tuple[str, str, int], ...]

    def count(self, name: str) -> int:
        """How many directives of this name there are."""
        return sum(found == name for found, _, _ in self.directives)


@dataclass(frozen=True)
class Source:
    """The text of a chapter, taken apart."""

    path: Path
    text: str

    @classmethod
    def read(cls, path: Path) -> Source:
        """Read a chapter."""
        return cls(path, path.read_text(encoding="utf-8"))

    @cached_property
    def notebook(self) -> nbformat.NotebookNode:
        """The chapter as a notebook without outputs; raises `BookError` on bad metadata."""
        try:
            made: nbformat.NotebookNode = myst_to_notebook(self.text, add_source_map=True)
        except (MystMetadataParsingError, ValueError) as error:
            raise BookError([Fault(self.path, 1, f"cannot be read: {error}")]) from error
        return made

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """The code cells in order."""
        found = []
        for cell, fence in zip(
            self.notebook.cells, self.notebook.metadata["source_map"], strict=True
        ):
            if cell.cell_type == "code":
                meta = cell.metadata
                label, tags = str(meta.get("label", "")), tuple(meta.get("tags", ()))
                found.append(Cell(cell.source, self._code_line(cell.source, fence), label, tags))
        return tuple(found)

    def _code_line(self, code: str, fence: int) -> int:
        """The line of the cell's first line of code: its options come before."""
        lines = self.text.splitlines()
        start = code.splitlines()[0] if code else ""
        return next((i + 1 for i in range(fence, len(lines)) if lines[i] == start), fence + 1)

    @cached_property
    def expressions(self) -> tuple[Expression, ...]:
        """The numbers in the prose, in order."""
        starts = [cell.line for cell in self.cells]
        found = []
        for line, text in self._prose():
            for match in EXPRESSION.finditer(text):
                after = sum(start < line for start in starts)
                found.append(Expression(match[1], line, after))
        return tuple(found)

    def _prose(self) -> Iterator[tuple[int, str]]:
        """(line, text) of everything outside code fences and front matter."""
        fence, front = "", self.text.startswith("---\n")
        open_directives: list[str] = []
        for at, text in enumerate(self.text.splitlines(), 1):
            if front:
                front = at == 1 or text.rstrip() != "---"
                continue
            opened = _FENCE.match(text)
            if fence:
                if opened and opened[1].startswith(fence) and not opened[2].strip():
                    fence = ""
                continue
            if opened and not opened[2].strip() and opened[1] in open_directives[-1:]:
                open_directives.pop()
            elif opened and opened[2].startswith("{") and opened[2].split("}")[0] not in _LITERAL:
                open_directives.append(opened[1])
            elif opened:
                fence = opened[1]
            if not fence or opened:
                yield at, text

    @cached_property
    def title(self) -> tuple[str, int]:
        """The heading of the chapter and its line; ("", 1) if there is none."""
        for line, text in self._prose():
            if text.startswith("# "):
                return text[2:].strip(), line
        return "", 1

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """What lies under each heading of the second level."""
        found: list[tuple[str, int, list[str], list[tuple[str, str, int]]]] = []
        for line, text in self._prose():
            if text.startswith("## "):
                found.append((text[3:].strip(), line, [], []))
            elif found:
                found[-1][2].append(text)
                if match := _DIRECTIVE.match(text):
                    found[-1][3].append((match[2], match[3].strip(), line))
        return tuple(
            Part(_anchor(title), title, line, "\n".join(lines), tuple(directives))
            for title, line, lines, directives in found
        )

    def part(self, anchor: str) -> Part | None:
        """The part of this anchor."""
        return next((part for part in self.parts if part.anchor == anchor), None)


def _anchor(title: str) -> str:
    for anchor, titles in PARTS.items():
        if title in titles:
            return anchor
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
