"""Packages that come with an extra, and what to do where they are not installed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from rgwidgets.core.errors import RGError


def needed(*packages: str, extra: str = "models") -> Path:
    """The folder of the first of these packages, not imported; all must be installed.

    Raises
    ------
    RGError
        Naming the first package that is missing, and the extra of rgwidgets that brings it.

    Examples
    --------
    >>> needed("torch").name
    'torch'
    >>> needed("no_such_package")
    Traceback (most recent call last):
    ...
    rgwidgets.core.errors.RGError: no_such_package: got not installed. \
Mend: run `pip install "rgwidgets[models]"`.
    """
    folders = []
    for package in packages:
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise RGError(
                package, given="not installed", mend=f'run `pip install "rgwidgets[{extra}]"`'
            )
        folders.append(Path(spec.submodule_search_locations[0]))
    return folders[0]
