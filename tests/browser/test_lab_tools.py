"""The status item, and the dialog for a new lens."""

from __future__ import annotations

import json

from playwright.sync_api import Locator, Page, expect

from .lab import Lab, lens, open_lab, open_notebook, run_all, set_theme, shoot

SPINS = """
import torch; torch.set_num_threads(1)
import rgwidgets as rg
lab = rg.IsingLab(64, equilibrate=2, snapshots=2, seed=1)
lab
"""
#: Pictures at once, numbers only after minutes, unless it is told to stop.
SLOW = """
import time, rgwidgets as rg
from rgwidgets.core import progress
spins = rg.Ising(64, seed=1).theory()
def slow(features):
    for _ in progress.track(range(6000), label="a slow number"):
        time.sleep(0.05)
    return features["spins"].double().mean((1, 2))
number = rg.Observable("slow", slow)
flow = rg.Flow(rg.Theory(spins.features, (number,), attrs=spins.attrs), rg.BlockSpin(2))
lab = rg.Lens(flow, title="A slow flow")
lab
"""
#: Fails until `mended` is true.
FAULTY = """
import torch, rgwidgets as rg
mended = False
def entropy(features):
    m = features["spins"].double().mean((1, 2))
    return m if mended else m.log()
spins = rg.Ising(64, seed=1).theory()
bad = rg.Observable("entropy", entropy)
flow = rg.Flow(rg.Theory(spins.features, (bad,), attrs=spins.attrs), rg.BlockSpin(2))
lab = rg.Lens(flow, title="A flow with a fault")
lab
"""
MEND = "mended = True"


def item(page: Page) -> Locator:
    return page.locator(".rg-status-item")


def state(page: Page, word: str, *, tone: str = "calm") -> Locator:
    """The status item, once it says so."""
    found = page.locator(f".rg-status-item[data-word={word}][data-tone={tone}]")
    expect(found).to_be_visible()
    return found


def shown(page: Page, lab: Lab, name: str, *cells: str) -> Locator:
    open_notebook(page, lab, lab.write(name, *cells))
    run_all(page)
    return lens(page)


def shoot_themes(page: Page, name: str) -> None:
    """Keep a screenshot in dark and in light, which it leaves behind."""
    for theme in ("dark", "light"):
        set_theme(page, theme)
        shoot(page, f"{name}-{theme}")


def command_enabled(page: Page) -> bool:
    return bool(
        page.evaluate("() => window.jupyterapp.commands.isEnabled('rgwidgets:insert-lens')")
    )


def insert(page: Page) -> None:
    """Ask for the dialog; it is not waited for, because it waits for an answer."""
    page.evaluate("() => { void window.jupyterapp.commands.execute('rgwidgets:insert-lens'); }")


def sources(page: Page) -> list[str]:
    return list(
        page.evaluate(
            """() => {
              const { cells } = window.jupyterapp.shell.currentWidget.content.model;
              return [...cells].map((cell) => cell.sharedModel.getSource());
            }"""
        )
    )


# -- status --------------------------------------------------------------------------------------


def test_a_notebook_without_a_lens_has_no_item(page: Page, lab: Lab) -> None:
    open_notebook(page, lab, lab.write("plain.ipynb", "1 + 1"))
    expect(item(page)).to_be_hidden()


def test_a_live_lens_tells_device_memory_and_throughput_and_can_be_stopped(
    page: Page, lab: Lab
) -> None:
    drawn = shown(page, lab, "status.ipynb", SPINS)
    state(page, "ready")
    details = item(page).locator(".rg-status-details")
    expect(details).to_contain_text(" MB")
    assert len(details.inner_text().split("·")) == 2
    expect(item(page).locator(".rg-status-stop")).to_be_hidden()
    drawn.locator("[data-action=start]").click()
    state(page, "live")
    expect(details).to_contain_text("frames/s")
    shoot(page, "status-live")
    item(page).locator(".rg-status-stop").click()
    state(page, "ready")
    drawn.locator(".rg-state[data-state=idle]").wait_for()


def test_a_long_computation_turns_amber_and_stops(page: Page, lab: Lab) -> None:
    drawn = shown(page, lab, "slow-status.ipynb", SLOW)
    found = state(page, "computing", tone="amber")
    expect(item(page).locator(".rg-status-details")).to_contain_text(" %")
    shoot_themes(page, "status-amber")
    found.locator(".rg-status-stop").click()
    drawn.locator(".rg-state[data-state=idle]").wait_for()
    state(page, "ready")
    expect(item(page).locator(".rg-status-stop")).to_be_hidden()


