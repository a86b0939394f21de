"""What the book teaches with: guesses that stay, answers that are checked, words that are told."""

from __future__ import annotations

import json

import pytest

from rgwidgets.exercises.exercise import every

from .book import reading

pytestmark = pytest.mark.timeout(900)
#: Types or chooses, sends the form, waits until something else is said.
ANSWER = """async (box, words) => {
  const said = box.querySelector('.said');
  const before = said.textContent;
  box.querySelector('form.check :is(input, select)').value = words;
  box.querySelector('form.check').requestSubmit();
  for (let wait = 0; wait < 200 && (said.hidden || said.textContent === before); wait += 1)
    await new Promise((done) => setTimeout(done, 25));
  return [said.innerText, said.dataset.right === 'true'];
}"""
KEPT = "JSON.stringify({...localStorage})"


def rules(site):
    """What the page is told of its exercises."""
    return json.loads((site.folder / "exercises.json").read_text())


def text(value) -> str:
    """An answer as a reader would type it, with more digits than any tolerance asks for."""
    return value if isinstance(value, str) else f"{float(value):.12g}"


def answer(box, words: str) -> tuple[str, bool]:
    """Type or choose an answer, check it; what is said, and whether it is called right."""
    said, right = box.evaluate(ANSWER, words)
    return said, right


def shown(reader, name: str, number: str):
    """The box of an exercise, on a page that may be open already."""
    if not reader.page.url.endswith(f"/{name}"):
        reader.open(name)
    return reader.page.locator(f'.task[data-exercise="{number}"]')


def boxes(site):
    """(page, number) of every exercise that is checked."""
    return [
        (f"{chapter.slug}.html", number)
        for chapter in site.chapters
        for number in every()
        if number.split(".")[0] == str(chapter.number)
    ]


def test_each_checked_exercise_knows_right_and_wrong_and_the_routes_between(reader, site):
    known = rules(site)
    found = boxes(site)
    assert len(found) >= 2 * len(site.chapters)
    for name, number in found:
        box = shown(reader, name, number)
        exercise = every()[number]
        for route, rule in zip(exercise.routes, known["exercises"][number]["routes"], strict=True):
            assert answer(box, text(route.value)) == (rule["say"], False), (number, route.name)
        if not exercise.choices:
            assert answer(box, "1e9") == (known["say"]["wrong"], False)
            assert answer(box, "many")[1] is False
        said, right = answer(box, text(exercise.value))
        assert right, number
        assert said == known["exercises"][number]["right"]["say"]


def test_hints_come_one_by_one_and_none_of_them_is_the_answer(reader, site):
    for name, number in boxes(site):
        box = shown(reader, name, number)
        exercise = every()[number]
        hints = box.locator("details.hint > summary")
        assert hints.count() == len(exercise.hints)
        for at, words in enumerate(exercise.hints):
            assert box.locator("details.hint > summary:visible").count() == at + 1
            hints.nth(at).click()
            assert words in box.inner_text()
        if not exercise.choices and not float(exercise.value).is_integer():
            for digits in (3, 4, 5):
                assert f"{float(exercise.value):.{digits}g}".lstrip("-") not in box.inner_text()


def test_the_right_answer_is_in_no_file_that_the_page_is_given(site):
    given = (site.folder / "exercises.json").read_text()
    for number, exercise in every().items():
        digits = "" if exercise.choices else f"{abs(float(exercise.value)):.5g}"
        if len(digits.strip("0.")) > 4:  # shorter ones stand in any text by chance
            assert digits not in given, number


def test_solutions_and_notes_for_tutors_are_folded(reader, site):
    for chapter in site.chapters:
        page = reader.open(f"{chapter.slug}.html")
        folded = page.locator("details.solution, details.tutor")
        assert folded.count() >= 3
        assert page.locator("details:is(.solution, .tutor)[open]").count() == 0
        summary = folded.first.locator("summary")
        summary.focus()
        page.keyboard.press("Enter")
        assert folded.first.get_attribute("open") is not None


