"""Cells of code that show a lens: one for each lab, and for each system and scheme that fit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import rgwidgets

from ..core.catalogue import Entry, entries
from .recipes import LABS, SCHEMES, SYSTEMS, THEORIES, WITHOUT, Fit, Source


def catalogue() -> dict[str, Any]:
    """Everything that can be inserted, as plain JSON: labs, systems with their cells, schemes."""
    schemes = [entry for entry in entries("scheme") if entry.qualname in SCHEMES]
    return {
        "labs": [
            {**_card(entry), "code": _lab(entry)}
            for entry in entries("lab")
            if entry.qualname in LABS
        ],
        "systems": [*_systems("system", schemes), *_theories(schemes)],
        "toys": list(_systems("toy", schemes)),
        "schemes": [_card(entry) for entry in schemes],
    }


def text() -> str:
    """The catalogue as it is kept in a file."""
    return json.dumps(catalogue(), ensure_ascii=False, indent=1) + "\n"


def unknown() -> list[str]:
    """Entries of which nobody has said how a cell shows them, or why none does."""
    told = {*SYSTEMS, *SCHEMES, *LABS, *WITHOUT}
    return [entry.qualname for entry in entries() if entry.qualname not in told]


def every(made: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(name, code) of every cell of a catalogue."""
    for lab in made["labs"]:
        yield lab["name"], lab["code"]
    for system in (*made["systems"], *made["toys"]):
        for scheme, code in system["cells"].items():
            yield f"{system['name']} {scheme}", code


def _systems(kind: str, schemes: list[Entry]) -> Iterator[dict[str, Any]]:
    for entry in entries(kind):
        if entry.qualname in SYSTEMS:
            fitting = _fitting(SYSTEMS[entry.qualname], schemes, entry)
            yield {**_card(entry), "cells": dict(fitting)}


def _theories(schemes: list[Entry]) -> Iterator[dict[str, Any]]:
    for name, (summary, source) in THEORIES.items():
        card = {"name": name, "summary": summary, "citation": ""}
        yield {**card, "cells": dict(_fitting((source,), schemes, None))}


def _fitting(
    sources: tuple[Source, ...], schemes: list[Entry], system: Entry | None
) -> Iterator[tuple[str, str]]:
    """The schemes that find what they need in one of these theories, each with its cell."""
    for scheme in schemes:
        found = [
            (source, fit)
            for source in sources
            for fit in SCHEMES[scheme.qualname]
            if fit.needs == source.holds
        ]
        if found:
            yield scheme.qualname, _cell(*found[0], scheme, system)


def _cell(source: Source, fit: Fit, scheme: Entry, system: Entry | None) -> str:
    used = [scheme, *([system] if system and system.qualname in source.code else [])]
    names = [*(f"{entry.module}:{entry.qualname}" for entry in used), *source.names]
    own = [name for name in names if name.partition(":")[2] not in rgwidgets.__all__]
    made = f"{_spelled(scheme)}({fit.arguments})"
    lines = [*_imports(own), "", source.code, f"flow = rg.Flow(theory, {made})", "rg.Lens(flow)"]
    return "\n".join(lines)


def _lab(entry: Entry) -> str:
    own = [] if entry.qualname in rgwidgets.__all__ else [f"{entry.module}:{entry.qualname}"]
    return "\n".join([*_imports(own), "", f"{_spelled(entry)}({LABS[entry.qualname]})"])


def _imports(names: list[str]) -> Iterator[str]:
    yield "import rgwidgets as rg"
    for module, _, name in sorted(name.partition(":") for name in names):
        yield f"from {module} import {name}"


def _spelled(entry: Entry) -> str:
    return f"rg.{entry.qualname}" if entry.qualname in rgwidgets.__all__ else entry.qualname


def _card(entry: Entry) -> dict[str, str]:
    return {"name": entry.qualname, "summary": entry.summary, "citation": entry.citation}
