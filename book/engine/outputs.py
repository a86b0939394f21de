"""What a cell put out, as the page shows it: text, tables, pictures, charts, lenses."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: What `rgwidgets.widgets.pages` says in place of a lens; written here a second time because
#: importing it loads torch, which a build that finds everything in its cache does not need.
MIME = "application/vnd.rgwidgets.page+json"
#: a widget that is no lens: nothing stands for it in a page
WIDGET = "application/vnd.jupyter.widget-view+json"
Json = dict[str, Any]
#: the richest first
_PICTURES = ("image/svg+xml", "image/png", "image/jpeg")
_SUFFIX = {"image/svg+xml": "svg", "image/png": "png", "image/jpeg": "jpg"}


def light(outputs: list[Any], folder: Path, cell: int) -> list[Json]:
    """The outputs of one cell, as JSON for the page; pictures go into `folder`."""
    made: list[Json] = []
    for number, output in enumerate(outputs):
        kind = output["output_type"]
        if kind == "stream":
            if made and made[-1]["kind"] == "stream" and made[-1]["name"] == output["name"]:
                made[-1]["text"] += output["text"]
            else:
                made.append({"kind": "stream", "name": output["name"], "text": output["text"]})
        elif kind == "error":
            made.append({"kind": "error", "text": f"{output['ename']}: {output['evalue']}"})
        elif kind in ("display_data", "execute_result"):
            made.append(_shown(output["data"], folder, f"output-{cell}-{number}"))
    return made


def _shown(data: Json, folder: Path, name: str) -> Json:
    if MIME in data:
        return {"kind": "lens", **data[MIME]}
    chart = next((mime for mime in data if mime.startswith("application/vnd.vegalite.")), None)
    if chart is not None:
        _write(folder / f"{name}.vl.json", json.dumps(data[chart]).encode())
        return {"kind": "image", "file": f"{name}.svg"}
    for mime in _PICTURES:
        if mime in data:
            content = _text(data[mime])
            raw = content.encode() if mime.endswith("xml") else base64.b64decode(content)
            _write(folder / f"{name}.{_SUFFIX[mime]}", raw)
            return {"kind": "image", "file": f"{name}.{_SUFFIX[mime]}"}
    if WIDGET in data:
        return {"kind": "widget"}
    if "text/html" in data:
        return {"kind": "html", "html": _text(data["text/html"])}
    if "text/latex" in data:
        return {"kind": "text", "text": _text(data["text/latex"])}
    return {"kind": "text", "text": _text(data.get("text/plain", ""))}


def _text(content: str | list[str]) -> str:
    return content if isinstance(content, str) else "".join(content)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def lenses(result: Json) -> Iterator[Json]:
    """Every lens among the outputs of a chapter."""
    for cell in result["cells"]:
        yield from (output for output in cell["outputs"] if output["kind"] == "lens")
