"""What `import rgwidgets` costs, beside the import of torch in the same run."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator

from rgwidgets.widgets import bundle

from .row import Row, at_most

TIMED = """
import time
begin = time.perf_counter()
{statement}
print(time.perf_counter() - begin)
"""


def seconds(statement: str, *, repeats: int = 5) -> float:
    """Median over fresh processes, after one that warms the disk."""
    times = [
        float(
            subprocess.run(
                [sys.executable, "-c", TIMED.format(statement=statement)],
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        )
        for _ in range(repeats + 1)
    ]
    return statistics.median(times[1:])


def rows() -> Iterator[Row]:
    """Import times and bundle sizes."""
    torch = seconds("import torch")
    yield Row("import", "torch", f"{torch:.2f} s")
    for what, statement in (
        ("rgwidgets with core (Flow, Theory, …)", "import rgwidgets; rgwidgets.Flow"),
        ("rgwidgets, name only", "import rgwidgets"),
    ):
        own = seconds(statement)
        yield at_most("import", f"{what} / torch", own / torch, 1.5, unit="×")
    sizes = {name: len(bundle.asset(name)) for name in bundle.ASSETS}
    for name, size in sizes.items():
        yield Row("bundle", name, f"{size / 1e3:.0f} kB")
    yield at_most(
        "bundle", "together, before compression", sum(sizes.values()) / 1e3, 1000, unit="kB"
    )
