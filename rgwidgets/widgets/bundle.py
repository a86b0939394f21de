"""The browser bundle: built once, shipped in the wheel, never fetched from elsewhere."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ..core.errors import BundleError, ParameterError

STATIC = Path(__file__).parent / "static"
#: What a browser may ask for. Charts come only when one is shown.
ASSETS = ("lens.js", "charts.js")


@cache
def asset(name: str) -> bytes:
    """The bytes of one built file.

    Raises
    ------
    ParameterError
        If it is none of `ASSETS`.
    BundleError
        If the bundle was not built or not installed.
    """
    if name not in ASSETS:
        raise ParameterError("asset", given=name, allowed=", ".join(ASSETS))
    try:
        return (STATIC / name).read_bytes()
    except OSError as error:
        raise BundleError(
            "browser bundle",
            given=f"no {name} in the package",
            allowed="an installed wheel, or a tree in which `make lab` or `make test` has built it",
            mend="pip install --force-reinstall rgwidgets; in a clone run `make lab`",
        ) from error
