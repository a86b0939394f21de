"""How long a widget lives: while somebody has it, or a page may show it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import anywidget
import traitlets as t
from ipywidgets.widgets import widget as ipywidgets_registry

from ..compute.runner import loosely

#: Whether the name of a widget is asked for by one who says how long it is needed.
_noted: ContextVar[bool] = ContextVar("rgwidgets_noted", default=False)


@contextmanager
def _noting() -> Iterator[None]:
    token = _noted.set(True)
    try:
        yield
    finally:
        _noted.reset(token)


class Mortal(anywidget.AnyWidget):
    """A widget that is released with all that it computes when nothing can show it any more.

    ipywidgets keeps every widget until it is closed, because some page may show it. Here a page
    must have been told its name, `model_id`: before that nothing but the user's own references
    keep it alive. The output of a cell keeps it until that cell runs again, and so does every
    view of it that a page counts. Whoever else asks for the name, such as a box that holds it, a
    link or another notebook, does not say for how long: from then on it is kept as by ipywidgets.

    Examples
    --------
    >>> import gc, weakref
    >>> never_shown = Mortal()
    >>> found = weakref.ref(never_shown)
    >>> del never_shown
    >>> gc.collect() >= 0 and found() is None
    True
    """

    def __init__(self, **traits: Any) -> None:
        self._cells: set[str] = set()  # those whose output shows it
        self._for_good = False
        super().__init__(_view_count=0, **traits)  # a number asks pages to count

    @property
    def model_id(self) -> str:
        """Its name on a page. Who asks for it may show it for as long as they like."""
        name: str = self.comm.comm_id
        if not _noted.get():
            self._for_good = True
            self._settle()
        return name

    def _bundle(self) -> Any:
        """What shows it, for an output that is noted in `_show_in`."""
        with _noting():
            return self._repr_mimebundle_()

    def _show_in(self, cell: str | None) -> None:
        """The output of this cell shows it; None where cells have no names."""
        if cell is None:
            self._for_good = True
        else:
            self._cells.add(cell)
        self._settle()

    def _gone_from(self, cell: str) -> None:
        """The cell runs again, and its output is another."""
        if cell in self._cells:
            self._cells.discard(cell)
            _forget(self)
            self._settle()

    @t.observe("comm")
    def _comm_changed(self, change: Any) -> None:
        with _noting():
            super()._comm_changed(change)
        if change["new"] is not None:
            change["new"].on_msg(loosely(self._handle_msg))
            self._settle()

    @t.observe("_view_count")
    def _settle(self, _: object = None) -> None:
        """Into the registry of ipywidgets, which keeps it alive, or out of it."""
        if self.comm is None:
            return
        kept = ipywidgets_registry._instances
        if self._for_good or self._cells or (self._view_count or 0) > 0:
            kept[self.comm.comm_id] = self
        else:
            kept.pop(self.comm.comm_id, None)

    def close(self) -> None:
        """Take it off every page."""
        with _noting():
            super().close()


def this_cell() -> str | None:
    """The notebook's name of the cell that runs; None where there is none.

    From the first call on, widgets are told when a cell runs again.
    """
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    message = shell.get_parent() if hasattr(shell, "get_parent") else {}
    cell: str | None = message.get("metadata", {}).get("cellId")
    if cell is not None:
        shell.events.register("pre_run_cell", _run)  # once, however often it is asked for
    return cell


def _run(info: Any) -> None:
    for widget in list(ipywidgets_registry._instances.values()):
        if isinstance(widget, Mortal) and info.cell_id is not None:
            widget._gone_from(info.cell_id)


def _forget(widget: Mortal) -> None:
    """Take it out of `Out`, `_` and their like, which remember what an output showed."""
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    outputs = shell.user_ns.get("_oh", {})
    numbers = [number for number, output in outputs.items() if output is widget]
    for number in numbers:
        del outputs[number]
    for names in (shell.user_ns, shell.user_ns_hidden):
        for number in numbers:
            names.pop(f"_{number}", None)
        names.update({name: None for name in ("_", "__", "___") if names.get(name) is widget})
    for name in ("_", "__", "___"):
        if getattr(shell.displayhook, name, None) is widget:
            setattr(shell.displayhook, name, None)
