"""Every link of the finished site leads somewhere, and nothing is fetched from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

from .faults import Fault

#: attributes that make a browser fetch something by itself
_FETCHED = {("img", "src"), ("script", "src"), ("link", "href"), ("source", "src")}
_AWAY = re.compile(r"^(?:[a-z][a-z+.-]*:|//)", re.I)
_STYLED = re.compile(r"url\(\s*['\"]?([^'\")]+)")


@dataclass
class _Read:
    """What a page names and what it points to."""

    names: set[str] = field(default_factory=set)
    links: list[tuple[int, str]] = field(default_factory=list)
    fetched: list[tuple[int, str]] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found = _Read()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        line = self.getpos()[0]
        for name, value in attrs:
            if name == "id" and value:
                self.found.names.add(value)
            elif name == "href" and value and tag == "a":
                self.found.links.append((line, value))
            if (tag, name) in _FETCHED and value:
                self.found.fetched.append((line, value))


def faults(site: Path, sources: Mapping[str, Path]) -> Iterator[Fault]:
    """Links to nowhere, and whatever a browser would fetch from elsewhere.

    `sources` says which text a page was made from: a fault is told where its author can mend it.
    """
    for fault in _found(site):
        source = sources.get(fault.file.name)
        yield fault if source is None else _at_home(fault, source)


def _at_home(fault: Fault, source: Path) -> Fault:
    address = fault.message.split(" ")[0]
    for line, text in enumerate(source.read_text("utf-8").splitlines(), 1):
        if address in text:
            return Fault(source, line, fault.message)
    return Fault(source, 1, fault.message)


def _found(site: Path) -> Iterator[Fault]:
    pages = {path: _read(path) for path in sorted(site.glob("*.html"))}
    for path, found in pages.items():
        for line, address in found.fetched:
            if _AWAY.match(address) and not address.startswith("data:"):
                yield Fault(path, line, f"{address} would be fetched from elsewhere")
            elif not address.startswith("data:"):
                yield from _missing(path, line, address, pages)
        for line, address in found.links:
            if not _AWAY.match(address):
                yield from _missing(path, line, address, pages)
    for sheet in sorted(site.rglob("*.css")):
        for address in _STYLED.findall(sheet.read_text("utf-8")):
            if _AWAY.match(address) and not address.startswith("data:"):
                yield Fault(sheet, 1, f"{address} would be fetched from elsewhere")
            elif not address.startswith("data:") and not (sheet.parent / address).is_file():
                yield Fault(sheet, 1, f"{address} is not there")


def _read(path: Path) -> _Read:
    reader = _Reader()
    reader.feed(path.read_text("utf-8"))
    return reader.found


def _missing(path: Path, line: int, address: str, pages: dict[Path, _Read]) -> Iterator[Fault]:
    name, _, anchor = unquote(address).partition("#")
    target = path if not name else (path.parent / name.split("?")[0]).resolve()
    target = next((page for page in pages if page.resolve() == target), target)
    if not target.exists():
        yield Fault(path, line, f"{address} leads nowhere")
    elif anchor and target in pages and anchor not in pages[target].names:
        yield Fault(path, line, f"{address} leads to no such place of that page")
