"""The lenses of the built book: every dial turns, on data that was recorded; faults are told."""

from __future__ import annotations

import contextlib
import json
import re

import pytest

from .book import DIAL, LENS, reading, scales, turn

pytestmark = pytest.mark.timeout(900)
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


def told(folder):
    """The record of a lens, without its pictures."""
    return json.loads((folder / "index.json").read_text())


def number(words: str) -> float | None:
    """What the lens has written: "−1.42", "3.1×10⁻⁵", "—"."""
    plain = words.replace("−", "-").strip()
    match = re.fullmatch(r"(-?[\d.]+)(?:×10(\S+))?", plain)
    return match and float(match[1]) * 10 ** int((match[2] or "0").translate(SUPERSCRIPTS))


def decimals(words: str) -> float:
    """One unit of the last digit that is written."""
    mantissa, _, power = words.replace("−", "-").partition("×10")
    return 10.0 ** (int(power.translate(SUPERSCRIPTS) or 0) - len(mantissa.partition(".")[2]))


def figures(place) -> dict[str, list[tuple[str, str]]]:
    """{observable: [(value, its error) and the same of each bound]} as a reader sees them."""
    return place.evaluate(
        """(place) => Object.fromEntries([...place.querySelectorAll('tr[data-observable]')].map(
          (row) => [row.dataset.observable, [...row.querySelectorAll('.rg-figure')].map((figure) =>
            [figure.querySelector('.rg-number').textContent,
             figure.querySelector('.rg-error-bar').textContent])]))"""
    )


@pytest.fixture(scope="module")
def chapters(browser, site):
    """Each chapter in a window of its own, all its lenses alive; its dials stand anywhere."""
    with contextlib.ExitStack() as windows:
        readers = {}
        for chapter in site.chapters:
            name = f"{chapter.slug}.html"
            readers[name] = windows.enter_context(reading(browser, site))
            readers[name].open(name)
            readers[name].enliven()
        yield {name: reader.page for name, reader in readers.items()}
        assert {name: reader.faults for name, reader in readers.items() if reader.faults} == {}


def placed(page, folder):
    """The lens of a record, in sight."""
    place = page.locator(f'{LENS}[data-record$="/{folder.name}/"]')
    place.scroll_into_view_if_needed()
    return place


def test_a_dial_stands_where_its_record_says(reader, site):
    name, folder = next((n, f) for n, f in site.records() if told(f)["preview"] > 0)
    reader.open(name)
    place = placed(reader.page, folder)
    place.locator(DIAL).wait_for(state="attached")
    assert int(place.locator(DIAL).input_value()) == told(folder)["preview"]


def same_figures(shown, table, at, where) -> int:
    """Compare what a lens shows at a scale with its record; how many numbers that were."""
    compared = 0
    for observable, row in shown.items():
        kinds = ("value", "average", "resample", "attack", "certificate")
        for kind, (words, error) in zip(kinds, row, strict=True):
            recorded = (table[kind].get(observable) or [None] * (at + 1))[at]
            if recorded is None:
                assert words == "—", (where, at, observable, kind)
                continue
            written = words + "".join(error.partition("×10")[1:])  # a power stands behind the error
            same = pytest.approx(recorded, abs=0.51 * decimals(written))
            assert number(written) == same, (where, at, observable, kind)
            compared += 1
    return compared


def test_at_every_scale_words_picture_and_numbers_are_those_of_the_record(chapters, site):
    compared = 0
    for name, folder in site.records():
        index, page = told(folder), chapters[name]
        place = placed(page, folder)
        labels = index["spec"]["scale"]["labels"]
        names = [observable["name"] for observable in index["spec"]["observables"]]
        assert scales(place) == len(labels) > 1
        canvas = place.locator("canvas.rg-canvas")
        for at in [0, *range(len(labels))]:
            turn(place, at)
            reading = place.locator(".rg-reading")
            reading.get_by_text(re.compile(rf"(^| ){re.escape(labels[at])}( |$)")).wait_for()
            if index["pyramid"]:
                page.wait_for_function(
                    "([canvas, at]) => canvas.dataset.level === String(at)",
                    arg=[canvas.element_handle(), at],
                )
            page.evaluate("() => new Promise((done) => requestAnimationFrame(() => done()))")
            shown = figures(place)
            assert list(shown) == names
            compared += same_figures(shown, index["table"], at, folder)
    assert compared > 50


