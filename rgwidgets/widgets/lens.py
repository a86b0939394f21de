"""The lens: a dial on a flow. It knows flows, never schemes."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from time import monotonic
from typing import Any

import anywidget
import traitlets as t

from ..compute.device import describe
from ..compute.runner import Runner
from ..core.errors import ParameterError, RGError, check_keywords
from ..core.fixed_points import Linearisation
from ..core.flow import FlowTable
from ..core.level import Level
from ..core.progress import track
from . import wire
from .bundle import asset
from .charts import VIEWS, chart, specs
from .export import pictures, record, to_html
from .frame import fitting_views, frame
from .snapshots import Snapshots

logger = logging.getLogger(__name__)


class Lens(anywidget.AnyWidget):
    """A dial on a flow, with everything that it changes.

    Parameters
    ----------
    flow
        A live `Flow` or a recorded one.
    views
        Which of "field", "spectrum", "observables", "bounds", "flow" to show; those that the flow
        can fill if None.
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
    status = t.Dict().tag(sync=True)
    cutoff_index = t.Int(0).tag(sync=True)
    preview_index = t.Int(0).tag(sync=True, echo_update=False)  # a moving dial outruns its echo
    generation = t.Int(0).tag(sync=True, echo_update=False)
    _esm = t.Unicode().tag(sync=True)

    cutoff = t.Float()
    preview = t.Float()

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
        _check(flow, views)
        self.flow = flow
        self._shown = 0  # counts the flows that this lens has turned to
        self._pictured = 0
        self._asked = 0  # the newest request of the browser
        self._ahead = ahead
        self._snapshots = Snapshots(lambda message: self.send(message), self._fail)
        given = {"views": views, "cutoff": cutoff, "title": title, "ahead": ahead}
        self._arguments: dict[str, Any] = given
        start = 0 if cutoff is None else flow.scale.index(cutoff)
        self._runner = Runner(on_progress=self._progress, on_error=self._fail)
        self._painter = Runner(on_error=self._fail)  # no picture waits for numbers
        super().__init__(
            cutoff_index=start,
            preview_index=start,
            cutoff=flow.scale.cutoffs[start],
            preview=flow.scale.cutoffs[start],
            setup=self._setup(),
            charts=specs(flow, self._views(), fixed_points=fixed_points),
            status=self._quiet(),
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
        return [self.flow.computed(cutoff) for cutoff in self.flow.scale.cutoffs]

    def _quiet(self) -> dict[str, Any]:
        """The status when nothing runs."""
        return {
            "state": "idle",
            "message": "",
            "mend": "",
            "progress": None,
            "label": "",
            "device": self._device(),
            "throughput": "",
        }

    def _device(self) -> str:
        """Where the features lie, as the lens shows it."""
        features = getattr(getattr(self.flow, "theory", None), "features", {})
        where = next((tensor.device for tensor in features.values()), None)
        return "" if where is None else str(describe(where)["name"])

    def _say(self, **changes: Any) -> None:
        self.status = {**self.status, **changes}

    def _progress(self, fraction: float | None, label: str) -> None:
        now = monotonic()
        if fraction not in (0.0, 1.0) and now - getattr(self, "_said", 0.0) < 0.1:
            return
        self._said = now
        self._say(state="running", progress=fraction, label=label or self.status.get("label", ""))

    def _fail(self, error: Exception) -> None:
        """Say in the lens what went wrong; the last good picture stays."""
        logger.warning("the computation behind a lens failed", exc_info=error)
        message, mend = (
            (error.message, error.mend)
            if isinstance(error, RGError)
            else (f"{type(error).__name__}: {error}", "see the notebook's log, then retry")
        )
        self._say(state="error", message=message, mend=mend, progress=None)

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
            self._paint(first, lambda _: self._measure(first))
        else:
            self._measure(first)

    def _measure(self, first: int) -> None:
        self._runner.submit(lambda: self._compute(first), lambda _: self._say(**self._quiet()))

    def _compute(self, first: int) -> None:
        """Pictures first, then the numbers, the wanted scale before its neighbours."""
        cutoffs = self.flow.scale.cutoffs
        if self._pictured != self._shown:
            self.pyramid = self._pyramid()
            self._pictured = self._shown
        order = sorted(range(len(cutoffs)), key=lambda i: (abs(i - first), i))
        missing = [i for i in order if self.flow.computed(cutoffs[i]) is None]
        shown = 0.0
        label = "measuring what each cutoff neglects"
        for index in track(missing, label=label) if missing else ():
            self.flow.level(cutoffs[index])
            if monotonic() - shown > 0.2:
                self.table = wire.table(self.flow, self._levels())
                shown = monotonic()
        self.table = wire.table(self.flow, self._levels())

    def _pyramid(self) -> list[dict[str, Any]]:
        """Every scale's picture, or none where the browser asks for each."""
        if self._ahead is False:
            return []
        if self._ahead is None:
            finest = self.flow.picture(self.flow.scale.cutoffs[0])
            if finest is not None and len(wire.encode_picture(0, finest)[1]) > _LARGE:
                self._ahead = False
                self._paint(self.preview_index, lambda _: None)
                return []
        return [{**head, "data": content} for head, content in pictures(self.flow)]

    def _paint(self, index: int, done: Callable[[object], None]) -> None:
        asked = self._asked
        self._painter.submit(lambda: self._send_picture(index, asked), done)

    def _send_picture(self, index: int, asked: int) -> None:
        field = self.flow.picture(self.flow.scale.cutoffs[index])
        if field is not None:
            header, content = wire.encode_picture(index, field)
            message = {
                "kind": "pyramid",
                "generation": asked,
                "configuration": self._shown,
                "levels": [header],
            }
            self.send(message, buffers=[content])

    def wait(self, timeout: float = 60.0) -> bool:
        """Wait until every scale is computed; False after `timeout` seconds."""
        end = monotonic() + timeout
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
            self._say(**self._quiet())
        elif name == "retry":
            self._say(**self._quiet())
            self._fill(self.preview_index)

    def _on_set(self, content: Mapping[str, Any]) -> None:
        raise ParameterError(
            "control", given=content.get("name"), allowed="none: this lens has no controls"
        )

    def _on_ack(self, content: Mapping[str, Any]) -> None:
        """Only streams count frames."""

    # -- the dial in Python ----------------------------------------------------------------------

    @t.default("_esm")
    def _default_esm(self) -> str:
        return asset("lens.js").decode()

    @t.validate("cutoff", "preview")
    def _admit(self, proposal: Any) -> float:
        return self.flow.scale.check(proposal["value"])

    @t.validate("cutoff_index", "preview_index")
    def _in_range(self, proposal: Any) -> int:
        return min(max(int(proposal["value"]), 0), len(self.flow.scale) - 1)

    @t.observe("cutoff", "preview")
    def _dial_from_python(self, change: Any) -> None:
        index = self.flow.scale.index(change["new"])
        if change["name"] == "cutoff":
            self.cutoff_index = index
        self.preview_index = index

    @t.observe("cutoff_index", "preview_index")
    def _dial_from_browser(self, change: Any) -> None:
        name = change["name"].removesuffix("_index")
        setattr(self, name, self.flow.scale.cutoffs[change["new"]])

    def _repr_mimebundle_(self, **given: Any) -> Any:
        """The live view, and the record for a notebook that is opened without a kernel."""
        bundle = super()._repr_mimebundle_(**given)
        if isinstance(bundle, tuple) and None not in self._levels():
            held = record(self.flow, views=self._views(), cutoff=self.cutoff)
            bundle[0]["application/vnd.rgwidgets.flow+json"] = held
        return bundle

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

        Raises `ParameterError` if the name does not end in .png. A page that does not answer, or a
        disk that cannot be written, is told in the lens.
        """
        self._snapshots.ask(path)

    def close(self) -> None:
        """Stop the work behind the lens and take it off the page."""
        for name in ("_runner", "_painter"):  # absent if the constructor refused its arguments
            if name in vars(self):
                vars(self)[name].close()
        super().close()


#: Bytes of the finest picture beyond which scales are sent one by one: 8192² spins.
_LARGE = 2**23


def _check(flow: object, views: Sequence[str] | None) -> None:
    if not isinstance(flow, FlowTable):
        given, mend = type(flow).__name__, "rg.Lens(rg.Flow(theory, scheme))"
        raise ParameterError("flow", given=given, allowed="a Flow", mend=mend)
    for view in views or ():
        if view not in VIEWS:
            raise ParameterError("view", given=view, allowed=", ".join(VIEWS))


def _keywords(lens: type) -> list[str]:
    signature = inspect.signature(lens.__init__)  # type: ignore[misc]
    named = [
        p.name
        for p in signature.parameters.values()
        if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    return [name for name in named if name != "self"]
