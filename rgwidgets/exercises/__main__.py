"""`python -m rgwidgets.exercises`: compute every answer and write `rules.json` anew."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..core.files import write_whole
from .exercise import every
from .rulebook import make, text

PLACE = Path(__file__).with_name("rules.json")


def main(arguments: list[str] | None = None) -> int:
    """Write the rules, or with --check say whether they are those that the code makes."""
    parser = argparse.ArgumentParser(prog="python -m rgwidgets.exercises", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail on a difference")
    checking = parser.parse_args(arguments).check
    exercises = every()
    made = text(make(exercises.values()))
    old = PLACE.read_text(encoding="utf-8") if PLACE.exists() else ""
    if checking and made != old:
        print(f"{PLACE} differs from what the code makes", file=sys.stderr)
        return 1
    if made != old:
        write_whole(PLACE, made.encode(), own=True)
    print(f"{len(exercises)} exercises, {len(made) / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
