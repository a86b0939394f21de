"""What of the extension has a place in Notebook 7: one document a page, and no status bar."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from .lab import PATIENCE, Lab, run_all, running, shoot
from .linked import DIALS, FLOW, bar, expect_dials
from .saved import saved_notebook, turn_to_the_end
from .test_lab_book import ALL, NAME, ready
from .test_lab_viewer import dials, flow


@pytest.fixture(scope="module")
def classic() -> Iterator[Lab]:
    with running("notebook") as server:
        yield server


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    thrown: list[str] = []
    said: list[str] = []
    page.on("pageerror", lambda error: thrown.append(str(error)))
    page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
    yield page
    context.close()
    # Notebook 7.6 itself throws so, with this extension or without.
    assert [fault for fault in thrown if "(reading 'schema')" not in fault] == []
    assert [words for words in said if "rgwidgets" in words or "rg-" in words] == []


def opened(page: Page, classic: Lab, name: str) -> None:
    classic.kernels.lend(name)
    page.goto(f"{classic.url}/notebooks/{name}")
    page.wait_for_function("() => window.jupyterapp?.shell.currentWidget?.sessionContext?.isReady")


def test_the_bar_turns_every_lens_of_the_notebook(page: Page, classic: Lab) -> None:
    opened(page, classic, classic.write("two.ipynb", FLOW, "display(lens(1), lens(2))"))
    run_all(page)
    expect(page.locator(DIALS)).to_have_count(2)
    bar(page).locator("input[type=range]").press("ArrowRight")
    expect_dials(page, ["1", "1"])


def test_a_new_lens_is_inserted_and_no_status_bar_is_missed(page: Page, classic: Lab) -> None:
    opened(page, classic, classic.write("classic.ipynb", "1"))
    page.locator("[data-jp-item-name=rgwidgets-insert-lens]").get_by_role("button").click()
    page.locator(".rg-insert select").first.select_option(label="Couplings")
    shoot(page, "insert-notebook-7")
    page.get_by_role("button", name="Insert cell").click()
    expect(page.locator(".jp-CodeCell")).to_have_count(2)
    page.keyboard.press("Shift+Enter")
    expect(page.locator(".rg-lens")).to_be_visible()
    expect(page.locator(".rg-status-item")).to_have_count(0)


def test_the_book_opens_and_a_chapter_with_it(page: Page, classic: Lab) -> None:
    page.goto(f"{classic.url}/tree")
    page.get_by_role("menuitem", name="View").click()
    page.locator("[data-command='rgwidgets:open-book']").click()
    panel = ready(page)
    expect(panel.locator(".rg-book-chapter")).to_have_count(ALL)
    with page.context.expect_page() as another:
        panel.locator(".rg-book-title", has_text="Block spins").click()
    heading = another.value.locator(".jp-Notebook h1", has_text="Block spins")
    expect(heading).to_be_visible()
    assert (classic.root / NAME).is_file()


def test_a_lesson_has_larger_type_and_no_histogram(page: Page, classic: Lab) -> None:
    opened(page, classic, classic.write("lesson.ipynb", "1"))
    page.evaluate("() => window.jupyterapp.commands.execute('rgwidgets:toggle-projector')")
    page.wait_for_function("() => document.body.classList.contains('rg-projector')")
    page.evaluate("() => window.jupyterapp.commands.execute('rgwidgets:toggle-projector')")
    page.wait_for_function("() => !document.body.classList.contains('rg-projector')")
    assert not page.evaluate(
        "() => window.jupyterapp.commands.hasCommand('rgwidgets:collect-predictions')"
    )


def test_a_saved_flow_is_alive_before_any_cell_has_run(page: Page, classic: Lab) -> None:
    page.goto(f"{classic.url}/notebooks/{saved_notebook(classic, 'saved.ipynb')}")
    page.locator(".jp-Dialog .jp-mod-reject").click()
    turn_to_the_end(page)


def test_a_record_opens_without_a_kernel(page: Page, classic: Lab) -> None:
    classic.kernels.stop()
    recorded = flow((1, 2, 4, 8), "Spins of one kind")
    for name, address in (("one.flow.zip", ""), ("one.zarr", "/zarr.json")):
        recorded.save(classic.root / name)
        page.goto(f"{classic.url}/edit/{name}{address}")
        expect(page.locator(".rg-record")).to_contain_text("Spins of one kind")
        dials(page).press("End")
        expect(dials(page)).to_have_value("3")
    assert classic.kernels.running() == []
