"""What the commands share: JSON and tables."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence


def to_json(content: object) -> str:
    """`content` as indented JSON.

    >>> print(to_json({"T": 2.269}))
    {
      "T": 2.269
    }
    """
    plain = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"  # JSON has its own way
    return json.dumps(content, indent=2, ensure_ascii=plain, allow_nan=False)


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
