"""A lesson: its track, what it leaves out, larger type, and the predictions of a room."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from .lab import Lab, kept_in_workspace, open_lab, set_theme, shoot

SETTING = """async ([name, value]) => {
  await window.jupyterapp.restored;
  await window.jupyterapp.serviceManager.settings.save(
    '@rgwidgets/lab:workshop', JSON.stringify({ [name]: value }));
}"""
RUN = "([command, args]) => window.jupyterapp.commands.execute(command, args)"


def open_book(page: Page) -> None:
    page.evaluate(RUN, ["rgwidgets:open-book", {}])
    page.locator(".rg-book-chapter").first.wait_for()


@pytest.fixture
def lesson(page: Page, lab: Lab) -> Iterator[Page]:
    """A page whose settings of the lesson are as they were afterwards."""
    open_lab(page, lab)
    yield page
    page.evaluate(SETTING, ["track", ""])


def teach(page: Page, lab: Lab, name: str, value: object) -> None:
    """As if a teacher had set this before the students came."""
    page.evaluate(SETTING, [name, value])
    open_lab(page, lab)


def test_a_locked_track_is_all_that_there_is(lesson: Page, lab: Lab) -> None:
    teach(lesson, lab, "track", "half-day")
    open_book(lesson)
    expect(lesson.locator(".rg-book-track")).to_be_disabled()
    expect(lesson.locator(".rg-book-track")).to_have_value("half-day")
    titles = lesson.locator(".rg-book-chapter .rg-book-number")
    assert [int(n) for n in titles.all_inner_texts()] == [1, 3, 4, 20, 24]


def test_what_the_lesson_does_not_need_is_left_out(lesson: Page, lab: Lab) -> None:
    teach(lesson, lab, "hidden", ["planned", "progress", "search"])
    open_book(lesson)
    expect(lesson.locator(".rg-book-search")).to_be_hidden()
    expect(lesson.locator(".rg-mod-planned")).to_have_count(0)


def test_larger_type_is_a_key_away_and_stays(lesson: Page, lab: Lab) -> None:
    size = "() => getComputedStyle(document.body).getPropertyValue('--jp-code-font-size')"
    before = lesson.evaluate(size)
    lesson.evaluate(RUN, ["rgwidgets:toggle-projector", {}])
    lesson.wait_for_function("() => document.body.classList.contains('rg-projector')")
    assert lesson.evaluate(size) != before
    open_lab(lesson, lab)
    lesson.wait_for_function("() => document.body.classList.contains('rg-projector')")
    lesson.evaluate(RUN, ["rgwidgets:toggle-projector", {}])
    lesson.wait_for_function("() => !document.body.classList.contains('rg-projector')")


def predict(page: Page, choice: int) -> None:
    open_book(page)
    page.locator(".rg-book-fold").nth(2).click()
    page.locator(".rg-book-button", has_text="Predict").first.click()
    dialog = page.locator(".jp-Dialog")
    dialog.locator("input[type=radio]").nth(choice).check()
    dialog.locator(".jp-mod-accept").click()
    expect(dialog).to_have_count(0)


def test_a_guess_is_kept_and_handed_in_as_a_file(lesson: Page, lab: Lab, tmp_path: Path) -> None:
    page = lesson
    with kept_in_workspace(page, '"block-spins":"1"'):
        predict(page, 1)
    open_lab(page, lab, "")
    open_book(page)
    page.locator(".rg-book-button", has_text="Predict").first.click()
    expect(page.locator(".jp-Dialog input[type=radio]").nth(1)).to_be_checked()
    page.locator(".jp-Dialog .jp-mod-reject").click()
    page.evaluate(
        "() => { void window.jupyterapp.commands.execute('rgwidgets:hand-in-predictions'); }"
    )
    page.locator(".jp-Dialog input").fill("Ada Lovelace")
    with page.expect_download() as coming:
        page.locator(".jp-Dialog .jp-mod-accept").click()
    assert coming.value.suggested_filename == "predictions-Ada-Lovelace.json"
    coming.value.save_as(tmp_path / "sheet.json")
    sheet = json.loads((tmp_path / "sheet.json").read_text())
    assert (sheet["name"], sheet["guesses"]) == ("Ada Lovelace", {"block-spins": "1"})


def test_the_room_is_counted_from_the_files_handed_in(lesson: Page, lab: Lab) -> None:
    folder = lab.root / "handed-in"
    folder.mkdir(exist_ok=True)
    for at, guess in enumerate([1, 1, 1, 0, 3]):
        sheet = {
            "format": "rgwidgets-predictions", "version": 1, "name": f"student {at}",
            "guesses": {"block-spins": str(guess)},
        }  # fmt: skip
        (folder / f"predictions-{at}.json").write_text(json.dumps(sheet))
    (folder / "predictions-broken.json").write_text('{"format": "rgwidgets-pre')
    page = lesson
    with kept_in_workspace(page, '"rgwidgets-room:'):
        page.evaluate(RUN, ["rgwidgets:collect-predictions", {"path": "handed-in"}])
    room = page.locator(".rg-room")
    expect(room.locator(".rg-room-told")).to_contain_text("5 students")
    expect(room.locator(".rg-room-told")).to_contain_text("predictions-broken.json")
    counts = room.locator(".rg-room-count").all_inner_texts()
    assert [text.split(" ")[0] for text in counts] == ["1", "3", "0", "1"]
    for theme in ("dark", "light"):
        set_theme(page, theme)
        shoot(page, f"room-{theme}")
    open_lab(page, lab, "")
    expect(page.locator(".rg-room-told")).to_contain_text("5 students")


def test_a_folder_that_is_not_there_is_told(lesson: Page) -> None:
    lesson.evaluate(RUN, ["rgwidgets:collect-predictions", {"path": "nowhere"}])
    expect(lesson.locator(".rg-room-told")).to_contain_text("was not read")


def test_a_workspace_that_nobody_can_write_is_told(browser: Browser, lab: Lab) -> None:
    """The page throws here, because JupyterLab's own layout is refused as well."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()

    def refuse(route: Route, request: Request) -> None:
        if request.method == "PUT":
            route.fulfill(status=403, content_type="application/json", body='{"message": "no"}')
        else:
            route.continue_()

    page.route("**/lab/api/workspaces/**", refuse)
    open_lab(page, lab)
    predict(page, 2)
    toast = page.locator(".jp-toast, .Toastify__toast", has_text="was not kept")
    expect(toast).to_contain_text("the server does not take the workspace")
    page.locator(".rg-book-button", has_text="Predict").first.click()
    expect(page.locator(".jp-Dialog input[type=radio]").nth(2)).to_be_checked()
    context.close()
