"""One JupyterLab and one browser for all browser tests, gone after them; a fresh page for each."""

from __future__ import annotations

import pytest

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


@pytest.fixture(scope="package")
def browser():
    with chromium() as browser:
        yield browser


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
