"""Nobody is left out: axe-core finds nothing serious, and a keyboard reaches everything."""

from __future__ import annotations

import pytest

from .book import DIAL, findings, reading

pytestmark = pytest.mark.timeout(900)
FOCUSED = """() => {
  const at = document.activeElement;
  return { name: at.localName, type: at.type ?? '', style: at.className,
           inside: at.closest('[data-exercise]')?.dataset.exercise ?? '',
           seen: at.matches(':focus-visible') && (getComputedStyle(at).outlineStyle !== 'none'
             || getComputedStyle(at).boxShadow !== 'none') };
}"""


def test_axe_finds_nothing_serious_in_what_opens(browser, site):
    with reading(browser, site, width=400) as reader:
        page = reader.open(site.page_of(3))
        page.locator("button.menu").click()
        assert findings(page) == []
        page.keyboard.press("Escape")
        page.locator("a.term").first.focus()
        page.locator("#tip").wait_for()
        assert findings(page) == []
        form = page.locator("form.predict").first
        form.locator("input").first.check()
        form.locator("button").click()
        task = page.locator("form.check").first
        task.locator("input").fill("2")
        task.locator("button").click()
        task.locator(".said").wait_for()
        assert findings(page) == []
        page.keyboard.press("Control+k")
        page.keyboard.type("spin")
        page.locator(".search li").first.wait_for()
        assert findings(page) == []


def test_the_tabulator_reaches_all_that_a_hand_could(reader, site):
    """From the top of chapter 3 to its end, in the order of the page."""
    page = reader.open(site.page_of(3))
    reader.enliven()
    page.evaluate("scrollTo(0, 0)")
    page.evaluate("document.activeElement.blur()")
    passed = []
    for _ in range(400):
        page.keyboard.press("Tab")
        passed.append(page.evaluate(FOCUSED))
        if passed[-1]["style"] == "next":
            break
    kinds = [
        "skip" if at["style"] == "skip"
        else "find" if "find" in at["style"]
        else "dial" if at["type"] == "range"
        else "moment" if "turn" in at["style"]
        else "exercise" if at["inside"] and at["name"] == "input"
        else "guess" if at["type"] == "radio"
        else "next" if at["style"] == "next"
        else ""
        for at in passed
    ]  # fmt: skip
    order = ["skip", "find", "guess", "dial", "moment", "exercise", "next"]
    assert [kind for kind in dict.fromkeys(kinds) if kind] == order
    # The ring of a dial is drawn round its thumb, where no style can be asked for.
    assert [at for at in passed if not at["seen"] and at["type"] != "range"] == []


def test_a_dial_that_has_the_focus_looks_so(reader, site):
    page = reader.open(site.page_of(3))
    reader.lens()
    track = page.locator(".rg-track").first
    plain = track.screenshot()
    page.locator(DIAL).first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    focused = track.screenshot()
    page.locator(DIAL).first.blur()
    assert focused != plain
    assert track.screenshot() == plain


def test_a_chapter_is_worked_through_by_keyboard_alone(reader, site):
    page = reader.open(site.page_of(3))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # skips to the text
    assert page.evaluate("document.activeElement.id") == "text"

    def tab_to(what: str) -> None:
        for _ in range(200):
            page.keyboard.press("Tab")
            if page.evaluate("(what) => document.activeElement.matches(what)", what):
                return
        raise AssertionError(f"the tabulator never comes to {what}")

    tab_to(".predict input[type=radio]")
    page.keyboard.press("ArrowDown")
    tab_to(".predict button.primary")
    page.keyboard.press("Enter")
    page.get_by_text("You guessed:").wait_for()
    reader.lens()
    tab_to(DIAL)
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.value === document.activeElement.max")
    page.keyboard.press("Home")
    tab_to("button.turn:not([data-turn='1'])")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('.rg-dial input').value !== '0'")
    tab_to("form.check input")
    page.keyboard.type("12")
    page.keyboard.press("Enter")
    page.locator(".said:visible").first.wait_for()


def test_only_what_scrolls_stops_the_tabulator(browser, site):
    """A formula, a table, a listing is a stop where it is wider than its place, and only there."""
    wide = "[...document.querySelectorAll('[data-wide]')].filter((place) => place.checkVisibility()"
    settled = f"""() => document.fonts.status === 'loaded' && {wide}
        && (place.scrollWidth > place.clientWidth + 1) !== (place.tabIndex === 0)).length === 0"""
    stops = f"() => {wide} && place.tabIndex === 0).length"
    for width in (400, 1280):
        with reading(browser, site, width=width) as reader:
            for number in (2, 3):
                page = reader.open(site.page_of(number))
                page.wait_for_function(settled)
                folded = page.evaluate(stops)
                assert 0 < folded < page.locator("[data-wide]").count()
                page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = 1))")
                page.wait_for_function(settled)
                assert page.evaluate(stops) > folded