def test_a_chart_is_drawn_in_every_lens_that_has_one(chapters, site):
    for name, folder in site.records():
        index, place = told(folder), placed(chapters[name], folder)
        tabs = place.locator(".rg-tab")
        tabs.first.wait_for()
        assert tabs.count() == len([v for v in index["spec"]["views"] if v in index["charts"]])
        turn(place, scales(place) // 2)
        tabs.last.click()
        place.locator(
            ".rg-vega canvas:visible, .rg-chart-note:visible:not(:empty)"
        ).first.wait_for()


def test_every_moment_turns_a_dial_to_where_it_says(browser, site):
    with reading(browser, site, reduced_motion="reduce") as reader:
        for chapter in site.chapters:
            page = reader.open(f"{chapter.slug}.html")
            reader.enliven()
            page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
            buttons = page.locator("button.turn")
            assert buttons.count() >= 4
            for button in buttons.all():
                label = button.get_attribute("data-turn")
                button.click()
                spoken = page.locator(DIAL).evaluate_all(
                    "(dials) => dials.map((dial) => dial.getAttribute('aria-valuetext'))"
                )
                turned = [words for words in spoken if f" {label} " in words.split(",")[0] + " "]
                assert turned, (chapter.slug, label, spoken)
        assert reader.faults == []


def test_a_moment_wakes_a_lens_that_nobody_has_come_near(reader, site):
    page = reader.open(site.page_of(3))
    button = page.locator("button.turn").first
    button.evaluate("(button) => button.click()")
    dial = page.locator(DIAL).first
    dial.wait_for(state="attached")
    page.wait_for_function("document.querySelector('.lens').dataset.alive === 'true'")
    assert f" {button.get_attribute('data-turn')} " in dial.get_attribute("aria-valuetext")


def test_only_the_scales_near_the_one_that_is_shown_are_fetched(reader, site):
    asked = []
    reader.page.on("request", lambda request: asked.append(request.url))
    name, folder = next(
        (name, folder)
        for name, folder in site.records()
        if len(list(folder.glob("level-*.bin"))) > 4 and folder.name == "lens-1"
    )
    reader.open(name)
    place = reader.lens()
    reader.page.wait_for_load_state("networkidle")
    fetched = {url for url in asked if folder.relative_to(site.folder).as_posix() in url}
    assert len([url for url in fetched if url.endswith(".bin")]) <= 3
    assert not [url for url in asked if url.endswith("flow.zip")]
    assert len([url for url in asked if url.endswith("rgwidgets/lens.js")]) == 1
    turn(place, scales(place) - 1)
    place.page.wait_for_function(
        "document.querySelector('canvas.rg-canvas').dataset.level === document.querySelector"
        "('.rg-dial input').value"
    )


@pytest.mark.parametrize("part", ["index.json", "rgwidgets/lens.js"])
def test_a_lens_that_cannot_be_loaded_says_so_and_keeps_its_still_frame(browser, site, part):
    with reading(browser, site) as reader:
        with reader.without(part):
            page = reader.open(site.page_of(3))
            place = page.locator(LENS).first
            place.scroll_into_view_if_needed()
            place.get_by_text("could not be loaded").wait_for()
            still = place.locator("img.still")
            assert still.is_visible()
            assert still.evaluate("(image) => image.naturalWidth") > 0
            page.locator("button.turn").first.click()
        thrown = [fault for fault in reader.faults if not fault.startswith("error: Failed to load")]
        assert thrown == []
        place.get_by_role("button", name="Try again").click()
        place.locator(DIAL).wait_for(state="attached")
        assert not still.is_visible()


def test_a_scale_whose_picture_is_missing_says_so_and_comes_when_asked_again(browser, site):
    name, _ = next(found for found in site.records() if (found[1] / "level-1.bin").is_file())
    with reading(browser, site) as reader:
        with reader.without("lens-1/level-4.bin"):
            page = reader.open(name)
            place = reader.lens()
            turn(place, 4)
            place.get_by_text("The picture of level 4 did not come: 404").wait_for()
        turn(place, 2)
        turn(place, 4)
        page.wait_for_function("document.querySelector('.rg-canvas').dataset.level === '4'")


def test_without_scripts_a_still_frame_stands_with_its_words(browser, site):
    with reading(browser, site, java_script_enabled=False) as reader:
        for chapter in site.chapters:
            page = reader.open(f"{chapter.slug}.html")
            for place in page.locator(LENS).all():
                still = place.locator("img.still")
                still.scroll_into_view_if_needed()
                assert still.is_visible()
                assert still.bounding_box()["height"] > 100
                assert len(still.get_attribute("alt")) > 20
            figures = page.locator("figure:has(.lens)")
            assert figures.count() > 0
            for figure in figures.all():
                assert figure.locator("figcaption").is_visible()
            assert page.locator("button:visible").count() == 0
            assert page.locator("#nav a:visible").count() > 20


def test_on_paper_the_still_frames_stand_and_nothing_that_wants_a_hand(reader, site):
    for chapter in site.chapters:
        page = reader.open(f"{chapter.slug}.html")
        count = reader.enliven()
        assert page.locator("img.still:visible").count() == 0
        page.emulate_media(media="print")
        assert page.locator("img.still:visible").count() == count
        gone = page.locator(".lens .live:visible, .bar:visible, #nav:visible, button:visible")
        assert gone.count() == 0
        assert page.locator("figure:has(.lens) figcaption:visible").count() >= 1
        page.emulate_media(media="screen")
