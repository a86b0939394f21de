"""A broken link, or anything that a browser would fetch from elsewhere, fails the build."""

from __future__ import annotations

from pathlib import Path

import pytest

from book.engine import links


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "other.html").write_text('<h2 id="here">x</h2>')
    (tmp_path / "a.js").write_text("")
    return tmp_path


def found(site: Path, body: str) -> list[str]:
    (site / "index.html").write_text(f"<p>\n{body}")
    return [fault.message for fault in links.faults(site, {})]


@pytest.mark.parametrize(
    "body",
    [
        '<a href="other.html">x</a>',
        '<a href="other.html#here">x</a>',
        '<a href="https://example.org/away">x</a>',
        '<a href="#me" id="me">x</a>',
        '<script src="a.js"></script>',
        '<img src="data:image/png;base64,AA">',
    ],
)
def test_what_leads_somewhere_is_let_be(body: str, site: Path) -> None:
    assert found(site, body) == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('<a href="nowhere.html">x</a>', "nowhere.html leads nowhere"),
        ('<a href="other.html#there">x</a>', "no such place"),
        ('<a href="#there">x</a>', "no such place"),
        ('<img src="https://example.org/x.png">', "fetched from elsewhere"),
        ('<script src="//example.org/x.js"></script>', "fetched from elsewhere"),
        ('<link rel="stylesheet" href="x.css">', "x.css leads nowhere"),
    ],
)
def test_what_leads_nowhere_or_elsewhere_is_refused(body: str, says: str, site: Path) -> None:
    (fault,) = found(site, body)
    assert says in fault


def test_a_style_may_fetch_only_what_is_beside_it(site: Path) -> None:
    (site / "x.css").write_text("a{background:url(https://e.org/a.png)}b{src:url('f.woff2')}")
    faults = found(site, "")
    assert any("elsewhere" in fault for fault in faults)
    assert any("f.woff2 is not there" in fault for fault in faults)


def test_a_fault_names_the_line_of_the_page(site: Path) -> None:
    (site / "index.html").write_text('<p>\n<a href="x.html">x</a>')
    (fault,) = links.faults(site, {})
    assert (fault.file.name, fault.line) == ("index.html", 2)


def test_a_fault_is_told_where_the_author_wrote_it(site: Path, tmp_path: Path) -> None:
    source = tmp_path / "chapter.md"
    source.write_text("# T\n\nSee [that](x.html).\n")
    (site / "index.html").write_text('<a href="x.html">that</a>')
    (fault,) = links.faults(site, {"index.html": source})
    assert (fault.file, fault.line) == (source, 3)
