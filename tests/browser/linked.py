"""Notebooks whose lenses share a scale, and the bar that turns them all."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from .lab import PATIENCE

FLOW = """
import rgwidgets as rg
def lens(seed, size=64, title=None):
    lattices = rg.Ising(size, seed=seed, device="cpu").sample(4, discard=5)
    return rg.Lens(rg.Flow(lattices, rg.BlockSpin(2)), views=["field"], title=title)
"""
BAR = ".rg-bar:visible"
TITLED = "(label) => window.jupyterapp.shell.currentWidget.title.label === label"
DIALS = ".jp-OutputArea .rg-lens .rg-dial input[type=range]"
#: Sets the bar's dial as a hand does, and waits for the last lens's pixels.
TURN = """(count) => new Promise((resolve) => {
  const dial = document.querySelector('.rg-bar:not(.lm-mod-hidden) input');
  const lenses = new Set();
  const start = performance.now();
  const note = ({ detail, target }) => {
    lenses.add(target);
    if (lenses.size < count) return;
    document.removeEventListener('rgwidgets:draw', note);
    resolve(detail.at - start);
  };
  document.addEventListener('rgwidgets:draw', note);
  dial.value = String((Number(dial.value) + 1) % (Number(dial.max) + 1));
  dial.dispatchEvent(new Event('input', { bubbles: true }));
})"""


def bar(page: Page) -> Locator:
    """The bar of the notebook in front, once it is there."""
    found = page.locator(BAR)
    expect(found).to_have_count(1, timeout=PATIENCE)
    return found


def expect_dials(page: Page, values: list[str]) -> None:
    page.wait_for_function(
        """([css, values]) => {
          const now = [...document.querySelectorAll(css)].map((dial) => dial.value);
          return JSON.stringify(now) === JSON.stringify(values);
        }""",
        arg=[DIALS, values],
    )
