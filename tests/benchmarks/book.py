"""The book: what a first view costs, how soon a dial answers, what building it takes."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page

from book.engine.__main__ import cached, clean_build
from book.engine.chapter import Source
from book.engine.faults import ROOT
from book.engine.stage import result
from book.engine.syllabus import load
from tests.book.built import places

from ..browser.book import DIAL, LENS, Site, served
from ..browser.lab import chromium
from .row import Row, at_most

VISITS, MOVES, JUMPS = 5, 40, 12
MEGABYTE, WEIGHT = 1e6, 1.5
CHAPTER, CLEAN, AGAIN = 60, 480, 10
#: When the first dial came alive, when keys were pressed, and when which level was drawn.
RECORDER = """
  window.alive = null; window.pressed = 0; window.draws = [];
  document.addEventListener('book:alive', () => (window.alive ??= performance.now()));
  document.addEventListener('keydown', () => {
    window.pressed = performance.now(); window.draws = [];
  }, true);
  document.addEventListener('rgwidgets:draw', ({ detail }) => window.draws.push(detail));
"""
DRAWN = """(index) => {
  const draw = window.draws.find((draw) => draw.index === index);
  return draw ? draw.at - window.pressed : null;
}"""


def visit(browser: Browser, address: str) -> Page:
    """A page that nobody has seen before, with nothing in any cache."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.add_init_script(RECORDER)
    page.goto(address)
    return page


def weight(browser: Browser, address: str) -> int:
    """Bytes over the wire until the first lens of a page is alive and its chart is drawn."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    total = 0

    def count(event: dict[str, float]) -> None:
        nonlocal total
        total += int(event["encodedDataLength"])

    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.loadingFinished", count)
    page.goto(address)
    page.locator(LENS).first.scroll_into_view_if_needed()
    page.locator(DIAL).first.wait_for(state="attached")
    page.wait_for_load_state("networkidle")
    context.close()
    return total


def readiness(browser: Browser, address: str) -> float:
    """Seconds from the request of the page to a dial that can be turned; the median visit."""
    times = []
    for _ in range(VISITS):
        page = visit(browser, f"{address}#turn-the-dial")
        times.append(page.wait_for_function("window.alive").json_value() / 1e3)
        page.context.close()
    return statistics.median(times)


def turns(browser: Browser, address: str) -> list[float]:
    """Milliseconds from key to draw call, to and fro between two scales that are loaded."""
    page = visit(browser, f"{address}#turn-the-dial")
    dial = page.locator(DIAL).first
    dial.focus()
    start = int(dial.input_value())
    step = ["ArrowRight", "ArrowLeft"] if start == 0 else ["ArrowLeft", "ArrowRight"]
    near = start + 1 if start == 0 else start - 1
    page.wait_for_load_state("networkidle")
    times = []
    for move in range(MOVES + 4):
        page.keyboard.press(step[move % 2])
        target = [near, start][move % 2]
        times.append(float(page.wait_for_function(DRAWN, arg=target).json_value()))
        page.wait_for_timeout(30)
    page.context.close()
    return times[4:]  # the first moves paint what is painted once


def jumps(browser: Browser, address: str) -> list[float]:
    """Milliseconds from key to draw call of a scale that must be fetched first."""
    times = []
    for _ in range(JUMPS):
        page = visit(browser, f"{address}#turn-the-dial")
        dial = page.locator(DIAL).first
        dial.focus()
        page.wait_for_load_state("networkidle")
        last = int(dial.get_attribute("max") or 0)
        far = 0 if int(dial.input_value()) > last / 2 else last
        page.keyboard.press("End" if far else "Home")
        times.append(float(page.wait_for_function(DRAWN, arg=far).json_value()))
        page.context.close()
    return times


def _pictured(site: Site) -> str:
    """The page whose first lens has the largest pictures: the slowest to turn."""
    found = [
        (max((path.stat().st_size for path in folder.glob("level-*.bin")), default=0), name)
        for name, folder in site.records()
        if folder.name == "lens-1" and (folder / "level-3.bin").is_file()
    ]
    return max(found)[1]


def _timed(what: str, times: list[float], goal: float) -> Row:
    middle, high = statistics.median(times), statistics.quantiles(times, n=20)[-1]
    shown = f"{middle:.2f} / {high:.2f} ms"
    return Row("book", what, shown, f"≤ {goal:g} ms", middle <= goal)


def pages(site: Site, browser: Browser) -> Iterator[Row]:
    """What a reader waits for."""
    for chapter in site.chapters:
        address = f"{site.url}{chapter.slug}.html"
        size = weight(browser, address) / MEGABYTE
        yield at_most("book", f"{chapter.slug}: first view", size, WEIGHT, unit="MB")
        ready = readiness(browser, address)
        yield at_most("book", f"{chapter.slug}: a dial to turn", ready, 1, unit="s")
    name = _pictured(site)
    slug = name.removesuffix(".html")
    yield _timed(f"{slug}: dial to draw, loaded", turns(browser, site.url + name), 3)
    yield _timed(f"{slug}: dial to draw, fetched", jumps(browser, site.url + name), 50)


def building() -> Iterator[Row]:
    """What building takes: as measured when it was last done, and once more with no change."""
    book = places()
    sources = {c.slug: Source.read(c.source) for c in load(book).written}
    for slug, folder in cached(sources, book).items():
        seconds = result(folder)["seconds"]
        yield at_most("book", f"{slug}: executed in", seconds, CHAPTER, unit="s")
    if clean_build(book) is None:
        _build(book.book, "--fresh")
    measured = clean_build(book)
    assert measured is not None
    what = f"clean build, {measured['chapters']} chapters, {measured['jobs']} at once"
    yield at_most("book", what, measured["seconds"], CLEAN, unit="s")
    yield at_most("book", "second build, nothing changed", _build(book.book), AGAIN, unit="s")


def _build(folder: Path, *options: str) -> float:
    """Seconds of a build in a process of its own."""
    command = [sys.executable, "-m", "book.engine", "--book", str(folder), *options]
    start = time.monotonic()
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def rows() -> Iterator[Row]:
    """Pages in Chromium on this machine, then the build."""
    with served() as site, chromium() as browser:
        yield from pages(site, browser)
    yield from building()
