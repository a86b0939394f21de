"""Where things lie: sources in `book/`, what is made in `book/_build` and `book/.cache`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .faults import ROOT


@dataclass(frozen=True)
class Places:
    """The folders of one book; the tests build small ones elsewhere."""

    book: Path = ROOT / "book"

    @property
    def chapters(self) -> Path:
        """The sources of the chapters."""
        return self.book / "chapters"

    @property
    def syllabus(self) -> Path:
        """The single source of what is known of each chapter."""
        return self.book / "chapters.yml"

    @property
    def build(self) -> Path:
        """Everything that is made."""
        return self.book / "_build"

    @property
    def stage(self) -> Path:
        """What the site engine is given."""
        return self.build / "stage"

    @property
    def html(self) -> Path:
        """The finished site."""
        return self.build / "html"

    @property
    def cache(self) -> Path:
        """Executed chapters, kept over `make clean`."""
        return self.book / ".cache"


#: code that the book borrows from the rest of the tree
THEME = ROOT / "book" / "theme"
PLUGINS = ROOT / "book" / "plugins"
LIBRARIES = ROOT / "labextension" / "node_modules"
BUNDLE = ROOT / "rgwidgets" / "widgets" / "static"
STILLS = ROOT / "labextension" / "lens" / "dist" / "still.mjs"
