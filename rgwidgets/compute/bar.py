"""Progress of long work as a tqdm bar, in a terminal or a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..core import progress
from ..core.numeric import instance


@contextmanager
def progress_bar(label: str = "") -> Iterator[None]:
    """Show the progress of whatever runs inside the block; an interrupt stops it between steps.

    >>> from rgwidgets.core.progress import track
    >>> with progress_bar("counting"):
    ...     total = sum(track(range(5)))
    >>> total
    10
    """
    instance("label", label, str, "a text")
    from tqdm.auto import tqdm

    with tqdm(total=100, desc=label, unit="%", leave=False, bar_format=_FORMAT) as bar:

        def listen(fraction: float | None, step: str) -> None:
            if step or not label:
                bar.set_description_str(step or label, refresh=False)
            if fraction is not None:
                bar.n = round(100 * fraction)
            bar.refresh()

        with progress.listening(listen):
            yield


_FORMAT = "{desc} {percentage:3.0f}% |{bar}| {elapsed} < {remaining}"
