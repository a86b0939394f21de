"""Every page of the built book: it loads, it asks nobody else, it fits, it can be found."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

import pytest

from .book import LENS, Reader, findings, reading
from .lab import ARTEFACTS

pytestmark = pytest.mark.timeout(900)
#: Also those that wait until somebody comes near; fails for one that does not come.
ALL_PICTURES = """() => Promise.all([...document.querySelectorAll('main img')].map((image) => {
  image.loading = 'eager';
  return image.decode();
}))"""
#: A high one first: what is scrolled out of sight has no colours that axe-core could judge.
WINDOWS = ((1280, 3000, "light"), (700, 900, "light"), (400, 900, "dark"))
#: How far the page reaches, once it has had a moment to fit itself into another width.
ACROSS = """async (width) => {
  const until = performance.now() + 2000;
  const across = () => document.documentElement.scrollWidth;
  do await new Promise((done) => setTimeout(done, 50));
  while (across() > width && performance.now() < until);
  return across();
}"""


@dataclass
class Seen:
    """What there is to say of a page once all of it is alive and unfolded."""

    faults: list[str]
    records: set[str]
    depths: list[int]
    words: list[str]
    #: pictures whose place is not kept while they come
    unsized: list[str]
    #: window width → how far the page reaches
    across: dict[int, int]
    #: window width → what axe-core finds
    barred: dict[int, list[list[object]]]


def look(reader: Reader, name: str) -> Seen:
    page = reader.open(name)
    reader.enliven()
    page.wait_for_load_state("networkidle")
    page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    across, barred = {}, {}
    for width, height, scheme in WINDOWS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": height})
        across[width] = page.evaluate(ACROSS, width)
        if width != 700:
            barred[width] = findings(page)
    faults, reader.faults = reader.faults, []
    return Seen(
        faults,
        {place.get_attribute("data-record") for place in page.locator(LENS).all()},
        page.locator("main :is(h1, h2, h3, h4)").evaluate_all(
            "(all) => all.map((heading) => Number(heading.localName[1]))"
        ),
        page.locator("main img").evaluate_all("(all) => all.map((image) => image.alt)"),
        page.locator("main img:not([width][height])").evaluate_all(
            "(all) => all.map((image) => image.src)"
        ),
        across,
        barred,
    )


@pytest.fixture(scope="module")
def seen(browser, site):
    """Every page of the book, looked at once."""
    with reading(browser, site, height=3000) as reader:
        return {name: look(reader, name) for name in site.pages}


def test_every_page_loads_with_every_lens_alive_and_nothing_to_complain_of(seen):
    assert {name: page.faults for name, page in seen.items() if page.faults} == {}


def test_every_written_chapter_has_a_lens_and_all_its_records_are_shown(seen, site):
    for name, folder in site.records():
        assert f"{folder.relative_to(site.folder).as_posix()}/" in seen[name].records
    assert {name for name, _ in site.records()} == {f"{c.slug}.html" for c in site.chapters}


@pytest.mark.parametrize("width", [400, 700, 1280])
def test_no_page_scrolls_sideways(seen, width):
    across = {name: page.across[width] for name, page in seen.items()}
    assert {name: wide for name, wide in across.items() if wide > width} == {}


@pytest.mark.parametrize("width", [1280, 400])
def test_axe_finds_nothing_serious_on_any_page(seen, width):
    """In the light theme where the window is wide, in the dark one where it is narrow."""
    assert {name: page.barred[width] for name, page in seen.items() if page.barred[width]} == {}


def test_headings_go_down_one_step_at_a_time(seen):
    for name, page in seen.items():
        assert page.depths[0] == 1, name
        assert page.depths.count(1) == 1, name
        assert all(after <= before + 1 for before, after in pairwise(page.depths)), name


def test_every_picture_has_words(seen):
    short = {name: [alt for alt in page.words if len(alt) <= 10] for name, page in seen.items()}
    assert {name: alts for name, alts in short.items() if alts} == {}
    assert sum(len(page.words) for page in seen.values()) > 20


def test_no_text_jumps_when_a_picture_comes(seen):
    assert {name: page.unsized for name, page in seen.items() if page.unsized} == {}


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
            page.evaluate(ALL_PICTURES)
            path = ARTEFACTS / f"book-{number}-{scheme}-{width}.png"
            page.screenshot(path=path, full_page=True)
            assert path.stat().st_size > 50_000
