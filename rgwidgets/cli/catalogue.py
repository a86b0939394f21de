"""list what there is: systems, schemes and labs, with their sources."""

from __future__ import annotations

import argparse

from ..core import catalogue
from .output import to_json, to_table


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--kind", choices=tuple(catalogue.FOLDERS), help="only entries of one kind")
    parser.add_argument("--json", action="store_true", help="print JSON: a list of objects")


def run(options: argparse.Namespace) -> int:
    """Print the catalogue."""
    entries = catalogue.entries(options.kind)
    if options.json:
        print(to_json([entry.to_dict() for entry in entries]))
    else:
        rows = [(entry.kind, entry.name, entry.summary, entry.citation) for entry in entries]
        print(to_table(rows, header=("kind", "name", "what", "source")))
    return 0
