"""What a terminal may ask of every command: letters that it has, and to stop."""

from __future__ import annotations

import codecs
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

INTERRUPTED = 130
#: How a terminal without these letters shows them.
_SPELT = {
    "±": "+/-", "→": "->", "←": "<-", "↔": "<->", "·": "|", "×": "x", "−": "-", "–": "-",
    "—": "-", "≤": "<=", "≥": ">=", "≈": "~", "∞": "inf", "√": "sqrt", "‖": "||", "∂": "d",
    "‘": "'", "’": "'", "“": '"', "”": '"', "α": "alpha", "β": "beta", "Γ": "Gamma",
    "γ": "gamma", "ε": "epsilon", "η": "eta", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi",
    "ρ": "rho", "σ": "sigma", "τ": "tau", "χ": "chi",
}  # fmt: skip


def in_plain_letters(*streams: TextIO) -> None:
    """From now on spell out what a stream's encoding lacks, instead of failing at it.

    >>> import io
    >>> stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    >>> in_plain_letters(stream)
    >>> _ = stream.write("0.50 ± 0.02 [τ=1.3], 1024², Schrödinger 鏡")
    >>> stream.seek(0), stream.read()
    (0, '0.50 +/- 0.02 [tau=1.3], 1024^2, Schrodinger \\\\u93e1')
    """
    codecs.register_error("rgwidgets", _spell)
    for stream in streams:
        if hasattr(stream, "reconfigure"):  # a notebook's streams take every letter
            stream.reconfigure(errors="rgwidgets")


def _spell(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return "".join(map(_letter, error.object[error.start : error.end])), error.end


def _letter(letter: str) -> str:
    import unicodedata  # where all letters are there, nobody needs it

    base = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    raised = "^" if base and "<super>" in unicodedata.decomposition(letter) else ""
    return _SPELT.get(letter) or raised + base or f"\\u{ord(letter):04x}"


@contextmanager
def interruptible(program: bool = True) -> Iterator[None]:
    """While a whole program runs: an interrupt ends it in words, at whatever moment it comes.

    Afterwards it ends by itself, and an interrupt would only make Python complain.
    """
    if not program or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # somebody else hears interrupts, or wants them ignored
        return
    signal.signal(signal.SIGINT, _interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _interrupted(_: int, frame: FrameType | None) -> None:
    """Stop: between modules that are being loaded at once, else where the command can tidy up.

    What is raised while a module is loaded may be lost, or come out as another error.
    """
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, b"rgwidgets: stopped.\n")
            os._exit(INTERRUPTED)
        frame = frame.f_back
    raise KeyboardInterrupt
