"""What the commands share: JSON, tables, and files that appear whole or not at all."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Sequence
from pathlib import Path

from ..core.errors import StorageError


def to_json(content: object) -> str:
    """`content` as indented JSON.

    >>> print(to_json({"T": 2.269}))
    {
      "T": 2.269
    }
    """
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)


def to_table(rows: Sequence[Sequence[str]], *, header: Sequence[str]) -> str:
    """Left-aligned columns; the last one is as wide as it likes.

    >>> print(to_table([("ising", "spins"), ("xy", "rotors")], header=("name", "what")))
    name   what
    ising  spins
    xy     rotors
    """
    everything = [header, *rows]
    widths = [max(len(row[i]) for row in everything) for i in range(len(header) - 1)]
    lines = (
        "  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[-1]])
        for row in everything
    )
    return "\n".join(line.rstrip() for line in lines)


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
