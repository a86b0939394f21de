"""Checks of what the browser is given: the drawing code and the JupyterLab extensions."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from .._version import __version__
from .checks import Check

EXTENSION = "@rgwidgets/lab"
#: Extensions of others without which a lens does not appear, and what brings them.
COMPANIONS = {"@jupyter-widgets/jupyterlab-manager": "jupyterlab_widgets", "anywidget": "anywidget"}
BUNDLE = ("lens.js", "charts.js")
LARGEST_BUNDLE = 1_000_000  # bytes before compression; every lens carries lens.js
REINSTALL = "run `pip install --force-reinstall --no-deps rgwidgets`; in a clone, `make build`"


def browser_checks() -> Iterator[Check]:
    """The bundle, file by file, then the extensions."""
    static = Path(str(resources.files("rgwidgets"))) / "widgets" / "static"
    yield from bundle_checks(static)
    if importlib.util.find_spec("jupyterlab_server") is None:
        yield Check(
            "JupyterLab extension",
            "warn",
            "no JupyterLab here",
            'run `pip install "rgwidgets[lab]"` to open lenses in JupyterLab',
        )
        return
    found = federated_extensions()
    yield extension_check(found)
    for name, package in COMPANIONS.items():
        if name in found:
            yield Check(f"extension {name}", "ok", found[name]["version"])
        else:
            yield Check(
                f"extension {name}",
                "fail",
                "not found",
                f"run `pip install --force-reinstall --no-deps {package}` in this environment",
            )


def bundle_checks(static: Path) -> Iterator[Check]:
    """Each built file: there, and of a size that a browser takes at once."""
    for name in BUNDLE:
        path = static / name
        if not path.is_file() or path.stat().st_size == 0:
            yield Check(f"bundle {name}", "fail", "missing", REINSTALL)
            continue
        size = path.stat().st_size
        found = f"{size / 1000:,.0f} kB"
        if name == "lens.js" and size > LARGEST_BUNDLE:
            yield Check(
                f"bundle {name}",
                "warn",
                found,
                "over 1 MB: opening a lens will be slow; build it with `jlpm build:prod`",
            )
        else:
            yield Check(f"bundle {name}", "ok", found)


def extension_check(found: dict[str, dict[str, str]]) -> Check:
    """Our own extension: found, of this version, not disabled."""
    title = f"extension {EXTENSION}"
    if EXTENSION not in found:
        return Check(title, "fail", "not found", REINSTALL)
    here = found[EXTENSION]
    if here["state"] == "disabled":
        return Check(
            title,
            "warn",
            f"{here['version']}, disabled",
            f"run `jupyter labextension enable {EXTENSION}`",
        )
    if here["version"] != __version__:
        return Check(title, "warn", f"{here['version']}, package is {__version__}", REINSTALL)
    return Check(title, "ok", f"{here['version']} in {here['path']}")


def federated_extensions() -> dict[str, dict[str, str]]:
    """{name: {version, path, state}} of every prebuilt extension on Jupyter's paths."""
    from jupyter_core.paths import jupyter_path
    from jupyterlab_server.config import get_federated_extensions, get_page_config

    places = jupyter_path("labextensions")
    disabled = _disabled(get_page_config(places))
    return {
        name: {
            "version": str(data.get("version", "")),
            "path": str(data.get("ext_path", "")),
            "state": "disabled" if name in disabled else "enabled",
        }
        for name, data in get_federated_extensions(places).items()
    }


def _disabled(page: dict[str, object]) -> set[str]:
    listed = page.get("disabledExtensions", [])
    if isinstance(listed, str):
        listed = json.loads(listed)
    if isinstance(listed, dict):
        return {name for name, off in listed.items() if off}
    return set(listed) if isinstance(listed, list) else set()
