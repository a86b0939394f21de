"""A lens in a panel of its own: beside its notebook, back in it, and there after a reload."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from .lab import Lab, kept_in_workspace, open_notebook, run_all, set_theme, shoot
from .linked import FLOW, TITLED, bar
from .saved import open_without_kernel, saved_notebook

IN_CELL = ".jp-Notebook .rg-lens:visible"
APART = ".rg-detached .rg-lens"


@pytest.fixture
def notebook(page: Page, lab: Lab, request: pytest.FixtureRequest) -> Page:
    """A notebook with one live lens."""
    name = lab.write(f"{request.node.name[5:40]}.ipynb", FLOW, "lens(1, title='a lattice')")
    open_notebook(page, lab, name)
    run_all(page)
    expect(page.locator(IN_CELL)).to_have_count(1)
    return page


def detached(page: Page) -> Locator:
    """The lens of the panel, opened from the menu on the lens."""
    page.locator(".jp-Notebook .rg-lens .rg-title").click(button="right")
    page.locator(".lm-Menu-item", has_text="panel of its own").click()
    found = page.locator(APART)
    expect(found).to_have_count(1)
    return found


def test_a_lens_moves_beside_its_notebook_and_comes_back(notebook: Page) -> None:
    page = notebook
    lens = detached(page)
    expect(page.locator(IN_CELL)).to_have_count(0)
    page.wait_for_function(TITLED, arg="a lattice")
    boxes = [page.locator(css).bounding_box() for css in (".jp-Notebook", ".rg-detached")]
    assert all(boxes)
    left, right = boxes
    assert right["x"] >= left["x"] + left["width"] - 1  # side by side
    dial = lens.locator("input[type=range]")
    dial.press("End")
    expect(dial).to_have_value(str(dial.get_attribute("max")))
    for theme in ("dark", "light"):
        set_theme(page, theme)
        shoot(page, f"detached-{theme}")
    page.locator(".rg-signpost button").click()
    expect(page.locator(APART)).to_have_count(0)
    back = page.locator(IN_CELL).locator("input[type=range]")
    expect(back).to_have_value(str(back.get_attribute("max")))  # two views of one lens


def test_the_panel_is_there_after_a_reload(notebook: Page) -> None:
    page = notebook
    with kept_in_workspace(page, '"rgwidgets-detached:'):
        detached(page)
    page.evaluate(
        """async () => {
          const [panel] = window.jupyterapp.shell.widgets('main');
          await panel.context.save();
        }"""
    )
    page.goto(page.url.replace("?reset", ""))
    page.wait_for_function("() => window.jupyterapp?.restored")
    lens = page.locator(APART)
    expect(lens).to_have_count(1)
    dial = lens.locator("input[type=range]")
    dial.press("ArrowRight")
    expect(dial).to_have_value("1")
    expect(page.locator(IN_CELL)).to_have_count(0)


def test_a_cell_that_runs_again_or_is_deleted_takes_its_panel_along(notebook: Page) -> None:
    page = notebook
    lens = detached(page)
    page.evaluate(
        """() => {
          const panel = window.jupyterapp.shell.widgets('main').next().value;
          panel.content.model.sharedModel.cells[1].setSource("lens(1, title='another')");
        }"""
    )
    page.evaluate(
        """async () => {
          const { commands, shell } = window.jupyterapp;
          shell.activateById(shell.widgets('main').next().value.id);
          await commands.execute('notebook:run-all-cells');
        }"""
    )
    expect(lens.locator(".rg-title")).to_have_text("another")
    page.evaluate(
        """() => {
          const panel = window.jupyterapp.shell.widgets('main').next().value;
          panel.content.model.sharedModel.deleteCell(1);
        }"""
    )
    expect(page.locator(".rg-detached")).to_have_count(0)


def test_a_saved_lens_takes_its_dial_along_and_stays_one_in_the_bar(lonely: Page, lab: Lab) -> None:
    page = lonely
    page.set_viewport_size({"width": 1920, "height": 1000})
    open_without_kernel(page, lab, saved_notebook(lab, "apart.ipynb"))
    # Half of the page has room for the whole toolbar.
    page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
    in_cell = page.locator(IN_CELL).locator("input[type=range]")
    in_cell.press("End")
    apart = detached(page).locator("input[type=range]")
    expect(apart).to_have_value("2")
    bar(page).locator("button").last.click()
    members = page.locator(".lm-Menu:visible .lm-Menu-item")
    expect(members).to_have_text(["A saved flow"])
    page.keyboard.press("Escape")
    apart.press("Home")
    expect(bar(page).locator("output")).to_have_text("b = 1")
    page.locator(".rg-signpost button").click()
    expect(in_cell).to_have_value("0")
    bar(page).locator("input").press("End")
    expect(in_cell).to_have_value("2")


def test_a_cell_without_a_lens_says_so(page: Page, lab: Lab) -> None:
    open_notebook(page, lab, lab.write("none.ipynb", "1 + 1"))
    page.evaluate("() => window.jupyterapp.commands.execute('rgwidgets:detach', {selected: true})")
    expect(page.locator(".jp-toast, .Toastify__toast").first).to_contain_text("shows no lens")
