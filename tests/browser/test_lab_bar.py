"""The scale bar: one dial in a notebook's toolbar for every lens that shares its scale."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from .lab import Lab, kept_in_workspace, open_notebook, run_all, set_theme, shoot
from .linked import DIALS, FLOW, TITLED, TURN, bar, expect_dials

LIVE = """() => {
  const { handles } = globalThis[Symbol.for('rgwidgets.hub')] ?? { handles: [] };
  return handles.size === 2 && [...handles].every(({ kernel }) => kernel !== null);
}"""


def shown(page: Page) -> list[str]:
    return page.locator(DIALS).evaluate_all("(all) => all.map((dial) => dial.value)")


@pytest.fixture
def notebook(page: Page, lab: Lab, request: pytest.FixtureRequest) -> Page:
    """A notebook with two live lenses of one scale."""
    name = lab.write(
        f"{request.node.name[:40]}.ipynb",
        FLOW,
        "lens(1, title='left')",
        "lens(2, title='right')",
    )
    open_notebook(page, lab, name)
    run_all(page)
    expect(page.locator(DIALS)).to_have_count(2)
    return page


def turn(page: Page, key: str) -> None:
    bar(page).locator("input").press(key)


def test_the_bar_turns_every_lens_and_a_lens_turns_the_bar(notebook: Page) -> None:
    page = notebook
    turn(page, "End")
    last = page.locator(DIALS).first.get_attribute("max")
    assert last is not None
    expect_dials(page, [last, last])
    first = page.locator(DIALS).first
    first.press("Home")
    expect_dials(page, ["0", "0"])
    expect(bar(page).locator("output")).to_have_text("b = 1 spins")


def test_a_lens_that_is_unlinked_stays_and_the_choice_outlives_a_reload(
    notebook: Page, lab: Lab
) -> None:
    page = notebook
    bar(page).locator("button").last.click()
    menu = page.locator(".lm-Menu:visible")
    expect(menu.locator(".lm-Menu-item")).to_have_text(["left", "right"])
    with kept_in_workspace(page, '["right"]'):
        menu.locator(".lm-Menu-item", has_text="right").click()
    turn(page, "ArrowRight")
    expect_dials(page, ["1", "0"])
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.reload()
    page.wait_for_function("() => window.jupyterapp?.restored")
    page.wait_for_function(LIVE)  # the records have handed over to the kernel
    expect_dials(page, ["1", "0"])
    before = shown(page)
    # By hand, not by key: JupyterLab gives the notebook the focus when it has opened it again.
    dial = bar(page).locator("input")
    dial.fill(dial.get_attribute("max") or "")
    page.wait_for_function(
        "([css, before]) => document.querySelectorAll(css)[0].value !== before",
        arg=[DIALS, before[0]],
    )
    assert shown(page)[1] == before[1]


def test_play_runs_to_the_coarsest_scale_and_stops(notebook: Page) -> None:
    page = notebook
    play = bar(page).locator("button").first
    play.click()
    expect(play).to_have_attribute("aria-pressed", "true")
    last = page.locator(DIALS).first.get_attribute("max")
    expect_dials(page, [str(last)] * 2)
    expect(play).to_have_attribute("aria-pressed", "false")


def test_a_kernel_that_restarts_leaves_a_bar_that_works_again(notebook: Page) -> None:
    page = notebook
    turn(page, "ArrowRight")
    page.evaluate(
        """() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"""
    )
    turn(page, "ArrowRight")  # pictures that are here need no kernel
    expect_dials(page, ["2", "2"])
    run_all(page)
    expect_dials(page, ["0", "0"])  # those that are new
    turn(page, "End")
    last = str(page.locator(DIALS).first.get_attribute("max"))
    expect_dials(page, [last, last])


def test_it_is_hidden_where_there_is_no_lens_and_legible_in_both_themes(
    notebook: Page, lab: Lab
) -> None:
    page = notebook
    bar(page)
    for theme in ("light", "dark"):
        set_theme(page, theme)
        shoot(page, f"bar-{theme}")
    set_theme(page, "light")
    lab.write("empty.ipynb", "1 + 1")
    page.evaluate(
        "(path) => { void window.jupyterapp.commands.execute('docmanager:open', {path}); }",
        "empty.ipynb",
    )
    page.wait_for_function(TITLED, arg="empty.ipynb")
    expect(page.locator(".rg-bar:visible")).to_have_count(0)


def test_six_lenses_move_together(page: Page, lab: Lab) -> None:
    cells = [FLOW, "\n".join(f"display(lens({seed}, 256))" for seed in range(6))]
    name = lab.write("six.ipynb", *cells)
    open_notebook(page, lab, name)
    run_all(page)
    expect(page.locator(DIALS)).to_have_count(6)
    bar(page)
    page.evaluate(TURN, 6)  # resolves when the last of them has drawn
    expect_dials(page, ["1"] * 6)
