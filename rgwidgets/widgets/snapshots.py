"""Pictures of a lens as files: asked of the page that shows it, written whole or not at all."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import Any

from ..core.errors import ParameterError, StorageError

#: Seconds after which a page that does not answer is given up.
SILENCE = 10.0


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
        self._awaited: dict[int, Path] = {}
        self._asked = 0

    def ask(self, path: str | PathLike[str]) -> None:
        """Ask for a picture and write it to `path` when it comes.

        Raises `ParameterError` if the name does not end in .png.
        """
        target = Path(path).absolute()
        if target.suffix.lower() != ".png":
            raise ParameterError("path", given=str(path), allowed="a name that ends in .png")
        self._asked += 1
        self._awaited[self._asked] = target
        self._send({"kind": "snapshot", "id": self._asked})
        silence = threading.Timer(SILENCE, self._give_up, args=(self._asked,))
        silence.daemon = True
        silence.start()

    def answered(self, content: Mapping[str, Any]) -> None:
        """A page has sent a picture; one that nobody asked for is ignored."""
        target = self._awaited.pop(int(content.get("id") or 0), None)
        if target is not None:
            write_png(target, str(content.get("data")))

    def _give_up(self, key: int) -> None:
        if self._awaited.pop(key, None) is not None:
            mend = "show the lens in a notebook that is open, then save again"
            self._fail(StorageError("saving an image", given="no page answered", mend=mend))


def write_png(target: Path, address: str) -> None:
    """Write the PNG that a data address holds, whole or not at all; `StorageError` if not."""
    head, _, content = address.partition(",")
    partial = target.with_name(f".{target.name}.partial")
    try:
        if head != "data:image/png;base64":
            raise ValueError("something that is no PNG")
        partial.write_bytes(base64.b64decode(content, validate=True))
        partial.replace(target)
    except (OSError, ValueError) as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        mend = "free some space or save elsewhere; nothing was changed"
        raise StorageError(f"saving {target.name}", given=str(error), mend=mend) from error
