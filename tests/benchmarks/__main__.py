"""Run every benchmark, or those that are named, and print one table with the machine's name."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import torch

from rgwidgets.compute import device

from . import (
    book,
    bounds,
    capture,
    diagnosis,
    dial,
    extension,
    importing,
    ising,
    maxofk,
    microscope,
    orders,
    peers,
    rare,
    streaming,
    toy,
)
from .row import Row

SECTIONS: dict[str, Callable[[], Iterator[Row]]] = {
    "ising": ising.rows,
    "dial": dial.rows,
    "streaming": streaming.rows,
    "import": importing.rows,
    "toy": toy.rows,
    "diagnosis": diagnosis.rows,
    "capture": capture.rows,
    "microscope": microscope.rows,
    "orders": orders.rows,
    "rare": rare.rows,
    "maxofk": maxofk.rows,
    "book": book.rows,
    "bounds": bounds.rows,
    "peers": peers.rows,
    "extension": extension.rows,
}


def machine() -> str:
    """Processor, cores, device, versions."""
    described = device.describe("auto")
    return (
        f"{described.get('name', platform.processor())} · {os.cpu_count()} cores · "
        f"Python {platform.python_version()} · torch {torch.__version__}"
    )


def main() -> None:
    """Measure, print, and keep the rows as bench.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "sections",
        nargs="*",
        metavar="SECTION",
        help=f"any of {', '.join(SECTIONS)}; all by default",
    )
    chosen = parser.parse_args().sections or list(SECTIONS)
    unknown = set(chosen) - set(SECTIONS)
    if unknown:
        parser.error(f"no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    print(machine(), f"load {os.getloadavg()[0]:.1f}", sep=" · ")
    kept = []
    for section in chosen:
        for row in SECTIONS[section]():
            kept.append(row)
            mark = {True: "met", False: "MISSED", None: ""}[row.met]
            print(
                f"{row.section:18} {row.what:52} {row.measured:>22}  {row.goal:12} {mark}",
                flush=True,
            )
    Path("bench.json").write_text(
        json.dumps({"machine": machine(), "rows": [asdict(row) for row in kept]}, indent=1)
    )


if __name__ == "__main__":
    main()
