"""serve the online book on this machine: no kernel, no network."""

from __future__ import annotations

import argparse
import gzip
import sys
from contextlib import suppress
from functools import lru_cache, partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from ..core.errors import ParameterError, StorageError

#: where `make book` puts it in a clone; then the working folder
BUILT = Path(__file__).parents[2] / "book" / "_build" / "html"
PORT = 8420
#: what shrinks to a third on its way to a room full of laptops
_TEXTS = frozenset({".css", ".html", ".ipynb", ".js", ".json", ".svg"})


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("action", choices=("serve",), metavar="serve", help="serve the built book")
    parser.add_argument(
        "--dir", type=Path, metavar="FOLDER", help="the built book (default: that of this clone)"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="0.0.0.0 serves a whole room (default: 127.0.0.1)"
    )
    parser.add_argument("--port", type=int, default=PORT, help=f"0 takes any (default: {PORT})")


def run(options: argparse.Namespace) -> int:
    """Serve until interrupted."""
    with server(folder(options.dir), host=options.host, port=options.port) as served:
        host, port = served.server_address[:2]
        print(
            f"rgwidgets book: http://{host!s}:{port}/ (Ctrl-C to stop)", file=sys.stderr, flush=True
        )
        served.serve_forever()
    return 0


def folder(given: Path | None) -> Path:
    """The folder of the built book; raises `StorageError` if there is none."""
    found = BUILT if given is None else given
    if not (found / "index.html").is_file():
        raise StorageError(
            "the built book",
            given=f"no index.html in {found}",
            allowed="a folder that `make book` has filled, or that a release holds",
            mend="run `make book` in a clone, or unpack a release and name it with --dir",
        )
    return found


@lru_cache(maxsize=256)
def _packed(path: Path, changed: int) -> bytes:
    """A file's content compressed, until it has `changed`."""
    return gzip.compress(path.read_bytes(), 6, mtime=0)


class Handler(SimpleHTTPRequestHandler):
    """Plain files, with the types that a browser insists on; quiet about what goes well."""

    protocol_version = "HTTP/1.1"  # one connection serves many files
    disable_nagle_algorithm = True  # headers and content leave apart, and must not wait
    timeout = 30
    extensions_map = {  # noqa: RUF012 - the base class's own
        **SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".json": "application/json",
        ".svg": "image/svg+xml",
        ".woff2": "font/woff2",
        ".ipynb": "application/x-ipynb+json",
    }

    def handle(self) -> None:
        """A browser that goes away in the middle is no fault."""
        with suppress(ConnectionError):
            super().handle()

    def send_head(self) -> BytesIO | BinaryIO | None:
        """Texts are compressed for a browser that can read them so."""
        path = Path(self.translate_path(self.path))
        if self.path.split("?")[0].endswith("/"):
            path /= "index.html"
        reads = "gzip" in self.headers.get("Accept-Encoding", "")
        if not reads or path.suffix not in _TEXTS or not path.is_file():
            return super().send_head()
        changed = path.stat()
        modified = self.date_time_string(int(changed.st_mtime))
        if self.headers.get("If-Modified-Since") == modified:
            self.send_response(HTTPStatus.NOT_MODIFIED)
            self.end_headers()
            return None
        content = _packed(path, changed.st_mtime_ns)
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Last-Modified", modified)
        self.send_header("Vary", "Accept-Encoding")
        self.end_headers()
        return BytesIO(content)

    def end_headers(self) -> None:
        """Ask the browser to look again: the book may have been built anew."""
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Only faults are worth a line."""


def server(folder: Path, *, host: str = "127.0.0.1", port: int = 0) -> ThreadingHTTPServer:
    """A server of the built book, not yet started; raises `ParameterError` for a bad port."""
    if not 0 <= port < 65536:
        raise ParameterError("--port", given=port, allowed="0 to 65535")
    try:
        return ThreadingHTTPServer((host, port), partial(Handler, directory=str(folder)))
    except OSError as error:
        raise ParameterError(
            "--port",
            given=f"{host}:{port} ({error.strerror})",
            allowed="an address of this machine and a port that is free",
            mend="pass --port 0 to take any",
        ) from error
