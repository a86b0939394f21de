"""A lens lives while a page shows it, in a real JupyterLab, and no longer."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from .lab import Lab, open_notebook, run_all

pytestmark = pytest.mark.browser

MAKE = """
import gc, ipywidgets, torch, rgwidgets as rg
from IPython.display import display
torch.set_num_threads(1)
def lens():
    made = rg.Lens(rg.Flow(rg.Ising(32, seed=1).theory(), rg.BlockSpin(2)), views=["field"])
    made.observe(lambda change: heard.append(change["new"]), "cutoff")
    return made
heard = []
out = ipywidgets.Output()
out
"""
INSIDE = "with out: display(lens())"
LAST = "lens()"
COUNT = """
import time
time.sleep(0.5)  # the page says what it took away when the kernel is free
"""
TOLD = """
gc.collect()
flows = sum(isinstance(thing, rg.Flow) for thing in gc.get_objects())
print("alive", flows, "heard", len(heard))
"""


def run(page: Page, cell: int) -> None:
    """Run one cell and wait for its end."""
    page.evaluate(
        """async (cell) => {
          const { shell, commands } = window.jupyterapp;
          shell.currentWidget.content.activeCellIndex = cell;
          await commands.execute('notebook:run-cell');
        }""",
        cell,
    )


def test_a_cell_that_runs_again_leaves_what_the_page_still_shows(page: Page, lab: Lab) -> None:
    name = lab.write("lives.ipynb", MAKE, INSIDE, LAST, COUNT, TOLD)
    open_notebook(page, lab, name)
    run_all(page)
    shown = page.locator(".jp-Notebook .rg-lens")
    expect(shown).to_have_count(2)
    for _ in range(3):
        run(page, 2)
        run(page, 3)
    run(page, 4)
    told = page.locator(".jp-OutputArea-output", has_text="alive").last
    expect(told).to_have_text("alive 2 heard 0\n")
    run(page, 1)  # a second lens in the same `out`, which still shows the first
    run(page, 3)
    expect(shown).to_have_count(3)
    for place in range(3):
        shown.nth(place).locator("input[type=range]").press("End")
    run(page, 4)
    expect(told).to_have_text("alive 3 heard 3\n")
