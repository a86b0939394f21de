"""The book panel: chapters found, opened, reset, and the reader's progress with them."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from rgwidgets.notebooks import chapters, shelf

from .lab import Lab, kept_in_workspace, open_lab, open_notebook, run_all

INDEX = shelf.index(Path(__file__).parents[2] / "book")
ALL = len(INDEX["chapters"])
NAME = "03-block-spins.ipynb"
KEPT = "03-block-spins (kept {}).ipynb"
IDLE = """(name) => {
  const panel = window.jupyterapp.shell.currentWidget;
  const session = panel?.sessionContext;
  return panel?.context?.path === name && session.session?.kernel?.status === 'idle';
}"""
#: A kernel of its own could not be installed in less than a minute; this one forgets.
KERNEL = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.id"
FORGET_PACKAGE = """
import sys
from pathlib import Path
for name in [n for n in sys.modules if n.split(".")[0] == "rgwidgets"]:
    del sys.modules[name]
sys.path = [p for p in sys.path if not (Path(p) / "rgwidgets").is_dir()]
sys.meta_path = [f for f in sys.meta_path if "editable" not in repr(f)]
"""


@pytest.fixture(autouse=True)
def clean(lab: Lab) -> None:
    """A folder without chapters, and without what other tests have left."""
    for path in lab.root.glob("*.ipynb"):
        path.unlink()


def open_book(page: Page, lab: Lab, *, fresh: bool = True) -> Locator:
    """JupyterLab with the panel shown."""
    open_lab(page, lab, "?reset" if fresh else "")
    page.evaluate("() => window.jupyterapp.commands.execute('rgwidgets:open-book')")
    return ready(page)


def ready(page: Page) -> Locator:
    panel = page.locator("#rgwidgets-book")
    expect(panel.locator(".rg-book-chapter").first).to_be_visible()
    return panel


def row(panel: Locator, title: str) -> Locator:
    return panel.locator(".rg-book-chapter", has_text=title)


def unfold(panel: Locator, number: int) -> None:
    fold = panel.get_by_role("button", name=f"About chapter {number}", exact=True)
    fold.click()
    expect(fold).to_have_attribute("aria-expanded", "true")


def begin(page: Page, panel: Locator) -> None:
    """Open block spins and wait until it can be worked with."""
    panel.locator(".rg-book-title", has_text="Block spins").click()
    expect(page.locator(".jp-Notebook h1", has_text="Block spins")).to_be_visible()
    page.wait_for_function(IDLE, arg=NAME)


def answer(page: Page, button: str, *, more: bool = False) -> None:
    """Press a button of the dialog, after which there is none, or another."""
    page.locator(".jp-Dialog").get_by_role("button", name=button).click()
    if not more:
        expect(page.locator(".jp-Dialog")).to_have_count(0)


def close(page: Page) -> None:
    """Save and close the notebook; its kernel alone has changed it."""
    page.evaluate("""async () => {
      await window.jupyterapp.commands.execute('docmanager:save');
      window.jupyterapp.shell.currentWidget.close();
    }""")
    expect(page.locator(".jp-Notebook")).to_have_count(0)


def delete(page: Page, path: Path) -> None:
    """Delete a file on the disk; of a folder that loses one while it is listed, the browser says
    that it is gone."""
    page.evaluate("() => window.jupyterapp.commands.execute('filebrowser:refresh')")
    path.unlink()


def put_in_place(page: Page):
    """In the block a fresh copy gets the name of the chapter."""
    return page.expect_response(lambda r: r.request.method == "PATCH" and "Untitled" in r.url)


def test_the_panel_lists_every_chapter_with_what_it_takes(page: Page, lab: Lab) -> None:
    panel = open_book(page, lab)
    expect(panel.locator(".rg-book-chapter")).to_have_count(ALL)
    expect(panel.locator("h3")).to_have_text(INDEX["parts"])
    expect(row(panel, "Block spins")).to_contain_text("40 min")
    expect(row(panel, "Block spins")).to_contain_text("0 of 4")
    expect(row(panel, "Tensor RG")).to_contain_text("planned")
    expect(row(panel, "Tensor RG").get_by_role("button")).to_have_count(0)

    panel.get_by_label("Track").select_option("half-day")
    half = [c["title"] for c in INDEX["chapters"] if "half-day" in c["tracks"]]
    expect(panel.locator(".rg-book-chapter")).to_have_count(len(half))
    expect(row(panel, "Block spins")).to_contain_text("45 min")
    expect(panel.locator(".rg-book-audience")).to_contain_text("laptops open")


def test_a_search_narrows_to_the_chapters_with_a_concept(page: Page, lab: Lab) -> None:
    panel = open_book(page, lab)
    panel.get_by_label("Search the book").fill("renormalization ultrametric")
    expect(panel.locator(".rg-book-chapter")).to_have_count(1)
    expect(row(panel, "A toy model of renormalisation")).to_contain_text("Ultrametric")
    panel.get_by_label("Track").select_option("half-day")
    expect(panel.locator(".rg-book-chapter")).to_have_count(0)
    panel.get_by_role("button", name="Show 1 in all chapters").click()
    expect(row(panel, "A toy model of renormalisation")).to_be_visible()
    panel.get_by_label("Search the book").fill("nonsense")
    expect(panel).to_contain_text('No chapter here is about "nonsense".')


def test_the_panel_comes_back_as_it_was(page: Page, lab: Lab) -> None:
    panel = open_book(page, lab)
    unfold(panel, 3)
    expect(row(panel, "Block spins")).to_contain_text("carry out a block-spin transformation")
    panel.get_by_label("Track").select_option("two-days")
    with kept_in_workspace(page, '"search":"spin"'):
        panel.get_by_label("Search the book").fill("spin")
    page.goto(f"{lab.url}/lab")
    panel = ready(page)  # shown without being asked for
    expect(panel.get_by_label("Track")).to_have_value("two-days")
    expect(panel.get_by_label("Search the book")).to_have_value("spin")
    expect(row(panel, "Block spins")).to_contain_text("carry out a block-spin transformation")


def test_keys_alone_open_a_chapter_and_keep_their_place(page: Page, lab: Lab) -> None:
    panel = open_book(page, lab)
    expect(panel.get_by_label("Search the book")).to_be_focused()
    page.keyboard.type("block-spin transformation")
    expect(panel.locator(".rg-book-chapter")).to_have_count(1)
    page.keyboard.press("Tab")
    fold = panel.get_by_role("button", name="About chapter 3")
    expect(fold).to_be_focused()
    page.keyboard.press("Enter")
    expect(fold).to_have_attribute("aria-expanded", "true")
    expect(fold).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(panel.get_by_role("button", name="Open", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".jp-Notebook h1", has_text="Block spins")).to_be_visible()


def test_a_click_opens_a_fresh_copy_and_a_second_click_the_same(page: Page, lab: Lab) -> None:
    panel = open_book(page, lab)
    begin(page, panel)
    [source] = [s for s in chapters.sources() if s.stem == Path(NAME).stem]
    given = nbformat.reads(chapters.copy(source).decode(), as_version=4)
    assert nbformat.read(lab.root / NAME, as_version=4) == given
    assert not list(lab.root.glob("Untitled*"))

    close(page)
    mine = json.loads((lab.root / NAME).read_text())
    mine["cells"].insert(0, {**mine["cells"][0], "id": "mine", "source": "# My own title"})
    (lab.root / NAME).write_text(json.dumps(mine))
    unfold(panel, 3)
    panel.get_by_role("button", name="Continue").click()
    expect(page.locator(".jp-Notebook h1", has_text="My own")).to_be_visible()
    assert [p.name for p in lab.root.glob("*.ipynb")] == [NAME]


def test_a_reset_keeps_the_old_copy_with_what_was_not_yet_saved(page: Page, lab: Lab) -> None:
    panel = open_book(page, lab)
    begin(page, panel)
    old = page.evaluate(KERNEL)
    page.evaluate("""() => {
      const { model } = window.jupyterapp.shell.currentWidget.content;
      model.cells.get(0).sharedModel.setSource('# Not saved');
    }""")
    unfold(panel, 3)
    reset = panel.get_by_role("button", name="Reset")
    reset.click()
    answer(page, "Cancel")
    assert [p.name for p in lab.root.glob("*.ipynb")] == [NAME]

    reset.click()
    expect(page.locator(".jp-Dialog")).to_contain_text(KEPT.format(1))
    with put_in_place(page):
        answer(page, "Reset")
    page.wait_for_function(IDLE, arg=NAME)
    expect(page.locator(".jp-Notebook h1", has_text="Block spins")).to_be_visible()
    expect(page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab", has_text="kept")).to_have_count(0)
    assert "# Not saved" in (lab.root / KEPT.format(1)).read_text()
    assert "# Not saved" not in (lab.root / NAME).read_text()
    assert old not in lab.kernels.running()
    assert page.evaluate(KERNEL) in lab.kernels.running()

    # The command ends when its dialog is answered.
    page.evaluate("() => { void window.jupyterapp.commands.execute('rgwidgets:reset-chapter'); }")
    with put_in_place(page):
        answer(page, "Reset")
    page.wait_for_function(IDLE, arg=NAME)
    assert sorted(p.name for p in lab.root.glob("*.ipynb")) == sorted(
        [NAME, KEPT.format(1), KEPT.format(2)]
    )


def test_a_right_answer_counts_and_is_there_after_a_reload(page: Page, lab: Lab) -> None:
    check = "from rgwidgets.exercises import check\ncheck('2.1', {})"
    name = lab.write("answers.ipynb", check.format(17), check.format("'53/80'"))
    panel = open_book(page, lab)
    page.evaluate("(path) => window.jupyterapp.commands.execute('docmanager:open', {path})", name)
    page.wait_for_function(IDLE, arg=name)
    decimation = row(panel, "Decimation")
    expect(decimation).to_contain_text("0 of 4")
    with kept_in_workspace(page, '"@rgwidgets/lab:book-passed":["2.1"]'):
        run_all(page)
        expect(decimation).to_contain_text("1 of 4")
    assert "✓" not in (lab.root / name).read_text()  # the notebook is not where it is kept

    page.goto(f"{lab.url}/lab")
    panel = ready(page)
    expect(row(panel, "Decimation")).to_contain_text("1 of 4")

    with page.expect_download() as told:
        panel.get_by_role("button", name="Export").click()
    exported = told.value.path()
    assert told.value.suggested_filename == "rgwidgets-progress.json"
    assert json.loads(exported.read_text())["passed"] == ["2.1"]

    panel.get_by_role("button", name="Forget").click()
    answer(page, "Forget")
    expect(row(panel, "Decimation")).to_contain_text("0 of 4")
    for file, count in ((lab.root / name, "0 of 4"), (exported, "1 of 4")):
        with page.expect_file_chooser() as chosen:
            panel.get_by_role("button", name="Import").click()
        chosen.value.set_files(file)
        if file != exported:
            expect(page.locator(".jp-Dialog")).to_contain_text("is not a file of progress")
            answer(page, "Close")
        expect(row(panel, "Decimation")).to_contain_text(count)


def test_answers_in_a_saved_notebook_count_when_it_is_opened(page: Page, lab: Lab) -> None:
    name = lab.write("saved.ipynb", "1")
    notebook = json.loads((lab.root / name).read_text())
    data = {
        "text/plain": "✓ 3.1",
        "application/vnd.rgwidgets.check+json": {"id": "3.1", "right": True},
    }
    notebook["cells"][0]["outputs"] = [
        {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": data}
    ]
    (lab.root / name).write_text(json.dumps(notebook))
    panel = open_book(page, lab)
    page.evaluate("(path) => window.jupyterapp.commands.execute('docmanager:open', {path})", name)
    expect(row(panel, "Block spins")).to_contain_text("1 of 4")


def test_a_copy_deleted_while_it_is_open_is_not_lost(page: Page, lab: Lab) -> None:
    panel = open_book(page, lab)
    begin(page, panel)
    delete(page, lab.root / NAME)
    panel.locator(".rg-book-title", has_text="Block spins").click()
    notice = page.locator(".jp-toast, .Toastify__toast", has_text="was deleted")
    expect(notice).to_contain_text("Save it to keep it")
    assert not (lab.root / NAME).exists()  # nothing is put in its place
    with page.expect_response(lambda r: r.request.method == "PUT" and NAME in r.url):
        notice.get_by_role("button", name="Save").click()
    assert (lab.root / NAME).exists()
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")

    close(page)
    delete(page, lab.root / NAME)
    begin(page, panel)  # closed and gone: a fresh copy
    assert (lab.root / NAME).exists()


def test_a_folder_that_cannot_be_written_is_told_with_its_mend(page: Page, lab: Lab) -> None:
    def refuse(route: Route) -> None:
        if route.request.method in {"POST", "PUT", "PATCH"}:
            message = json.dumps({"message": "Permission denied: /", "reason": None})
            route.fulfill(status=403, content_type="application/json", body=message)
        else:
            route.continue_()

    panel = open_book(page, lab)
    page.route("**/api/contents/**", refuse)
    page.route("**/api/contents?*", refuse)
    panel.locator(".rg-book-title", has_text="Block spins").click()
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text('"Block spins" was not opened')
    expect(dialog).to_contain_text("Permission denied")
    expect(dialog).to_contain_text("can be written to")
    answer(page, "Close")
    assert not list(lab.root.glob("*.ipynb"))

    page.unroute_all()
    begin(page, panel)
    page.route("**/api/contents/**", refuse)
    page.route("**/api/contents?*", refuse)
    unfold(panel, 3)
    panel.get_by_role("button", name="Reset").click()
    answer(page, "Reset")
    expect(dialog).to_contain_text("File Save Error")  # JupyterLab's own word comes first
    answer(page, "Close", more=True)
    expect(dialog).to_contain_text("your copy is as it was")
    answer(page, "Close")
    assert [p.name for p in lab.root.glob("*.ipynb")] == [NAME]


def test_the_folder_of_the_settings_is_made(page: Page, lab: Lab) -> None:
    folder = lab.root / ".jupyter" / "settings" / "@rgwidgets" / "lab"
    folder.mkdir(parents=True, exist_ok=True)
    own = folder / "book.jupyterlab-settings"
    own.write_text('{"folder": "/course/book/"}')
    try:
        panel = open_book(page, lab)
        panel.locator(".rg-book-title", has_text="Decimation").click()
        expect(page.locator(".jp-Notebook h1", has_text="Decimation")).to_be_visible()
        assert (lab.root / "course" / "book" / "02-decimation.ipynb").is_file()
    finally:
        own.unlink()


def test_a_kernel_without_the_package_is_told_how_to_get_it(page: Page, lab: Lab) -> None:
    name = lab.write("lacks.ipynb", FORGET_PACKAGE, "import rgwidgets as rg")
    open_notebook(page, lab, name)
    page.evaluate("() => window.jupyterapp.commands.execute('rgwidgets:open-book')")
    panel = ready(page)
    run_all(page)
    notice = panel.locator(".rg-book-notice")
    expect(notice).to_contain_text("lacks.ipynb")
    expect(notice).to_contain_text("pip install rgwidgets")
    toast = page.locator(".jp-toast, .Toastify__toast", has_text="has no rgwidgets")
    expect(toast).to_have_count(1)
    expect(toast).to_contain_text("%pip install rgwidgets")
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    expect(notice).to_be_hidden()
    lab.kernels.stop()  # it will never know the package again


def test_the_launcher_has_cards_for_the_next_chapters(page: Page, lab: Lab) -> None:
    open_book(page, lab)
    section = page.locator(".jp-Launcher-section", has_text="Renormalisation")
    section = section.filter(has=page.locator("h2", has_text="Renormalisation"))
    cards = section.locator(".jp-LauncherCard")
    expect(cards).to_have_count(5)
    expect(cards.nth(0)).to_contain_text("Book")
    expect(cards.nth(1)).to_contain_text("Starter notebook")
    expect(cards.nth(2)).to_contain_text("1. Coarse-grain and rescale")
    cards.nth(3).click()
    expect(page.locator(".jp-Notebook h1", has_text="Decimation")).to_be_visible()
    assert (lab.root / "02-decimation.ipynb").is_file()
