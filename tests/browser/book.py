"""The built book in a real browser that may ask nobody but the machine that serves it."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, Route

from book.engine.__main__ import build
from book.engine.places import LIBRARIES
from book.engine.syllabus import Chapter, load
from rgwidgets.cli.book import server
from tests.book.built import places

AXE = LIBRARIES / "axe-core" / "axe.min.js"
RUN_AXE = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ['violations'] });
  return violations.map(({ id, impact, nodes }) =>
    [impact, id, nodes.slice(0, 3).map(({ target }) => target.join(' '))]);
}"""
LENS = ".lens[data-record]"
DIAL = ".rg-dial input[type=range]"
PATIENCE = 20_000
#: What the page has drawn, and when; kept from before its own scripts run.
NOTE_DRAWS = """
  window.drawn = [];
  document.addEventListener('rgwidgets:draw', (event) => window.drawn.push(event.detail.index));
"""


@dataclass
class Site:
    """A built book and where it is served."""

    folder: Path
    url: str
    chapters: tuple[Chapter, ...]

    @property
    def pages(self) -> list[str]:
        """Every page's file name."""
        return sorted(path.name for path in self.folder.glob("*.html"))

    def page_of(self, number: int) -> str:
        """The file name of a chapter."""
        return next(f"{c.slug}.html" for c in self.chapters if c.number == number)

    def records(self) -> list[tuple[str, Path]]:
        """(page, folder) of every record of the book."""
        found = sorted(self.folder.glob("records/*/lens-*"))
        return [(f"{path.parent.name}.html", path) for path in found]


@contextlib.contextmanager
def served() -> Iterator[Site]:
    """The book as it is now, served on this machine."""
    book = places()
    build(book)
    with server(book.html) as serving:
        thread = threading.Thread(target=serving.serve_forever, daemon=True)
        thread.start()
        try:
            port = serving.server_address[1]
            yield Site(book.html, f"http://127.0.0.1:{port}/", tuple(load(book).written))
        finally:
            serving.shutdown()
            thread.join()


@dataclass
class Reader:
    """One reader with one window: what they asked for and what went wrong is written down."""

    site: Site
    context: BrowserContext
    page: Page
    #: requests to another machine; each was refused
    away: list[str] = field(default_factory=list)
    #: errors of the page and of its console
    faults: list[str] = field(default_factory=list)

    def open(self, name: str) -> Page:
        """Go to a page of the book."""
        self.page.goto(self.site.url + name)
        return self.page

    def lens(self, which: int = 0) -> Locator:
        """A lens of the page, brought near and alive."""
        place = self.page.locator(LENS).nth(which)
        place.scroll_into_view_if_needed()
        place.locator(DIAL).wait_for(state="attached")
        return place

    def enliven(self) -> int:
        """Bring every lens of the page to life; how many there are."""
        count = self.page.locator(LENS).count()
        for which in range(count):
            self.lens(which)
        return count

    @contextlib.contextmanager
    def without(self, part: str) -> Iterator[None]:
        """For a while, addresses with this part answer 404."""
        address = re.compile(re.escape(part))
        self.context.route(address, lambda route: route.fulfill(status=404, body="not here"))
        yield
        self.context.unroute(address)

    def refuse(self, route: Route, request: Request) -> None:
        """What another machine is asked for never leaves this one."""
        self.away.append(request.url)
        route.abort()


def findings(page: Page) -> list[list[object]]:
    """What axe-core finds that keeps somebody out."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    return [found for found in page.evaluate(RUN_AXE) if found[0] in ("serious", "critical")]


@contextlib.contextmanager
def reading(
    browser: Browser, site: Site, *, width: int = 1280, height: int = 900, **options: Any
) -> Iterator[Reader]:
    """A reader with a profile of their own; raises if anybody else was asked for anything.

    `options` are those of a browser context: `color_scheme`, `java_script_enabled`, …
    """
    context = browser.new_context(
        viewport={"width": width, "height": height}, service_workers="block", **options
    )
    try:
        context.set_default_timeout(PATIENCE)
        reader = Reader(site, context, context.new_page())
        context.route(re.compile(f"^(?!{re.escape(site.url)}|data:|blob:)"), reader.refuse)
        context.on("request", lambda request: _note(reader, request))
        reader.page.add_init_script(NOTE_DRAWS)
        reader.page.on("pageerror", lambda error: reader.faults.append(str(error)))
        reader.page.on("console", lambda said: _heard(reader, said.type, said.text))
        yield reader
        assert reader.away == [], "somebody else was asked"
    finally:
        context.close()


def _note(reader: Reader, request: Request) -> None:
    """What a route cannot hold back, a preconnected socket for one, is at least seen."""
    if not request.url.startswith((reader.site.url, "data:", "blob:")):
        reader.away.append(request.url)


def _heard(reader: Reader, kind: str, words: str) -> None:
    if kind in ("error", "warning"):
        reader.faults.append(f"{kind}: {words}")


def scales(place: Locator) -> int:
    """How many scales the dial of a living lens has."""
    return int(place.locator(DIAL).get_attribute("max") or 0) + 1


def turn(place: Locator, index: int) -> None:
    """Turn a dial by the keyboard, one step at a time."""
    dial = place.locator(DIAL)
    dial.focus()
    while (at := int(dial.input_value())) != index:
        dial.press("ArrowRight" if at < index else "ArrowLeft")
