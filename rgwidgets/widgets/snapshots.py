"""Pictures of a lens as files: asked of the page that shows it, written whole or not at all."""

from __future__ import annotations

import base64
import threading
import zlib
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from .._version import __version__
from ..core.errors import StorageError
from ..core.files import check_free, place, write_whole

#: Seconds after which a page that does not answer is given up.
SILENCE = 10.0
#: Bytes of a PNG before its second chunk.
_HEADER = 33


class Snapshots:
    """Images that were asked of the browser and have not come yet.

    Parameters
    ----------
    send, fail
        How to reach the page, and what to do with an error that comes too late to be raised.
    """

    def __init__(
        self, send: Callable[[dict[str, Any]], object], fail: Callable[[Exception], object]
    ) -> None:
        self._send, self._fail = send, fail
        self._awaited: dict[int, tuple[Path, threading.Timer]] = {}
        self._asked = 0

    def ask(self, path: str | PathLike[str]) -> None:
        """Ask for a picture and write it to `path` when it comes.

        Raises `ParameterError` if the name does not end in .png, `StorageError` if there is a file
        that is no image of this project.
        """
        target = place(path, ".png").absolute()
        check_free(target, "image")
        self._asked += 1
        silence = threading.Timer(SILENCE, self._give_up, args=(self._asked,))
        silence.daemon = True
        self._awaited[self._asked] = target, silence
        self._send({"kind": "snapshot", "id": self._asked})
        silence.start()

    def answered(self, content: Mapping[str, Any]) -> None:
        """A page has sent a picture; one that nobody asked for is ignored."""
        awaited = self._awaited.pop(int(content.get("id") or 0), None)
        if awaited is not None:
            target, silence = awaited
            silence.cancel()
            write_png(target, str(content.get("data")))

    def _give_up(self, key: int) -> None:
        if self._awaited.pop(key, None) is not None:
            mend = "show the lens in a notebook that is open, then save again"
            self._fail(StorageError("saving an image", given="no page answered", mend=mend))


def write_png(target: Path, address: str) -> None:
    """Write the PNG that a data address holds, whole or not at all; `StorageError` if not."""
    head, _, content = address.partition(",")
    try:
        if head != "data:image/png;base64":
            raise ValueError("something that is no PNG")
        if not target.parent.is_dir():
            raise ValueError(f"no folder {target.parent}")
        image = signed(base64.b64decode(content, validate=True))
    except ValueError as error:
        mend = "save again, into a folder that is there; nothing was changed"
        raise StorageError(f"saving {target.name}", given=str(error), mend=mend) from error
    write_whole(target, image)


def signed(image: bytes) -> bytes:
    """A PNG that says of itself who made it, by which it may be replaced: see `core/files.py`.

    Raises `ValueError` for what is no PNG.
    """
    if image[:8] != b"\x89PNG\r\n\x1a\n" or image[12:16] != b"IHDR":
        raise ValueError("something that is no PNG")
    said = b"tEXtSoftware\0rgwidgets " + __version__.encode()
    length, check = (len(said) - 4).to_bytes(4), zlib.crc32(said).to_bytes(4)
    return image[:_HEADER] + length + said + check + image[_HEADER:]