def test_a_failure_is_red_tells_why_and_is_retried(page: Page, lab: Lab) -> None:
    shown(page, lab, "fault-status.ipynb", FAULTY)
    found = state(page, "failed", tone="red")
    expect(found).to_contain_text("Failed")
    assert "entropy" in str(found.locator("button").first.get_attribute("title"))
    shoot_themes(page, "status-red")
    found.locator("button").first.click()
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("A flow with a fault")
    expect(dialog).to_contain_text("entropy")
    shoot_themes(page, "status-dialog")
    page.evaluate(
        """async (code) => {
          const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
          await kernel.requestExecute({ code }).done;
        }""",
        MEND,
    )
    dialog.get_by_role("button", name="Retry").click()
    state(page, "ready")


def test_a_kernel_that_is_gone_is_red_and_a_new_run_mends_it(page: Page, lab: Lab) -> None:
    shown(page, lab, "lost-status.ipynb", SPINS)
    state(page, "ready")
    lab.kernels.stop()
    found = state(page, "lost", tone="red")
    expect(found).to_contain_text("No kernel")
    found.locator("button").first.click()
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("The kernel of this lens is gone")
    shoot(page, "status-lost-dialog")
    dialog.get_by_role("button", name="Restart and run all cells").click()
    state(page, "ready")


def test_a_restarted_kernel_has_lost_its_lens_until_the_cell_runs_again(
    page: Page, lab: Lab
) -> None:
    shown(page, lab, "restart-status.ipynb", SPINS)
    state(page, "ready")
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
    state(page, "lost", tone="red")
    run_all(page)
    state(page, "ready")


# -- insert --------------------------------------------------------------------------------------


def test_the_chosen_cell_is_inserted_below_the_active_one_and_runs_to_a_lens(
    page: Page, lab: Lab
) -> None:
    open_notebook(page, lab, lab.write("insert.ipynb", "'above'", "'below'"))
    button = page.locator(".jp-NotebookPanel-toolbar [data-jp-item-name=rgwidgets-insert-lens]")
    button.get_by_role("button").click()
    form = page.locator(".jp-Dialog .rg-insert")
    expect(form).to_contain_text("rg.DigitsLab()")
    system, scheme = form.locator("select").first, form.locator("select").nth(1)
    expect(system).to_be_focused()
    expect(scheme).to_be_hidden()
    system.select_option(label="Couplings")
    expect(scheme).to_be_visible()
    scheme.select_option(label="Decimation")
    expect(form).to_contain_text("Nelson and Fisher")
    code = form.locator(".rg-insert-code").inner_text()
    assert "Decimation()" in code
    shoot_themes(page, "insert")
    page.get_by_role("button", name="Insert cell").click()
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.content.model.cells.length === 3"
    )
    assert [source.strip() for source in sources(page)] == ["'above'", code.strip(), "'below'"]
    page.evaluate("() => { void window.jupyterapp.commands.execute('notebook:run-cell'); }")
    lens(page)
    expect(page.locator(".rg-lens")).to_be_visible()


def test_nothing_is_inserted_where_the_dialog_is_left_and_one_undo_takes_a_cell_back(
    page: Page, lab: Lab
) -> None:
    open_notebook(page, lab, lab.write("undo.ipynb", "1"))
    insert(page)
    page.locator(".jp-Dialog .rg-insert").wait_for()
    page.keyboard.press("Escape")
    expect(page.locator(".jp-Dialog")).to_have_count(0)
    assert sources(page) == ["1"]
    insert(page)
    page.get_by_role("button", name="Insert cell").click()
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.content.model.cells.length === 2"
    )
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:undo-cell-action')")
    assert sources(page) == ["1"]


def test_the_command_needs_a_notebook(page: Page, lab: Lab) -> None:
    open_lab(page, lab)
    assert not command_enabled(page)
    open_notebook(page, lab, lab.write("enabled.ipynb", "1"))
    assert command_enabled(page)


def test_a_notebook_that_cannot_be_written_says_so(page: Page, lab: Lab) -> None:
    name = lab.write("readonly.ipynb", "1")

    def answer(route) -> None:
        """The server as it speaks of a file that it may not write; root may write any."""
        reply = route.fetch()
        content = reply.json()
        content["writable"] = False
        route.fulfill(response=reply, body=json.dumps(content))

    page.route(f"**/api/contents/{name}?*", answer)
    open_notebook(page, lab, name)
    insert(page)
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("read-only")
    dialog.get_by_role("button").last.click()
    assert sources(page) == ["1"]
