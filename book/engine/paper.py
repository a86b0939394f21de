"""The whole book as one document for paper: the built pages, one after another.

What a hand would turn or unfold on a page is set for reading: a dial is its still frame, a moment
names the position of the dial, a prediction is a question, and the solutions are an appendix.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .faults import BookError, Fault, refuse
from .places import THEME, Places
from .syllabus import Chapter, Syllabus

SOLUTIONS = "solutions"
CONTENTS = "contents"
#: what a page number is before the first printing
UNKNOWN = 0
_ARTICLE = re.compile(r"<article>(.*)</article>", re.S)
_NAMED = re.compile(r' (id|for|aria-labelledby|aria-controls)="([^"]*)"')
_HREF = re.compile(r' href="([^"]*)"')
_AWAY = re.compile(r"^[a-z][a-z+.-]*:", re.I)
_WAYS = re.compile(r'<p class="ways">.*?</p>', re.S)
_ANCHOR = re.compile(r'<a class="anchor"[^>]*>.*?</a>', re.S)
_PLACE = re.compile(
    r'<div class="lens" data-record="(?P<record>[^"]*)"(?: data-label="(?P<label>[^"]*)")?[^>]*>'
    r'|<div class="moment" data-at="(?P<at>[^"]*)"><button[^>]*?(?: data-lens="(?P<lens>[^"]*)")?>'
)
_EXERCISE = re.compile(r"(\d+\.\d+)")


@dataclass(frozen=True)
class Sheet:
    """One page of the site, made ready for paper."""

    slug: str
    title: str
    body: str
    chapter: Chapter | None = None
    solutions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Title:
    """What the first page says."""

    title: str
    subtitle: str
    version: str
    date: str
    licence: str = ""
    address: str = ""


@dataclass
class _Page:
    """One page of the site, and what its addresses are called in the one document."""

    slug: str
    files: Mapping[str, str]
    faults: list[str] = field(default_factory=list)

    def name(self, match: re.Match[str]) -> str:
        names = " ".join(f"{self.slug}--{name}" for name in match[2].split())
        return f' {match[1]}="{names}"'

    def link(self, match: re.Match[str]) -> str:
        """A link within the document; a file of the site is none on paper."""
        address = match[1]
        if _AWAY.match(address):
            return match[0]
        file, _, anchor = address.partition("#")
        if file and file not in self.files:
            return ""
        slug = self.files[file] if file else self.slug
        return f' href="#{slug}--{anchor}"' if anchor else f' href="#{slug}"'


def order(syllabus: Syllabus) -> list[str]:
    """The slugs of the pages, as they are bound; the contents are made anew."""
    tracks = [f"track-{track.id}" for track in syllabus.tracks]
    chapters = [chapter.slug for chapter in syllabus.written]
    return [*syllabus.front, *chapters, *tracks, "timetable", "gallery", *syllabus.back]


def sheets(places: Places, syllabus: Syllabus) -> list[Sheet]:
    """Every page of the built site, in order; raises `BookError` if one is missing."""
    slugs = order(syllabus)
    files = {f"{slug}.html": slug for slug in [*slugs, CONTENTS]} | {"index.html": slugs[0]}
    chapters = {chapter.slug: chapter for chapter in syllabus.written}
    made = []
    for slug in slugs:
        path = places.html / ("index.html" if slug == slugs[0] else f"{slug}.html")
        if not path.is_file():
            raise BookError([Fault(path, 1, "this page is not built: run `make book`")])
        article = _ARTICLE.search(path.read_text("utf-8"))
        if article is None:
            raise BookError([Fault(path, 1, "the page has no text")])
        made.append(_sheet(article[1], slug, files, places, chapters.get(slug)))
    return made


def _sheet(
    text: str, slug: str, files: Mapping[str, str], places: Places, chapter: Chapter | None
) -> Sheet:
    page = _Page(slug, files)
    text = _ANCHOR.sub("", _WAYS.sub("", text)).replace(' loading="lazy"', "")
    text = _moments(text, places.html)
    text = _HREF.sub(page.link, _NAMED.sub(page.name, text))
    text, solutions = _apart(text)
    title = re.search(r"<h1[^>]*>(.*?)</h1>", text, re.S)
    words = html.unescape(re.sub(r"<[^>]+>", "", title[1])) if title else slug
    # The first page bears the title of the book, which has a page of its own on paper.
    if slug == files["index.html"] and title:
        words = slug.capitalize()
        text = text.replace(title[0], f"<h1>{words}</h1>", 1)
    body = _levels(text.replace("<details ", "<details open "))
    return Sheet(slug, words, body, chapter, tuple(solutions))


def _moments(text: str, site: Path) -> str:
    """Each moment says what the dial turns: not "4" but "block size 4"."""
    lenses = [m for m in _PLACE.finditer(text) if m["record"] is not None]
    labelled = {m["label"]: m for m in lenses if m["label"]}

    def named(match: re.Match[str]) -> str:
        if match["record"] is not None or not lenses:
            return match[0]
        above = [lens for lens in lenses if lens.start() < match.start()]
        lens = labelled.get(match["lens"]) or (above or lenses)[-1 if above else 0]
        index = json.loads((site / lens["record"] / "index.json").read_text("utf-8"))
        name = html.escape(index["spec"]["scale"]["name"])
        return match[0].replace(f'data-at="{match["at"]}"', f'data-at="{name} {match["at"]}"', 1)

    return _PLACE.sub(named, text)


def _apart(text: str) -> tuple[str, list[tuple[str, str]]]:
    """The text without its solutions, and (exercise, solution) of each of them."""
    opening = '<details class="solution">'
    solutions: list[tuple[str, str]] = []
    while (start := text.find(opening)) >= 0:
        end = _closing(text, start)
        whole = text[start + len(opening) : end - len("</details>")]
        heading, _, body = whole.partition("</summary>")
        found = _EXERCISE.search(heading)
        id = found[1] if found else str(len(solutions) + 1)
        solutions.append((id, body.replace("<details ", "<details open ")))
        see = f'<p class="see"><a href="#solution-{id}">Solution{_at(f"solution-{id}")}</a></p>'
        text = text[:start] + see + text[end:]
    return text, solutions


def _closing(text: str, start: int) -> int:
    """Where the `details` that opens at `start` has ended."""
    depth = 0
    for match in re.finditer(r"<(/?)details\b[^>]*>", text[start:]):
        depth += -1 if match[1] else 1
        if depth == 0:
            return start + match.end()
    raise ValueError("a fold without an end")  # the theme closes what it opens


def _levels(text: str) -> str:
    """Headings one level deeper for the outline, for the parts come first; looks are kept."""

    def deeper(match: re.Match[str]) -> str:
        return f'<h{match[1]} role="heading" aria-level="{int(match[1]) + 1}"{match[2]}>'

    promise, mark, rest = text.partition("</header>")
    quiet = re.sub(r"<h2([^>]*)>", r'<h2 role="presentation"\1>', promise)
    return re.sub(r"<h([1-5])(?! role)([^>]*)>", deeper, quiet + mark + rest)


def _at(name: str) -> str:
    """A place that `document` fills with the number of the page that `name` is on."""
    return f'<span class="at" data-page="{name}"></span>'


def document(
    title: Title, syllabus: Syllabus, pages: Sequence[Sheet], numbers: Mapping[str, int]
) -> str:
    """The book as one HTML document, its pages as `numbers` ({anchor: page}) says.

    Raises `BookError` if a link leads nowhere.
    """
    first = len(syllabus.front)
    last = first + len(syllabus.written)
    written = pages[first:last]
    body = "".join(
        [
            _title(title),
            _contents(syllabus, pages),
            *map(_section, pages[:first]),
            *_chapters(written),
            *map(_section, pages[last:]),
            _solutions(written),
        ]
    )
    refuse(_nowhere(body))
    body = re.sub(
        r'<span class="at" data-page="([^"]+)"></span>',
        lambda match: f'<span class="at">{numbers.get(match[1], UNKNOWN) or "–"}</span>',
        body,
    )
    return (
        f'<!doctype html>\n<html lang="en-GB" data-theme="light">\n{_head(title, pages)}\n'
        f'<body class="paper"><main>{body}</main></body>\n</html>\n'
    )


def _nowhere(body: str) -> Iterator[Fault]:
    names = set(re.findall(r' id="([^"]+)"', body))
    for address in sorted(set(re.findall(r' href="#([^"]+)"', body))):
        if html.unescape(address) not in names and address not in names:
            yield Fault(THEME, 1, f"on paper #{address} leads nowhere")


def _head(title: Title, pages: Sequence[Sheet]) -> str:
    style = (THEME / "style" / "paper.css").read_text("utf-8")
    rules = "".join(_running(page) for page in pages)
    return (
        f'<head><meta charset="utf-8"><title>{html.escape(title.title)}</title>'
        '<link rel="stylesheet" href="theme/katex/katex.css">'
        f'<link rel="stylesheet" href="theme/book.css"><style>{style}{rules}</style></head>'
    )


def _running(page: Sheet) -> str:
    """What stands at the head of each of the page's sheets."""
    words = f"{page.chapter.number} · {page.title}" if page.chapter else page.title
    quoted = json.dumps(words, ensure_ascii=False).replace("<", r"\3c ")
    return f"@page sheet-{page.slug}{{@top-left{{content:{quoted}}}}}"


