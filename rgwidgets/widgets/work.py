"""What the worker of a lens does, while the lens goes on and as long as somebody has it."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any

from ..core.flow import FlowTable
from ..core.level import Level
from ..core.progress import track
from . import wire
from .export import pictures

if TYPE_CHECKING:
    from .lens import Lens

#: Bytes of the finest picture beyond which scales are sent one by one: 8192² spins.
_LARGE = 2**23


def levels(flow: FlowTable) -> list[Level | None]:
    return [flow.computed(cutoff) for cutoff in flow.scale.cutoffs]


def compute(seen: Callable[[], Lens], first: int) -> None:
    """Pictures first, then the numbers, the wanted scale before its neighbours."""
    flow, shown = seen().flow, seen()._shown
    cutoffs = flow.scale.cutoffs
    if seen()._pictured != shown:
        seen().pyramid = _pyramid(seen, flow)
        seen()._pictured = shown
    order = sorted(range(len(cutoffs)), key=lambda i: (abs(i - first), i))
    missing = [i for i in order if flow.computed(cutoffs[i]) is None]
    told = 0.0
    label = "measuring what each cutoff neglects"
    for index in track(missing, label=label) if missing else ():
        flow.level(cutoffs[index])
        if monotonic() - told > 0.2:
            seen().table = wire.table(flow, levels(flow))
            told = monotonic()
    seen().table = wire.table(flow, levels(flow))


def rarely(seen: Callable[[], Lens], index: int) -> None:
    """How rare at one cutoff, which is asked for alone as it takes long; then what was left."""
    flow = seen().flow
    flow.rare(flow.scale.cutoffs[index])
    seen().table = wire.table(flow, levels(flow))
    compute(seen, index)


def _pyramid(seen: Callable[[], Lens], flow: FlowTable) -> list[dict[str, Any]]:
    """Every scale's picture, or none where the browser asks for each."""
    if seen()._ahead is None:
        finest = flow.picture(flow.scale.cutoffs[0])
        if finest is not None and len(wire.encode_picture(0, finest)[1]) > _LARGE:
            seen()._ahead = False
            seen()._paint(seen().preview_index)
    if seen()._ahead is False:
        return []
    return [{**head, "data": content} for head, content in pictures(flow)]


def send_picture(seen: Callable[[], Lens], index: int, asked: int) -> None:
    flow, shown = seen().flow, seen()._shown
    field = flow.picture(flow.scale.cutoffs[index])
    if field is not None:
        header, content = wire.encode_picture(index, field)
        message = {
            "kind": "pyramid",
            "generation": asked,
            "configuration": shown,
            "levels": [header],
        }
        seen().send(message, buffers=[content])
