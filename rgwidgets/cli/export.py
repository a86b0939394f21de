"""turn a saved flow into a page that works on its own, or into a table."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from ..core.files import check_free, place, write_whole
from ..core.flow import Flow, RecordedFlow
from .output import to_json


def _to_csv(flow: RecordedFlow) -> str:
    text: str = flow.to_pandas().to_csv(index=False)
    return text


def _to_html(flow: RecordedFlow) -> str:
    from ..widgets.export import to_html  # the bundle is needed for pages only

    return to_html(flow)


#: suffix → (kind of file, its text)
WRITERS: dict[str, tuple[str, Callable[[RecordedFlow], str]]] = {
    ".html": ("page", _to_html),
    ".csv": ("table", _to_csv),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("record", type=Path, metavar="RECORD", help="what flow.save(...) wrote")
    parser.add_argument(
        "--to", type=Path, required=True, metavar="FILE", help=f"FILE{', FILE'.join(WRITERS)}"
    )
    parser.add_argument("--json", action="store_true", help="print what was written as JSON")


def run(options: argparse.Namespace) -> int:
    """Read the record, write the file."""
    target = place(options.to, *WRITERS)
    kind, to_text = WRITERS[target.suffix.lower()]
    check_free(target, kind)
    flow = Flow.load(options.record)
    content = to_text(flow).encode()
    write_whole(target, content)
    if options.json:
        print(to_json({"written": str(options.to), "bytes": len(content), "title": flow.title}))
    else:
        print(f"{options.to}: {len(content):,} bytes, {flow.title}")
    return 0