def _title(title: Title) -> str:
    lines = [f"Version {title.version}, {title.date}", title.licence, title.address]
    rest = "".join(f"<p>{html.escape(line)}</p>" for line in lines if line)
    return (
        f'<section class="title-page"><h1>{html.escape(title.title)}</h1>'
        f'<p class="subtitle">{html.escape(title.subtitle)}</p><div>{rest}</div></section>'
    )


def _contents(syllabus: Syllabus, pages: Sequence[Sheet]) -> str:
    first = len(syllabus.front)
    last = first + len(syllabus.written)
    lines = [_line(page.slug, page.title) for page in pages[:first]]
    part = ""
    for chapter in syllabus.chapters:
        if chapter.part != part:
            part = chapter.part
            anchor = f' id="{CONTENTS}--{_anchor(part)}"'
            lines.append(f'<li class="of-part"{anchor}>{html.escape(part)}</li>')
        lines.append(
            _line(chapter.slug, chapter.title, chapter.number, planned=not chapter.written)
        )
    lines.append('<li class="of-part">To teach with and to look up</li>')
    lines += [_line(page.slug, page.title) for page in pages[last:]]
    lines.append(_line(SOLUTIONS, "Solutions of the exercises"))
    return (
        f'<nav class="toc" id="{CONTENTS}"><h1 role="heading" aria-level="1">Contents</h1>'
        f"<ol>{''.join(lines)}</ol></nav>"
    )


