"""How much memory the computation holds."""

from __future__ import annotations

import os
from math import inf
from pathlib import Path
from time import monotonic

import torch

_STATM = Path("/proc/self/statm")


def resident() -> int | None:
    """Bytes of main memory that this process holds now; None where the system does not say.

    Only Linux tells this at the price of reading a line: elsewhere the standard library knows the
    highest use so far, which is another number.
    """
    try:
        pages = int(_STATM.read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return None


def allocated() -> int | None:
    """Bytes that torch holds on all CUDA devices; None if none is in use."""
    if not torch.cuda.is_initialized():
        return None
    return sum(torch.cuda.memory_allocated(index) for index in range(torch.cuda.device_count()))


def words(size: int) -> str:
    """A number of bytes as it is read.

    >>> words(412_300_000), words(1_530_000_000)
    ('412 MB', '1.5 GB')
    """
    return f"{size / 1e6:.0f} MB" if size < 999_500_000 else f"{size / 1e9:.1f} GB"


class Gauge:
    """The memory in use, as text; looked up at most once in `interval` seconds.

    >>> Gauge()() == "" or Gauge()().split()[-1] in ("MB", "GB", "GPU")
    True
    """

    def __init__(self, interval: float = 0.3) -> None:
        self.interval = interval
        self._looked, self._found = -inf, ""

    def __call__(self) -> str:
        """Such as "412 MB", with CUDA "412 MB + 1.5 GB GPU"; "" where it cannot be known."""
        now = monotonic()
        if now - self._looked >= self.interval:
            self._looked, self._found = now, _found()
        return self._found


def _found() -> str:
    here, there = resident(), allocated()
    parts = [words(here)] if here is not None else []
    if there is not None:
        parts.append(f"{words(there)} GPU")
    return " + ".join(parts)
