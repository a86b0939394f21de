"""One JupyterLab and one browser for all browser tests, gone after them; a fresh page for each."""

from __future__ import annotations

import pytest

from .book import reading, served
from .lab import chromium, running

#: The index of each level that a lens has drawn, in order.
NOTE_DRAWS = """
  window.drawn = [];
  document.addEventListener('rgwidgets:draw', (event) => window.drawn.push(event.detail.index));
"""


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
    page.add_init_script(NOTE_DRAWS)
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    context.close()
    assert faults == [], "the page threw"
