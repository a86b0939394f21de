"""`rgwidgets book serve`: plain files on this machine, with the types that browsers insist on."""

from __future__ import annotations

import gzip
import socket
import struct
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from rgwidgets.cli import book, main
from rgwidgets.core.errors import ParameterError, StorageError


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text("<p>the book</p>")
    for name in ("main.js", "font.woff2", "still.svg", "level-0.bin"):
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


@pytest.fixture
def address(site: Path) -> Iterator[str]:
    with book.server(site) as served:
        thread = threading.Thread(target=served.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{served.server_address[1]}"
        served.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("name", "kind"),
    [("", "text/html"), ("main.js", "text/javascript"), ("still.svg", "image/svg+xml"),
     ("font.woff2", "font/woff2"), ("level-0.bin", "application/octet-stream")],
)  # fmt: skip
def test_each_file_is_served_as_what_it_is(name: str, kind: str, address: str) -> None:
    with urllib.request.urlopen(f"{address}/{name}", timeout=5) as answer:
        assert answer.headers.get_content_type() == kind


def test_texts_are_compressed_for_whoever_reads_them_so(address: str, site: Path) -> None:
    (site / "main.js").write_text("let dial = 1;\n" * 500)
    asked = urllib.request.Request(f"{address}/main.js", headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(asked, timeout=5) as answer:
        packed = answer.read()
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers.get_content_type() == "text/javascript"
        asked.add_header("If-Modified-Since", answer.headers["Last-Modified"])
    assert gzip.decompress(packed).decode() == "let dial = 1;\n" * 500
    assert len(packed) < 500
    with pytest.raises(urllib.error.HTTPError, match="304"):
        urllib.request.urlopen(asked, timeout=5)
    with urllib.request.urlopen(f"{address}/main.js", timeout=5) as plain:
        assert plain.headers["Content-Encoding"] is None
        assert plain.read().startswith(b"let dial")


def test_a_file_that_is_built_anew_is_served_anew(address: str, site: Path) -> None:
    asked = urllib.request.Request(f"{address}/", headers={"Accept-Encoding": "gzip"})
    for words in ("<p>one</p>", "<p>the other</p>"):
        (site / "index.html").write_text(words)
        with urllib.request.urlopen(asked, timeout=5) as answer:
            assert gzip.decompress(answer.read()).decode() == words


def test_a_browser_that_goes_away_is_no_fault(
    address: str, site: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (site / "level-0.bin").write_bytes(bytes(10**7))
    host, port = address.removeprefix("http://").split(":")
    for _ in range(3):
        away = socket.create_connection((host, int(port)))
        away.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # resets
        away.sendall(b"GET /level-0.bin HTTP/1.1\r\nHost: here\r\n\r\n")
        away.recv(100)
        away.close()
    with urllib.request.urlopen(f"{address}/index.html", timeout=5) as answer:
        assert answer.status == 200
    assert capfd.readouterr().err == ""


def test_nothing_outside_the_folder_is_served(address: str, site: Path) -> None:
    (site.parent / "secret.txt").write_text("secret")
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{address}/../secret.txt", timeout=5)


def test_a_folder_without_a_book_is_refused_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="make book"):
        book.folder(tmp_path)


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_does_not_exist_is_refused(port: int, site: Path) -> None:
    with pytest.raises(ParameterError, match="65535"):
        book.server(site, port=port)


def test_a_port_that_is_taken_is_refused_with_the_mend(site: Path) -> None:
    with book.server(site) as served, pytest.raises(ParameterError, match="--port 0"):
        book.server(site, port=served.server_address[1])


def test_only_serving_is_offered() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["book", "print"])
    assert caught.value.code == 2
