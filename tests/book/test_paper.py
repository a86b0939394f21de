"""The pages of the site become one document: its links, its appendix, its names for dials."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from book.engine import paper, syllabus
from book.engine.faults import BookError
from book.engine.places import Places
from tests.book.small import small_book

CHAPTER = """
<header class="page-head chapter-head"><p class="eyebrow">Scale</p><h1>Block spins</h1>
<h2>You need</h2><p class="ways"><a href="notebooks/03-block-spins.ipynb">Notebook</a></p></header>
<section aria-labelledby="predict"><h2 id="predict">Predict
<a class="anchor" href="#predict">#</a></h2>
<p>See <a href="glossary.html#term-spin">spin</a>, <a href="index.html">home</a>,
<a href="contents.html#scale">the part</a>, <a href="https://example.org/x">away</a>,
<a href="records/x/flow.zip">data</a>.</p>
<div class="lens" data-record="records/one/" data-label="lens-one"><img loading="lazy"></div>
<div class="moment" data-at="4"><button type="button" data-turn="4">4</button><div>Now.</div></div>
<div class="lens" data-record="records/two/" data-label="lens-two"><img></div>
<div class="moment" data-at="9"><button type="button" data-turn="9">9</button><div>Then.</div></div>
<div class="moment" data-at="2"><button type="button" data-lens="lens-one">2</button></div>
<div class="task" id="exercise-3-1"><p>How many?</p></div>
<details class="solution"><summary>Solution to Exercise 3.1</summary><p>Seven, as
<a href="#predict">said</a>.</p><details class="more"><summary>Why</summary><p>Ask.</p></details>
</details><p>After the fold.</p></section>
"""
PAGES = {
    "index": "<h1>A small book</h1><p><a href='block-spins.html'>x</a></p>",
    "block-spins": CHAPTER,
    "track-half-day": "<h1>Half a day</h1>",
    "timetable": "<h1>Timetable</h1>",
    "gallery": "<h1>Gallery</h1>",
    "glossary": '<h1>Glossary</h1><dt id="term-spin">Spin</dt>',
}
TITLE = paper.Title("A book", "of parts", "1.2.3", "1 May 2030", "BSD", "https://example.org")


@pytest.fixture
def places(tmp_path: Path) -> Places:
    made = small_book(tmp_path)
    made.html.mkdir(parents=True)
    for name, body in PAGES.items():
        page = f"<main><article>{body}</article></main>"
        (made.html / f"{name}.html").write_text(page)
    for name, turns in (("one", "block size"), ("two", "rank")):
        folder = made.html / "records" / name
        folder.mkdir(parents=True)
        (folder / "index.json").write_text(json.dumps({"spec": {"scale": {"name": turns}}}))
    return made


def bound(places: Places, **numbers: int) -> str:
    outline = syllabus.load(places)
    named = {name.replace("_", "-"): number for name, number in numbers.items()}
    return paper.document(TITLE, outline, paper.sheets(places, outline), named)


def test_every_page_is_bound_once_and_in_order(places: Places) -> None:
    order = paper.order(syllabus.load(places))
    found = re.findall(r'<section class="sheet" id="([^"]+)"', bound(places))
    assert found == [*order, "solutions"]
    assert order[:2] == ["preface", "block-spins"]
    assert order[-1] == "glossary"


@pytest.mark.parametrize(
    ("words", "leads"),
    [
        ("spin", 'href="#glossary--term-spin"'),
        ("home", 'href="#preface"'),
        ("the part", 'href="#contents--scale"'),
        ("away", 'href="https://example.org/x"'),
        ("said", 'href="#block-spins--predict"'),
        ("data", ""),
    ],
)
def test_a_link_leads_to_its_place_in_the_document(words: str, leads: str, places: Places) -> None:
    (found,) = re.findall(rf"<a([^>]*)>{words}</a>", bound(places))
    assert found.strip() == leads


def test_a_link_that_leads_nowhere_is_refused(places: Places) -> None:
    page = places.html / "gallery.html"
    page.write_text('<article><h1>G</h1><a href="glossary.html#nothing">x</a></article>')
    with pytest.raises(BookError, match="glossary--nothing leads nowhere"):
        bound(places)


def test_a_page_that_is_not_built_is_asked_for(places: Places) -> None:
    (places.html / "gallery.html").unlink()
    with pytest.raises(BookError, match=r"gallery\.html:1: .*make book"):
        bound(places)


def test_names_of_one_page_are_not_those_of_another(places: Places) -> None:
    names = re.findall(r' id="([^"]+)"', bound(places))
    assert len(names) == len(set(names))


def test_a_moment_names_what_its_dial_turns(places: Places) -> None:
    found = re.findall(r'class="moment" data-at="([^"]+)"', bound(places))
    assert found == ["block size 4", "rank 9", "block size 2"]


def test_solutions_are_an_appendix_and_know_their_page(places: Places) -> None:
    made = bound(places, **{"solution-3.1": 41, "block_spins__exercise_3_1": 12})
    chapter, appendix = made.split('<section class="sheet" id="solutions"')
    assert "Seven" not in chapter
    assert re.search(r'id="solution-3.1".*page <span class="at">12<.*Seven.*Ask\.', appendix, re.S)
    assert '<a href="#solution-3.1">Solution<span class="at">41</span></a>' in chapter
    assert "After the fold." in chapter
    for text in (chapter, appendix):
        assert text.count("<details") == text.count("</details>")


def test_what_is_folded_lies_open(places: Places) -> None:
    assert not re.search(r"<details(?! open)", bound(places))


def test_nothing_that_wants_a_hand_is_bound(places: Places) -> None:
    made = bound(places)
    assert 'class="ways"' not in made
    assert 'class="anchor"' not in made
    assert 'loading="lazy"' not in made


def test_the_title_page_says_which_book_this_is(places: Places) -> None:
    made = bound(places)
    first = made[made.index('class="title-page"') : made.index('class="toc"')]
    for words in ("A book", "of parts", "Version 1.2.3, 1 May 2030", "https://example.org"):
        assert words in first


def test_the_contents_name_every_chapter_the_planned_ones_without_a_page(places: Places) -> None:
    made = bound(places, block_spins=7)
    contents = made[made.index('class="toc"') : made.index("</nav>")]
    assert re.search(r'href="#block-spins">.*?Block spins.*?<span class="at">7<', contents)
    assert re.search(r'<li class="later">.*?Flows.*?planned', contents)


def test_parts_chapters_and_sections_are_three_levels_of_the_outline(places: Places) -> None:
    made = bound(places)
    for words, level in (("Scale", 1), ("Block spins", 2), ("Predict", 3), ("Glossary", 1)):
        assert re.search(rf'<h\d[^>]*aria-level="{level}"[^>]*>{words}', made), words
    assert re.search(r'<h2 role="presentation">You need', made)


def test_each_sheet_has_its_title_at_its_head(places: Places) -> None:
    made = bound(places)
    assert '@page sheet-block-spins{@top-left{content:"3 · Block spins"}}' in made
    assert 'style="page:sheet-block-spins"' in made
    assert '@page sheet-preface{@top-left{content:"Preface"}}' in made