def _anchor(part: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-")


def _line(slug: str, title: str, number: int = 0, *, planned: bool = False) -> str:
    mark = f'<span class="number">{number}</span>' if number else ""
    words = f"{mark}<span>{html.escape(title)}</span>"
    if planned:
        return f'<li class="later">{words}<span class="at">planned</span></li>'
    return f'<li><a href="#{slug}">{words}<span class="lead-in"></span>{_at(slug)}</a></li>'


def _chapters(pages: Sequence[Sheet]) -> Iterator[str]:
    """The chapters; the first of each part follows the part's own sheet."""
    part = ""
    for page in pages:
        if page.chapter and page.chapter.part != part:
            part = page.chapter.part
            yield (
                '<section class="part-page"><h1 role="heading" aria-level="1">'
                f"{html.escape(part)}</h1></section>"
            )
        yield _section(page)


def _section(page: Sheet) -> str:
    level = page.body if page.chapter else page.body.replace('aria-level="2"', 'aria-level="1"', 1)
    return (
        f'<section class="sheet" id="{page.slug}" style="page:sheet-{page.slug}">'
        f"<article>{level}</article></section>"
    )


def _solutions(pages: Sequence[Sheet]) -> str:
    blocks = []
    for page in pages:
        if page.solutions and page.chapter:
            blocks.append(
                f'<h2 role="heading" aria-level="2">{page.chapter.number} · '
                f"{html.escape(page.title)}</h2>"
            )
        for id, body in page.solutions:
            anchor = f"{page.slug}--exercise-{id.replace('.', '-')}"
            label = f"Exercise {id}" if _EXERCISE.fullmatch(id) else "An exercise"
            back = f'<a href="#{anchor}">{label}, page {_at(anchor)}</a>'
            blocks.append(
                f'<div class="worked" id="solution-{id}"><p class="task-title">{back}</p>'
                f"{body}</div>"
            )
    return (
        f'<section class="sheet" id="{SOLUTIONS}" style="page:sheet-{SOLUTIONS}"><article>'
        '<header class="page-head"><h1 role="heading" aria-level="1">Solutions of the exercises'
        f"</h1></header><section>{''.join(blocks)}</section></article></section>"
    )
