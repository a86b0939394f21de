"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from .errors import StorageError


def write_whole(target: Path, content: bytes) -> None:
    """Write a file beside its place and rename it there; raises `StorageError`."""
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        os.replace(partial, target)
    except OSError as error:
        partial.unlink(missing_ok=True) if partial.parent.is_dir() else None
        raise StorageError(
            f"writing {target}",
            given=error.strerror or str(error),
            allowed="a place with room that can be written",
            mend="free some space or choose another place; nothing was changed",
        ) from error
