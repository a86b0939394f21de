"""A lens without a kernel: as a record for other hosts, or as one self-contained page."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from typing import Any

from .._version import __version__
from ..core.flow import FlowTable
from . import wire
from .bundle import asset
from .charts import specs
from .frame import fitting_views, frame, without_kernel

#: What a page says of its origin; a page that says so may be written anew: see `core/files.py`.
GENERATOR = f'<meta name="generator" content="rgwidgets {__version__}">'
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{generator}
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ margin: 0 auto; max-width: 75rem; padding: 1rem; font-family: system-ui, sans-serif }}
</style>
</head>
<body>
<main>
{place}
</main>
{scripts}
</body>
</html>
"""
_PLACE = """<div id="lens-{index}">
<noscript><p>{describe}</p><p>Turning the dial needs JavaScript.</p></noscript>
</div>"""
_SCRIPTS = """<script type="application/json" id="parts">{parts}</script>
<script type="module">
const parts = JSON.parse(document.getElementById("parts").textContent);
const address = (code) => URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
const { mount } = await import(address(parts.lens));
let code;
const charts = () => Promise.resolve((code ??= address(parts.charts)));
parts.records.forEach((record, index) => {
  mount(document.getElementById(`lens-${index}`), record, { charts });
});
</script>"""


def record(
    flow: FlowTable, *, views: Sequence[str] | None = None, cutoff: float | None = None
) -> dict[str, Any]:
    """Everything that a lens draws, as JSON: the drawing library's `LensRecord`.

    Levels that are missing are computed first. Pictures are base64.
    """
    return {**page(flow, views=views, cutoff=cutoff), "pyramid": _pyramid(flow)}


def page(
    flow: FlowTable, *, views: Sequence[str] | None = None, cutoff: float | None = None
) -> dict[str, Any]:
    """The same without its pictures, which a record holds as arrays of their own."""
    shown = without_kernel(flow, views if views is not None else fitting_views(flow))
    index = 0 if cutoff is None else flow.scale.index(cutoff)
    levels = [flow.level(c) for c in flow.scale.cutoffs]
    return {
        "spec": frame(flow, views=shown),
        "table": wire.table(flow, levels),
        "charts": specs(flow, shown),
        "preview": index,
        "cutoff": index,
    }


def page_bytes(flow: FlowTable) -> bytes:
    """The page as a record carries it: JSON in UTF-8, for viewers that run no Python."""
    return json.dumps(
        page(flow), ensure_ascii=False, allow_nan=False, separators=(",", ":")
    ).encode()


def pictures(flow: FlowTable) -> list[tuple[dict[str, Any], bytes]]:
    """(header, bytes) of every scale that has a picture."""
    made = []
    for index, cutoff in enumerate(flow.scale.cutoffs):
        field = flow.picture(cutoff)
        if field is not None:
            made.append(wire.encode_picture(index, field))
    return made


def _pyramid(flow: FlowTable) -> list[dict[str, Any]]:
    return [
        {**header, "data": base64.b64encode(content).decode()} for header, content in pictures(flow)
    ]


def to_html(
    flow: FlowTable, *, views: Sequence[str] | None = None, cutoff: float | None = None
) -> str:
    """One page with the lens in it, which needs no kernel, no network and no other file.

    Raises `BundleError` if the browser bundle is not installed.
    """
    held = record(flow, views=views, cutoff=cutoff)
    (place,), scripts = embedded([held])
    return _PAGE.format(
        generator=GENERATOR, title=html.escape(flow.title), place=place, scripts=scripts
    )


def embedded(records: Sequence[dict[str, Any]]) -> tuple[list[str], str]:
    """HTML that puts lenses into a page of one's own: a place for each, and the scripts at the end.

    Raises `BundleError` if the browser bundle is not installed.
    """
    places = [
        _PLACE.format(index=index, describe=html.escape(held["spec"]["describe"]))
        for index, held in enumerate(records)
    ]
    parts = {
        "lens": asset("lens.js").decode(),
        "charts": asset("charts.js").decode(),
        "records": list(records),
    }
    return places, _SCRIPTS.replace("{parts}", json.dumps(parts).replace("<", "\\u003c"))
