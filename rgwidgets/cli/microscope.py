"""look at a layer of a model with the microscope, and write down what is seen."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..core.files import check_free, place
from .output import to_json

#: What `--model` takes: the names of `rgwidgets.microscope.specimens`, known without loading it.
MODELS = ("digits", "minilm", "characters")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--model", choices=MODELS, required=True, help="which of the models here")
    parser.add_argument(
        "--report",
        type=Path,
        default=Path("report.html"),
        metavar="FILE.html",
        help="where the page goes (default: %(default)s)",
    )
    parser.add_argument(
        "--record", type=Path, metavar="FOLDER", help="also save the flow, for `rgwidgets export`"
    )
    parser.add_argument("--quick", action="store_true", help="fewer samples and a shorter attack")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")


def run(options: argparse.Namespace) -> int:
    """Train or load the model, look, write the page, print the headline."""
    check_free(place(options.report, ".html", ".htm"), "page")
    if options.record is not None:
        check_free(place(options.record), "record")
    from ..compute.bar import progress_bar
    from ..microscope.specimens import SPECIMENS  # torch and the models are needed from here on

    with progress_bar():
        report = SPECIMENS[options.model](quick=options.quick).report()
        report.save(options.report)
        if options.record is not None:
            next(iter(report.flows.values())).save(options.record)
    if options.json:
        print(to_json({"written": str(options.report), **report.to_dict()}))
    else:
        print(report)
        print(f"Written: {options.report} ({options.report.stat().st_size:,} bytes)")
    return 0
