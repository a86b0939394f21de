"""Every page of the built book: it loads, it asks nobody else, it fits, it can be found."""

from __future__ import annotations

import re

import pytest

from .book import LENS, reading
from .lab import ARTEFACTS

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


def test_every_page_loads_with_every_lens_alive_and_nothing_to_complain_of(reader, site):
    told = {}
    for name in site.pages:
        page = reader.open(name)
        assert page.locator("h1").count() == 1, name
        reader.enliven()
        page.wait_for_load_state("networkidle")
        told[name] = reader.faults[:]
        reader.faults.clear()
    assert {name: faults for name, faults in told.items() if faults} == {}


def test_every_written_chapter_has_a_lens_and_all_its_records_are_shown(reader, site):
    for name, folder in site.records():
        page = reader.open(name)
        shown = {p.get_attribute("data-record") for p in page.locator(LENS).all()}
        assert f"{folder.relative_to(site.folder).as_posix()}/" in shown
    assert {name for name, _ in site.records()} == {f"{c.slug}.html" for c in site.chapters}


@pytest.mark.parametrize("width", [400, 700, 1280])
def test_no_page_scrolls_sideways(browser, site, width):
    wide = {}
    with reading(browser, site, width=width) as reader:
        for name in site.pages:
            page = reader.open(name)
            reader.enliven()
            page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
            across = page.evaluate("document.documentElement.scrollWidth")
            if across > width:
                wide[name] = across
    assert wide == {}


def test_the_pages_follow_one_another_and_each_is_in_the_navigation(reader, site):
    page = reader.open("index.html")
    seen = ["index.html"]
    while (following := page.locator(".neighbours .next")).count():
        following.click()
        page.wait_for_url(lambda url: not url.endswith(seen[-1]))
        seen.append(page.url.rsplit("/", 1)[1])
        assert page.locator("#nav [aria-current=page]").count() == 1
        assert page.locator(".neighbours .prev").get_attribute("href") == seen[-2]
    assert sorted(seen) == site.pages


def test_the_search_finds_a_word_and_leads_to_it_by_keyboard(reader):
    page = reader.open("index.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("cumulant expansion")
    page.locator(".search li a").first.wait_for()
    assert "places" in page.locator(".search [role=status]").inner_text()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"(block-spins|flows|coarse-grain|glossary)\.html"))
    assert "cumulant" in page.locator("main").inner_text().lower()


def test_a_search_for_nothing_that_is_here_says_so_and_escape_closes_it(reader):
    page = reader.open("index.html")
    page.locator("button.find").click()
    page.keyboard.type("zzyzx qqqq")
    page.get_by_text("Nothing found.").wait_for()
    page.keyboard.press("Escape")
    page.locator("dialog.search").wait_for(state="hidden")


@pytest.mark.parametrize("system", ["light", "dark"])
def test_the_readers_theme_outlives_the_page(browser, site, system):
    dark = "getComputedStyle(document.documentElement).colorScheme === 'dark'"
    with reading(browser, site, color_scheme=system) as reader:
        page = reader.open("index.html")
        assert page.evaluate(dark) is (system == "dark")
        page.locator("button.shade").click()
        assert page.evaluate(dark) is (system == "light")
        reader.open(site.page_of(3))
        assert page.evaluate(dark) is (system == "light")
        place = reader.lens()
        theme = place.locator(".rg-lens").get_attribute("data-rg-theme")
        assert theme == ("dark" if system == "light" else "light")
        page.locator("button.shade").click()
        page.reload()
        assert page.evaluate(dark) is (system == "dark")
        assert page.evaluate("localStorage.length") == 0
        assert reader.faults == []


def test_a_narrow_page_hides_its_navigation_behind_a_button(browser, site):
    with reading(browser, site, width=400) as reader:
        page = reader.open(site.page_of(3))
        nav = page.locator("#nav")
        assert not nav.is_visible()
        page.locator("button.menu").click()
        assert nav.is_visible()
        page.keyboard.press("Escape")
        nav.wait_for(state="hidden")
        assert page.evaluate("document.activeElement.className") == "menu"


def test_the_whole_title_of_the_book_is_to_be_read_on_a_narrow_page(browser, site):
    with reading(browser, site, width=400) as reader:
        page = reader.open("index.html")
        cut = "(() => { const b = document.querySelector('.bar .book');"
        assert page.evaluate(cut + "return b.scrollWidth - b.clientWidth; })()") <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_pictures_of_two_chapters_are_kept_to_be_looked_at(browser, site, width, scheme):
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    with reading(browser, site, width=width, color_scheme=scheme) as reader:
        for number in (3, 24):
            page = reader.open(site.page_of(number))
            reader.enliven()
            page.locator(".rg-vega canvas").first.wait_for(state="attached")
            path = ARTEFACTS / f"book-{number}-{scheme}-{width}.png"
            page.screenshot(path=path, full_page=True)
            assert path.stat().st_size > 50_000
