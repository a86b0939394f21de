"""The commands, how they are called, and how they end."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from .._version import __version__
from ..core.errors import Cancelled, RGError, nearest
from . import bench, book, catalogue, doctor, export, lab, microscope
from .terminal import INTERRUPTED

COMMANDS = {
    "lab": lab,
    "list": catalogue,
    "doctor": doctor,
    "bench": bench,
    "export": export,
    "microscope": microscope,
    "book": book,
}
USAGE_ERROR = 2


class Parser(argparse.ArgumentParser):
    """An argument parser that names the nearest word instead of listing what it expected."""

    def refuse(self, what: str, word: str, allowed: Sequence[str]) -> NoReturn:
        """Exit with 2, naming the allowed word that is closest to `word`."""
        close = nearest(word, allowed)
        hint = f"did you mean {close}?" if close else f"there is: {', '.join(allowed)}."
        self.error(f"unknown {what} {word!r}; {hint}")

    def error(self, message: str) -> NoReturn:
        """Print one message on stderr and exit with 2."""
        print(f"{self.prog}: {message}", file=sys.stderr)
        print(f"`{self.prog} --help` says more.", file=sys.stderr)
        raise SystemExit(USAGE_ERROR)


def parser() -> tuple[Parser, dict[str, Parser]]:
    """The whole parser and its sub-parsers by name."""
    top = Parser(
        prog="rgwidgets",
        description="Renormalisation with a dial, in JupyterLab and on the command line.",
    )
    top.add_argument("--version", action="version", version=f"rgwidgets {__version__}")
    choices = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    subs: dict[str, Parser] = {}
    for name, module in COMMANDS.items():
        summary = (module.__doc__ or "").splitlines()[0]
        sub = choices.add_parser(name, help=summary, description=module.__doc__, allow_abbrev=False)
        module.configure(sub)
        subs[name] = sub
    return top, subs


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse `argv`; whatever follows `--` is kept, word for word, as `passed_on`."""
    top, subs = parser()
    words, _, passed_on = _split(argv)
    command = next((word for word in words if not word.startswith("-")), None)
    if command is not None and command not in subs:
        top.refuse("command", command, tuple(subs))
    options, unknown = top.parse_known_args(words)
    if options.command is None:
        if unknown:
            top.refuse("option", unknown[0], ("--version", "--help"))
        top.print_help()
        raise SystemExit(USAGE_ERROR)
    sub = subs[options.command]
    if unknown:
        known = [text for action in sub._actions for text in action.option_strings]
        sub.refuse("argument", unknown[0].split("=")[0], known)
    if passed_on and options.command != "lab":
        sub.error(f"nothing is passed on by {options.command}: {' '.join(passed_on)}")
    options.passed_on = passed_on
    return options


def _split(argv: Sequence[str]) -> tuple[list[str], bool, list[str]]:
    words = list(argv)
    if "--" not in words:
        return words, False, []
    cut = words.index("--")
    return words[:cut], True, words[cut + 1 :]


def run(argv: Sequence[str]) -> int:
    """Run one command and return its exit code: see `rgwidgets.cli.main`."""
    options = parse(argv)
    try:
        code: int = COMMANDS[options.command].run(options)
        sys.stdout.flush()
        return code
    except RGError as error:
        print(f"rgwidgets {options.command}: {error}", file=sys.stderr)
        return USAGE_ERROR
    except (KeyboardInterrupt, Cancelled):
        print(f"rgwidgets {options.command}: stopped.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader, `head` say, has gone: Python must not complain about it while it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