def test_a_guess_stays_beside_its_dial_over_a_reload_and_nowhere_but_here(browser, site):
    with reading(browser, site) as reader:
        for chapter in site.chapters:
            page = reader.open(f"{chapter.slug}.html")
            asked: list[str] = []
            form = page.locator("form.predict").first
            page.on("request", lambda request, asked=asked: asked.append(request.method))
            radios = form.locator("input[type=radio]")
            if radios.count():
                radios.nth(1).check()
                words = radios.nth(1).get_attribute("data-words")
            else:
                form.locator("input[type=text]").fill("0.61")
                words = "0.61"
            form.get_by_role("button", name="This is my guess").click()
            form.get_by_text("You guessed:").wait_for()
            assert "POST" not in asked
            page.reload()
            assert words in form.locator(".guess").inner_text()
            chip = page.locator(".prediction").first
            assert words in chip.inner_text()
            assert page.evaluate(
                "document.querySelector('.prediction').nextElementSibling.className"
            ).startswith("lens")
            kept = json.loads(page.evaluate(KEPT))
            assert any(key.startswith(f"rgwidgets-book:{chapter.slug}:") for key in kept)
            assert reader.context.cookies() == []
            form.get_by_role("button", name="Change it").click()
            assert page.locator(".prediction").count() == 0
            assert json.loads(page.evaluate(KEPT)) == {}
    with reading(browser, site) as another:
        page = another.open(site.page_of(3))
        assert page.locator(".prediction").count() == 0


def test_a_guess_that_somebody_else_has_written_is_shown_as_text(browser, site):
    """What lies in the browser's store may be anything; it is never taken for markup."""
    name = site.page_of(3)
    with reading(browser, site) as reader:
        page = reader.open(name)
        key = page.evaluate(
            "`rgwidgets-book:${document.querySelector('main').dataset.slug}:${"
            "document.querySelector('form.predict').id}`"
        )
        for kept in ('{"value":"0","words":"<img src=x onerror=alert(1)>"}', "not json", "{}"):
            page.evaluate("([key, kept]) => localStorage.setItem(key, kept)", [key, kept])
            page.reload()
            assert page.locator(".predict img, .prediction img").count() == 0
        assert reader.faults == []


@pytest.mark.parametrize("how", ["hover", "focus"])
def test_a_term_tells_its_definition_under_the_pointer_and_the_focus(reader, site, how):
    page = reader.open(site.page_of(3))
    term = page.locator("a.term").first
    getattr(term, how)()
    tip = page.locator("#tip")
    tip.wait_for()
    assert len(tip.inner_text()) > 30
    assert term.get_attribute("aria-describedby") == "tip"
    box = tip.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 1280
    page.keyboard.press("Escape")
    tip.wait_for(state="hidden")


def test_a_citation_tells_its_reference_and_leads_to_it(reader, site):
    page = reader.open(site.page_of(3))
    cite = page.locator("a.cite").first
    cite.hover()
    tip = page.locator("#tip")
    tip.wait_for()
    assert cite.inner_text().split(",")[0].split(" ")[0] in tip.inner_text()
    cite.click()
    assert page.locator(".references li:target").is_visible()


def test_code_is_there_to_be_copied(browser, site):
    with reading(browser, site, permissions=["clipboard-read", "clipboard-write"]) as reader:
        page = reader.open(site.page_of(3))
        place = page.locator(".code:visible").first
        place.hover()
        place.get_by_role("button", name="Copy").click()
        place.get_by_text("Copied").wait_for()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == place.locator("code").text_content()


def test_each_chapter_hands_out_its_notebook(reader, site):
    for chapter in site.chapters:
        page = reader.open(f"{chapter.slug}.html")
        with page.expect_download() as given:
            page.locator(".ways a", has_text="Notebook").click()
        notebook = json.loads(given.value.path().read_text())
        assert given.value.suggested_filename == f"{chapter.source.stem}.ipynb"
        assert any(cell["cell_type"] == "code" for cell in notebook["cells"])
