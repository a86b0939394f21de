"""`python -m rgwidgets.cells FILE`: write the cells that the extension offers anew."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..core.files import write_whole
from .cells import catalogue, every, text, unknown


def main(arguments: list[str] | None = None) -> int:
    """Write the catalogue of cells, or with --check say whether the file is up to date."""
    parser = argparse.ArgumentParser(prog="python -m rgwidgets.cells", description=__doc__)
    parser.add_argument("file", type=Path, help="labextension/src/insert/catalogue.json")
    parser.add_argument("--check", action="store_true", help="write nothing; fail on a difference")
    options = parser.parse_args(arguments)
    if missing := unknown():
        print(f"rgwidgets/cells/recipes.py does not name {', '.join(missing)}", file=sys.stderr)
        return 1
    made = text()
    old = options.file.read_text(encoding="utf-8") if options.file.exists() else ""
    if options.check and made != old:
        print(f"{options.file} differs from what the code makes", file=sys.stderr)
        return 1
    if made != old:
        write_whole(options.file, made.encode(), own=True)
    print(f"{len(list(every(catalogue())))} cells")
    return 0


if __name__ == "__main__":
    sys.exit(main())
