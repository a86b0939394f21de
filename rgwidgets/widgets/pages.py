"""A lens as files beside a page: what a published page fetches, scale by scale."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import StorageError
from ..core.files import check_free, write_whole
from . import wire
from .export import pictures
from .frame import without_kernel

if TYPE_CHECKING:
    from .lens import Lens

#: What a page's output says in place of the lens: the name of its record.
MIME = "application/vnd.rgwidgets.page+json"
#: What it says in place of a chart.
VEGA = "application/vnd.vegalite.v6+json"
INDEX, RECORD = "index.json", "flow.zip"
#: Seconds that a lens may take to compute all its scales before its page is given up.
PATIENCE = 300.0


def publish(lens: Lens, folder: Path) -> None:
    """Write a lens as files that a page brings to life with no kernel.

    Parameters
    ----------
    lens
        Its missing scales are computed first.
    folder
        Gets `index.json` (what the drawing library's `mount` takes, the pictures by address),
        `level-0.bin`, … (one picture each, as on the wire) and `flow.zip`, the flow's record,
        which `Flow.load` opens.

    Raises
    ------
    StorageError
        If the disk cannot be written, the folder holds something else, or a scale is not computed
        in time.

    Examples
    --------
    >>> import rgwidgets as rg, tempfile
    >>> lens = rg.Lens(rg.Flow(rg.Theory(couplings={"K": 0.3}), rg.MigdalKadanoff()))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     publish(lens, Path(folder))
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['flow.zip', 'index.json']
    >>> lens.close()
    """
    if not lens.wait(PATIENCE):
        raise StorageError(
            f"publishing {lens.flow.title}",
            given=f"scales that are not computed after {PATIENCE:g} s",
            allowed="a flow that is computed in time",
            mend="record a smaller flow, or fewer cutoffs",
        )
    if lens.status["state"] == "error":
        raise StorageError(
            f"publishing {lens.flow.title}",
            given=lens.status["message"],
            allowed="a lens that shows no fault",
            mend=lens.status["mend"],
        )
    _check_folder(folder)
    lens.flow.save(folder / RECORD)
    levels = []
    for header, content in pictures(lens.flow):
        name = f"level-{header['index']}.bin"
        write_whole(folder / name, content, own=True)
        levels.append({**header, "url": name})
    shown = without_kernel(lens.flow, lens.setup["views"])
    known = [lens.flow.level(cutoff) for cutoff in lens.flow.scale.cutoffs]
    index = {
        "spec": {**lens.setup, "views": shown, "controls": [], "actions": []},
        "table": wire.table(lens.flow, known),
        "charts": {view: chart for view, chart in lens.charts.items() if view in shown},
        "pyramid": levels,
        "preview": lens.cutoff_index,
        "cutoff": lens.cutoff_index,
    }
    text = json.dumps(index, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    write_whole(folder / INDEX, text.encode(), own=True)


def _check_folder(folder: Path) -> None:
    """What was published there before is known by its record."""
    check_free(folder / RECORD, "record")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / RECORD).exists():
        raise StorageError(
            f"publishing to {folder}",
            given="a folder that holds something else",
            allowed="a new folder, or one that a lens was published to",
            mend="choose another folder; nothing was changed",
        )


def collect(folder: Path) -> None:
    """In a kernel that builds a page: publish each lens when it is shown, and name its record.

    A shown lens then has `MIME` as its output: {"record": name of its folder in `folder`,
    "describe": its alternative text}. A shown chart has its Vega-Lite specification, and no page
    that fetches a drawing library. Nothing happens outside IPython.
    """
    import altair
    from IPython import display
    from IPython.core.getipython import get_ipython

    from .lens import Lens

    shell: Any = get_ipython()
    page: Any = display
    if shell is None:
        return
    numbers = count(1)

    def show(lens: Lens) -> None:
        name = f"lens-{next(numbers)}"
        publish(lens, folder / name)
        told = {"record": name, "describe": lens.setup["describe"], "title": lens.setup["title"]}
        page.display({MIME: told, "text/plain": str(lens.setup["describe"])}, raw=True)

    def draw(chart: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {VEGA: chart, "text/plain": "a chart"}

    altair.renderers.register("rgwidgets.page", draw)
    altair.renderers.enable("rgwidgets.page")
    formatter = shell.display_formatter.ipython_display_formatter
    formatter.for_type(Lens, show)  # by name it would be found once: each lens has its own class
