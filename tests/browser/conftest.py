"""One JupyterLab and one browser for all browser tests, gone after them; a fresh page for each."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Error, Page, expect

from .book import reading, served
from .lab import PATIENCE, chromium, running, shoot

expect.set_options(timeout=PATIENCE)  # of these tests two run at once, and never for their speed

#: The index of each level that a lens has drawn, in order.
NOTE_DRAWS = """
  window.drawn = [];
  document.addEventListener('rgwidgets:draw', (event) => window.drawn.push(event.detail.index));
"""
#: JupyterLab throws if a kernel ends before it has answered; the extension makes no requests.
LABS_OWN = re.compile(r"Canceled future for \w+_request message before replies were done")
#: What somebody in front of the page would tell of it.
SEEN = """() => {
  const text = (what) => [...document.querySelectorAll(what)].map(e => e.innerText);
  const current = window.jupyterapp?.shell.currentWidget;
  const session = current?.sessionContext;
  return { dialogs: text('.jp-Dialog'), notices: text('.jp-Notification-Toast'),
           current: current?.context?.path ?? current?.id, session: session?.session?.path,
           kernel: session?.session?.kernel?.status, pending: session?.kernelDisplayStatus };
}"""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test tells what its page shows, where nobody can look at it."""
    report = yield
    given = getattr(item, "funcargs", {})
    page = given.get("page") or given.get("lonely")
    if report.when == "call" and report.failed and isinstance(page, Page):
        try:
            report.sections.append(("The page", str(page.evaluate(SEEN))))
            shoot(page, f"failed-{item.name}")
        except Error as reason:
            report.sections.append(("The page", f"cannot be looked at: {reason}"))
    return report


@pytest.fixture(scope="package")
def lab():
    with running() as lab:
        yield lab


@pytest.fixture(autouse=True)
def tidy(request):
    """What a test computed does not go on behind the next."""
    yield
    if "lab" in request.fixturenames:
        request.getfixturevalue("lab").kernels.tidy()


@pytest.fixture(scope="package")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="package")
def site():
    """The whole built book, served on this machine."""
    with served() as site:
        yield site


@pytest.fixture
def reader(browser, site):
    """A reader of the book, for whom nothing may go wrong."""
    with reading(browser, site) as reader:
        yield reader
    assert reader.faults == []


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.add_init_script(NOTE_DRAWS)
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    context.close()
    assert [fault for fault in faults if not LABS_OWN.search(fault)] == [], "the page threw"


@pytest.fixture
def lonely(browser):
    """A page that may throw: without a kernel, the widget manager of others does."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    yield page
    context.close()
