"""The command line: `rgwidgets lab | list | doctor | bench | export | microscope | book`.

What stands here loads nothing: whoever stops a command in its first moment is heard already.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 well, 1 found wanting, 2 refused, 130 stopped.

    Without `argv` it is the whole program: it reads what was typed, and an interrupt ends it.

    >>> main(["export", "flow.zarr", "--to", "page.pdf"])
    2
    """
    try:
        from .terminal import in_plain_letters, interruptible

        in_plain_letters(sys.stdout, sys.stderr)
        with interruptible(argv is None):
            from .commands import run

            return run(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:  # before the command had begun
        print("rgwidgets: stopped.", file=sys.stderr)
        return 130


def __getattr__(name: str) -> object:
    """A command by its name, once it is asked for."""
    from importlib import import_module

    return getattr(import_module(".commands", __name__), name)
