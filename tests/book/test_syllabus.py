"""chapters.yml is checked: what it promises is there, and what is there it knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from book.engine import pages, syllabus
from book.engine.faults import BookError
from book.engine.places import Places
from tests.book.small import SYLLABUS, line_of, small_book


def test_the_book_has_its_twenty_five_chapters_in_order() -> None:
    outline = syllabus.load(Places())
    assert [chapter.number for chapter in outline.chapters] == list(range(1, 26))


@pytest.mark.parametrize("track", ["half-day", "two-days", "fellowship"])
def test_each_track_is_part_of_the_next_longer_one(track: str) -> None:
    tracks = {t.id: {c.number for c in t.chapters} for t in syllabus.load(Places()).tracks}
    assert tracks["half-day"] <= tracks["two-days"] <= tracks["fellowship"]
    assert tracks[track]
    assert len(tracks["fellowship"]) == 25


def test_half_a_day_takes_three_and_a_half_hours() -> None:
    (half, *_) = syllabus.load(Places()).tracks
    assert half.minutes == 210


@pytest.mark.parametrize(
    ("cut", "by", "says", "at"),
    [
        ("        slug: flows\n", "", "chapter 4 has no slug", "- number: 4"),
        ("slug: flows", "slug: block-spins", "'block-spins' is there twice", "- number: 4"),
        ("tracks: [half-day]\n        dial: the", "tracks: [day]\n        dial: the",
         "track 'day'", "- number: 4"),
        ("dial: the start", "dail: the start", "'dail' is not one of", "- number: 4"),
        ('exercises: ["3.1"]', "exercises: [3.10]", "exercises are texts", "- number: 3"),
        ("objectives: [let blocks vote]", "objectives: []", "has no objectives", "- number: 3"),
        ("{read: 30, workshop: 45}", "{read: 30}", "no minutes to workshop", "- number: 3"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_the_line_of_its_chapter(
    cut: str, by: str, says: str, at: str, tmp_path: Path
) -> None:
    text = SYLLABUS.replace(cut, by, 1)
    assert text != SYLLABUS
    with pytest.raises(BookError) as caught:
        syllabus.load(small_book(tmp_path, syllabus=text))
    assert any(says in fault.message for fault in caught.value.faults)
    assert caught.value.faults[0].line == line_of(text, at)


def test_yaml_that_cannot_be_read_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(BookError) as caught:
        syllabus.load(small_book(tmp_path, syllabus="front: [a\nback: ]: x\n"))
    assert caught.value.faults[0].line == 2


def test_a_chapter_that_the_list_does_not_know_is_refused(tmp_path: Path) -> None:
    places = small_book(tmp_path)
    (places.chapters / "05-stray.md").write_text("# Stray\n")
    with pytest.raises(BookError, match=r"05-stray\.md:1"):
        syllabus.load(places)


def test_planned_chapters_are_listed_and_plainly_marked(tmp_path: Path) -> None:
    text = pages.contents(syllabus.load(small_book(tmp_path)))
    assert "3. [Block spins](chapters/03-block-spins.md)" in text
    assert "4. Flows {planned}`planned`" in text


def test_the_timetable_follows_from_the_minutes_of_the_chapters(tmp_path: Path) -> None:
    text = pages.timetable(syllabus.load(small_book(tmp_path)))
    usual = syllabus.USUAL["workshop"]
    assert "| 13:30 | 10 | *Welcome* |" in text
    assert "| 13:40 | 45 | 3 · [Block spins]" in text
    assert f"| 14:25 | {usual} | 4 · Flows" in text


def test_a_long_track_is_cut_into_days(tmp_path: Path) -> None:
    (track, *_) = syllabus.load(Places()).tracks[2:]
    days = list(pages._days(track))
    assert len(days) > 1
    assert all(day[0][0] == track.start for day in days)
    assert sum(len(day) for day in days) == len(track.steps)
