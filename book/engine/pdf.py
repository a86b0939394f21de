"""`python -m book.engine.pdf`: the built book as one PDF, printed by the system's Chromium.

Nothing is fetched from elsewhere: the browser is given the built site's own files and no network.
"""

from __future__ import annotations

import argparse
import io
import mimetypes
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from rgwidgets._version import __version__

from . import paper, syllabus
from .faults import ROOT, BookError, Fault, refuse
from .places import Places

NAME = "rgwidgets-book.pdf"
HOST = "http://book.invalid"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: width of the text on A4, in CSS pixels: what is wider is set smaller
WIDTH = 635
#: a formula, table or line of code is never set smaller than this part of its size
SMALLEST = 0.55
#: how often the book is printed until its page numbers stand still
PRINTINGS = 4
PATIENCE = 120_000  # milliseconds
FAILED = 1

_READY = """() =>
  document.fonts.status === "loaded" && [...document.images].every((image) => image.complete)"""
_UNSEEN = """() =>
  [...document.images].filter((i) => i.naturalWidth === 0).map((i) => i.getAttribute("src"))"""
_FIT = """() => {
  const tight = [];
  for (const box of document.querySelectorAll(".math .formula, .table, .value, .stream")) {
    const inner = box.firstElementChild ?? box;
    const ratio = box.clientWidth / box.scrollWidth;
    if (ratio >= 1) continue;
    inner.style.zoom = String(Math.floor(ratio * 98) / 100);
    tight.push([ratio, box.closest(".sheet")?.id ?? "", box.textContent.trim().slice(0, 60)]);
  }
  return tight;
}"""


def main() -> int:
    """Write the PDF beside the site; 0 if it is whole."""
    parser = argparse.ArgumentParser(prog="python -m book.engine.pdf", description=__doc__)
    parser.add_argument("--book", type=Path, default=Places().book, help="the folder of the book")
    options = parser.parse_args()
    start = time.monotonic()
    places = Places(options.book.resolve())
    try:
        pages = write(places, places.build / NAME)
    except BookError as error:
        print(error, file=sys.stderr)
        return FAILED
    seconds = time.monotonic() - start
    print(f"{places.build / NAME}: {pages} pages ({seconds:.1f} s)")
    return 0


def write(places: Places, target: Path) -> int:
    """Print the built book into `target`; how many pages it has. Raises `BookError`."""
    outline = syllabus.load(places)
    pages = paper.sheets(places, outline)
    title = about(places)
    content = Printer(places.html).settled(
        lambda numbers: paper.document(title, outline, pages, numbers), places
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_suffix(".part")
    half.write_bytes(content)
    os.replace(half, target)
    return len(_read(content).pages)


def about(places: Places) -> paper.Title:
    """The title page: words from myst.yml, the version of the package, the day of the sources."""
    given: dict[str, Any] = yaml.safe_load((places.book / "myst.yml").read_text("utf-8"))
    project = given["project"]
    return paper.Title(
        project["title"],
        project.get("subtitle", ""),
        __version__,
        day(),
        project.get("license", ""),
        given["site"]["options"].get("repository", ""),
    )


def day() -> str:
    """The day of the sources: what SOURCE_DATE_EPOCH says, else the last commit, else today."""
    stamp = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not stamp and shutil.which("git"):
        told = subprocess.run(
            ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"],
            capture_output=True,
            text=True,
            check=False,
        )
        stamp = told.stdout.strip()
    when = datetime.fromtimestamp(int(stamp), UTC) if stamp.isdigit() else datetime.now(UTC)
    return f"{when.day} {when:%B %Y}"


class Printer:
    """A headless Chromium that sees one folder and nothing else."""

    def __init__(self, site: Path) -> None:
        self.site = site
        self.document = ""
        self.missing: list[str] = []

    def settled(self, made: Any, places: Places) -> bytes:
        """Print what `made(numbers)` gives until the page numbers in it are those it gets."""
        numbers: Mapping[str, int] = {}
        for _ in range(PRINTINGS):
            content = self.printed(made(numbers), places)
            found = numbers_of(content)
            if found == numbers:
                return content
            numbers = found
        raise BookError([Fault(places.syllabus, 1, "the page numbers do not settle")])

    def printed(self, document: str, places: Places) -> bytes:
        """One printing; raises `BookError` for what does not fit or is not there."""
        self.document, self.missing = document, []
        sync_playwright = _playwright()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=browser_path(), args=FLAGS)
            try:
                page = browser.new_page(viewport={"width": WIDTH, "height": 940})
                page.set_default_timeout(PATIENCE)
                page.route("**/*", self._answer)
                page.emulate_media(media="print", color_scheme="light")
                page.goto(f"{HOST}/paper.html")
                page.wait_for_function(_READY, polling=100)
                unseen = page.evaluate(_UNSEEN) + self.missing
                refuse(Fault(self.site / name, 1, "cannot be printed") for name in {*unseen})
                refuse(_too_wide(page.evaluate(_FIT), places))
                content: bytes = page.pdf(prefer_css_page_size=True, outline=True, tagged=True)
            finally:
                browser.close()
        return content

    def _answer(self, route: Any) -> None:
        name = route.request.url.removeprefix(HOST).split("?")[0].lstrip("/")
        if name == "paper.html":
            route.fulfill(body=self.document, content_type="text/html; charset=utf-8")
            return
        path = self.site / name
        if route.request.url.startswith(HOST) and path.is_file():
            kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
            route.fulfill(body=path.read_bytes(), content_type=kind)
            return
        self.missing.append(name)
        route.abort()


def _too_wide(tight: list[tuple[float, str, str]], places: Places) -> list[Fault]:
    return [
        Fault(places.book, 1, f"{slug}: too wide for paper, by {1 / ratio:.1f}: {words}")
        for ratio, slug, words in tight
        if ratio < SMALLEST
    ]


def _playwright() -> Any:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        message = "Playwright is not installed: run `make pdf`"
        raise BookError([Fault(ROOT / "Makefile", 1, message)]) from error
    return sync_playwright


def browser_path() -> str:
    """The system's Chromium, never one that Playwright would download."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        message = "there is no Chromium to print with: run `make browser`"
        raise BookError([Fault(ROOT / "Makefile", 1, message)])
    return found


def numbers_of(content: bytes) -> dict[str, int]:
    """{anchor: the number of the page that it is on, from 1}."""
    reader = _read(content)
    found = {}
    for name, place in reader.named_destinations.items():
        number = reader.get_destination_page_number(place)
        if number is not None:
            found[name.lstrip("/")] = number + 1
    return found


def _read(content: bytes) -> Any:
    try:
        from pypdf import PdfReader
    except ImportError as error:
        message = "pypdf is not installed: run `make pdf`"
        raise BookError([Fault(ROOT / "Makefile", 1, message)]) from error
    return PdfReader(io.BytesIO(content))


if __name__ == "__main__":
    raise SystemExit(main())
