"""The lens: a dial on a flow. It knows flows, never schemes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from os import PathLike
from time import monotonic
from typing import Any

import traitlets as t

from ..compute.device import describe
from ..compute.runner import Runner, loosely, while_alive
from ..core.errors import ParameterError, check_keywords
from ..core.fixed_points import Linearisation
from ..core.flow import FlowTable
from ..core.level import Level
from ..core.numeric import number
from . import keeping, wire, work
from .bundle import asset
from .charts import chart, specs
from .export import to_html
from .frame import check_shown, fitting_views, frame
from .mortal import this_cell
from .snapshots import Snapshots
from .status import StatusWidget


class Lens(StatusWidget):
    """A dial on a flow, with everything that it changes.

    Parameters
    ----------
    flow
        A live `Flow` or a recorded one.
    views
        Which of "field", "spectrum", "observables", "bounds", "rare", "flow" to show; those that
        the flow can fill if None.
    cutoff
        Where the dial starts; the finest if None.
    title
        In place of the flow's own.
    ahead
        Send the pictures of all scales ahead, so that the dial needs no kernel. If False each is
        computed when the dial asks for it; if None, all go ahead while they are small.
    fixed_points
        Drawn in the flow plane with their eigen-directions: what `rg.linearise` returns.

    Attributes
    ----------
    cutoff, preview
        The cutoff on release and the one under the moving dial, in the unit of the scale. Both can
        be set and observed.

    Raises
    ------
    KeywordError
        For a keyword that is not one of these; names the nearest.
    CutoffError, ParameterError
        For a cutoff off the scale, a view that does not exist.

    Examples
    --------
    >>> import rgwidgets as rg
    >>> lens = Lens(rg.Flow(rg.Theory(couplings={"K": 0.3}), rg.MigdalKadanoff()))
    >>> lens.cutoff = 4
    >>> lens.cutoff_index
    2
    >>> lens.close()
    """

    setup = t.Dict().tag(sync=True)
    table = t.Dict().tag(sync=True)
    charts = t.Dict().tag(sync=True)
    pyramid: t.List[Any] = t.List().tag(sync=True)
    cutoff_index = t.Int(0).tag(sync=True)
    preview_index = t.Int(0).tag(sync=True, echo_update=False)  # a moving dial outruns its echo
    generation = t.Int(0).tag(sync=True, echo_update=False)
    _esm = t.Unicode().tag(sync=True)

    cutoff = t.Any()  # a number of the scale, whatever was given
    preview = t.Any()
    _obeys = False

    def __init__(
        self,
        flow: FlowTable,
        *,
        views: Sequence[str] | None = None,
        cutoff: float | None = None,
        title: str | None = None,
        ahead: bool | None = None,
        fixed_points: Sequence[Linearisation] = (),
        **unknown: Any,
    ) -> None:
        check_keywords(unknown, _keywords(type(self)), where=type(self).__name__)
        check_shown(flow, views, title, fixed_points)
        self.flow = flow
        self._shown = 0  # counts the flows that this lens has turned to
        self._pictured = 0
        self._asked = 0  # the newest request of the browser
        self._ahead = ahead
        self._places = keeping.Places()
        self._snapshots = Snapshots(loosely(self.send), loosely(self._fail))
        given = {"views": views, "cutoff": cutoff, "title": title, "ahead": ahead}
        self._arguments: dict[str, Any] = given
        start = 0 if cutoff is None else flow.scale.index(cutoff)
        self._runner = Runner(on_progress=self._progress, on_error=self._fail, on_idle=self._idle)
        self._painter = Runner(on_error=self._fail)  # no picture waits for numbers
        self._seen = while_alive(self)
        super().__init__(
            cutoff_index=start,
            preview_index=start,
            cutoff=flow.scale.cutoffs[start],
            preview=flow.scale.cutoffs[start],
            setup=self._setup(),
            charts=specs(flow, self._views(), fixed_points=fixed_points),
            table=wire.table(flow, self._levels()),
        )
        self.on_msg(self._receive)
        self._show(flow)

    # -- what the browser is told ---------------------------------------------------------------

    def _views(self) -> tuple[str, ...]:
        given = self._arguments["views"]
        return tuple(given) if given is not None else fitting_views(self.flow)

    def _setup(self) -> dict[str, Any]:
        return frame(
            self.flow,
            title=self._arguments["title"],
            views=self._views(),
            controls=self._controls(),
            actions=self._actions(),
        )

    def _controls(self) -> list[dict[str, Any]]:
        """Sliders beside the dial; a live lens has some."""
        return []

    def _actions(self) -> list[str]:
        """Buttons beside the dial; a live lens has some."""
        return []

    def _levels(self) -> list[Level | None]:
        return work.levels(self.flow)

    def _device(self) -> str:
        """Where the features lie, as the lens shows it."""
        features = getattr(getattr(self.flow, "theory", None), "features", {})
        where = next((tensor.device for tensor in features.values()), None)
        return "" if where is None else str(describe(where)["name"])

    # -- computing -------------------------------------------------------------------------------

    def _show(self, flow: FlowTable) -> None:
        """Turn to another flow (or the same one) and fill it in the background."""
        self.flow = flow
        self._shown += 1
        self.setup = self._setup()
        self.table = wire.table(flow, self._levels())
        self._fill(self.preview_index)

    def _fill(self, first: int) -> None:
        if self._ahead is False:
            self._paint(first)
        self._measure(first)  # this stops what was being measured, for which a picture may wait

    def _measure(self, first: int) -> None:
        if self._pictured != self._shown or None in self._levels():
            self._say(state="running")  # from now on, not only from its first tick
        self._runner.submit(partial(work.compute, self._seen, first), self._rest)

    def _rest(self, _: object) -> None:
        """All is computed: say so, also in the notebook that will be saved."""
        self._say(**self._quiet())
        self._places.renew(self._bundle, self._known())

    def _idle(self) -> None:
        """Work that was cancelled has no end of its own."""
        if self.comm is not None and self.status["state"] == "running":
            self._rest(None)

    def _paint(self, index: int) -> None:
        self._painter.submit(partial(work.send_picture, self._seen, index, self._asked))

    def wait(self, timeout: float = 60.0) -> bool:
        """Wait until every scale is computed; False after `timeout` seconds."""
        end = monotonic() + min(number("timeout", timeout), _LONGEST)
        timeout = end - monotonic()
        painted = self._painter.wait(timeout)
        return self._runner.wait(max(end - monotonic(), 0.0)) and painted

    # -- what the browser says -------------------------------------------------------------------

    def _receive(self, _: Any, content: Any, buffers: Any) -> None:
        kind = content.get("kind") if isinstance(content, Mapping) else None
        handler: Callable[[Mapping[str, Any]], None] | None = {
            "want": self._on_want,
            "asset": self._on_asset,
            "action": self._on_action,
            "set": self._on_set,
            "rare": self._on_rare,
            "ack": self._on_ack,
            "image": self._snapshots.answered,
        }.get(str(kind))
        if handler is None:
            return
        try:
            handler(content)
        except Exception as error:  # a bad message must not cost the user the widget
            self._fail(error)

    def _on_want(self, content: Mapping[str, Any]) -> None:
        index = content.get("index")
        if isinstance(index, int) and 0 <= index < len(self.flow.scale):
            self._asked = max(self._asked, int(content.get("generation") or 0))
            self._fill(index)

    def _on_asset(self, content: Mapping[str, Any]) -> None:
        name = str(content.get("name"))
        self.send({"kind": "asset", "name": name}, buffers=[asset(name)])

    def _on_action(self, content: Mapping[str, Any]) -> None:
        name = content.get("name")
        if name == "cancel":
            self._runner.cancel()
            # What runs says itself when it has stopped.
            self._say(**{"label": "stopping"} if self._runner.busy else self._quiet())
        elif name == "retry":
            self._say(**self._quiet())
            self._fill(self.preview_index)

    def _on_set(self, content: Mapping[str, Any]) -> None:
        raise ParameterError(
            "control", given=content.get("name"), allowed="none: this lens has no controls"
        )

    def _on_rare(self, content: Mapping[str, Any]) -> None:
        index = content.get("index")
        if isinstance(index, int) and 0 <= index < len(self.flow.scale) and "rare" in self._views():
            self._say(state="running")
            self._runner.submit(partial(work.rarely, self._seen, index), self._rest)

    def _on_ack(self, content: Mapping[str, Any]) -> None:
        """Only streams count frames."""

    # -- the dial in Python ----------------------------------------------------------------------

    @t.default("_esm")
    def _default_esm(self) -> str:
        return asset("lens.js").decode()

    @t.validate("cutoff", "preview")
    def _admit(self, proposal: Any) -> float:
        return float(self.flow.scale.check(proposal["value"]))

    @t.validate("cutoff_index", "preview_index")
    def _in_range(self, proposal: Any) -> int:
        return min(max(int(proposal["value"]), 0), len(self.flow.scale) - 1)

    @t.observe("cutoff", "preview")
    def _dial_from_python(self, change: Any) -> None:
        if self._obeys:
            return  # the browser's dial may be further by now, and must not be pulled back
        index = self.flow.scale.index(change["new"])
        if change["name"] == "cutoff":
            self.cutoff_index = index
        self.preview_index = index

    @t.observe("cutoff_index", "preview_index")
    def _dial_from_browser(self, change: Any) -> None:
        name = change["name"].removesuffix("_index")
        self._obeys = True
        try:
            setattr(self, name, self.flow.scale.cutoffs[change["new"]])
        finally:
            self._obeys = False

    def _repr_mimebundle_(self, **given: Any) -> Any:
        """The live view, and what is known for a notebook that is opened without a kernel."""
        bundle = super()._repr_mimebundle_(**given)
        if isinstance(bundle, tuple):
            bundle[0][keeping.MIME] = keeping.record(self.trait_values())
        return bundle

    def _ipython_display_(self) -> None:
        self._show_in(this_cell())
        self._places.show(self._bundle(), self._known())

    def _known(self) -> tuple[int, int]:
        """Which flow, and how many of its scales are computed."""
        return self._shown, sum(level is not None for level in self._levels())

    # -- ways out --------------------------------------------------------------------------------

    def chart(self, view: str) -> Any:
        """One view as an `altair.Chart` with its data inside, to keep or to change."""
        return chart(view, self.flow, self._levels(), self.preview_index)

    def spec(self) -> str:
        """Code that makes the same view again, given the same flow."""
        return self._code("rg.Lens", "flow")

    def _code(self, maker: str, *first: str, **named: Any) -> str:
        """A call of `maker`, with what this lens was given and where its dial stands."""
        given = {**named, **self._arguments, "cutoff": self.cutoff}
        shown = [f"{name}={value!r}" for name, value in given.items() if value is not None]
        return f"{maker}({', '.join([*first, *shown])})"

    def to_html(self) -> str:
        """The lens as one self-contained page that needs no kernel and no network."""
        self.wait()
        return to_html(self.flow, views=self._views(), cutoff=self.cutoff)

    def save_image(self, path: str | PathLike[str]) -> None:
        """Write what the lens shows as a PNG; the file is there once the browser has answered.

        Raises `ParameterError` if the name does not end in .png, `StorageError` if there is a file
        that is no image of this project. A page that does not answer, or a disk that cannot be
        written, is told in the lens.
        """
        self._snapshots.ask(path)

    def close(self) -> None:
        """Stop the work behind the lens and take it off the page."""
        for name in ("_runner", "_painter"):  # absent if the constructor refused its arguments
            if name in vars(self):
                vars(self)[name].close()
        super().close()


#: Seconds in ten years: no thread can wait for ever.
_LONGEST = 3e8


def _keywords(lens: type) -> list[str]:
    named = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = list(inspect.signature(lens.__init__).parameters.values())  # type: ignore[misc]
    return [p.name for p in parameters if p.kind in named and p.name != "self"]
