"""check what this installation has, and say how to mend what is missing."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement

from .browser import browser_checks
from .checks import Check, usable
from .machine import machine_checks
from .output import to_json, to_table

OLDEST_PYTHON = (3, 11)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--json", action="store_true", help="print JSON: usable, and the checks")


def run(options: argparse.Namespace) -> int:
    """Print every check; 0 if nothing failed, otherwise 1."""
    checks = examine()
    if options.json:
        print(to_json({"usable": usable(checks), "checks": [c.to_dict() for c in checks]}))
        return 0 if usable(checks) else 1
    print(to_table([(c.state, c.name, c.found) for c in checks], header=("", "what", "found")))
    for check in checks:
        if check.mend:
            print(f"\n{check.state}  {check.name}: {check.mend}")
    print("\nusable" if usable(checks) else "\nnot usable until what failed is mended")
    return 0 if usable(checks) else 1


def examine() -> list[Check]:
    """Every check, in the order in which they are printed."""
    return [
        python_check(),
        Check("platform", "ok", platform.platform()),
        *package_checks(),
        *machine_checks(),
        *browser_checks(),
        Check("Node", "ok", "not needed: the bundle is built"),
    ]


def python_check() -> Check:
    """Python itself."""
    found = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        return Check("Python", "fail", found, "install Python 3.11 or newer")
    return Check("Python", "ok", found)


def package_checks(distribution: str = "rgwidgets") -> Iterator[Check]:
    """What the wheel says that it needs, against what is installed."""
    try:
        needs = metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:
        yield Check(
            distribution,
            "warn",
            "running from a folder, not installed",
            "run `pip install .` in the clone, or `pip install rgwidgets`",
        )
        return
    yield Check(distribution, "ok", metadata.version(distribution))
    for need in map(Requirement, needs):
        if need.marker is None or need.marker.evaluate({"extra": ""}):
            yield _installed(need, missing="fail", extra="")
        elif need.name in ("jupyterlab", "notebook") and need.marker.evaluate({"extra": "lab"}):
            yield _installed(need, missing="warn", extra="[lab]")


def _installed(need: Requirement, *, missing: str, extra: str) -> Check:
    mend = f'run `pip install "rgwidgets{extra}"`, or `pip install "{need.name}{need.specifier}"`'
    try:
        found = metadata.version(need.name)
    except metadata.PackageNotFoundError:
        return Check(need.name, missing, "not installed", mend)
    if not need.specifier.contains(found, prereleases=True):
        return Check(need.name, missing, f"{found}, wanted {need.specifier}", mend)
    return Check(need.name, "ok", found)
