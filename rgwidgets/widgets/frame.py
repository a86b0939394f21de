"""What does not change while a dial turns: titles, scale, observables, controls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.errors import ParameterError
from ..core.flow import FlowTable
from .charts import VIEWS


def frame(
    flow: FlowTable,
    *,
    title: str | None = None,
    views: Sequence[str] = (),
    controls: Sequence[dict[str, Any]] = (),
    actions: Sequence[str] = (),
) -> dict[str, Any]:
    """The lens's frame as JSON: see the fields of `Spec` in the drawing library."""
    scale = flow.scale
    return {
        "title": title or flow.title,
        "subtitle": flow.citation,
        "scale": {
            "name": scale.name,
            "symbol": scale.symbol,
            "unit": scale.unit,
            "cutoffs": list(scale.cutoffs),
            "labels": [f"{c:g}" for c in scale.cutoffs],
        },
        "observables": [
            {"name": name, "unit": flow.units[name], "tolerance": tolerance}
            for name, tolerance in flow.tolerances.items()
        ],
        "views": list(views),
        "controls": list(controls),
        "actions": list(actions),
        "palette": flow.palette,
        "describe": f"{flow.title}: {len(scale)} scales of {scale.name}, "
        f"{scale.cutoffs[0]:g} to {scale.cutoffs[-1]:g} {scale.unit}".strip(),
    }


def fitting_views(flow: FlowTable) -> tuple[str, ...]:
    """The views that the flow can fill, in the order in which a lens shows them."""
    if not flow.tolerances:
        return ("flow", "spectrum")
    if flow.members:
        return ("comparison", "bounds", "observables")
    field = flow.picture(flow.scale.cutoffs[-1]) is not None
    return ("field",) * field + ("spectrum", "observables", "bounds")


def check_shown(flow: object, views: Sequence[str] | None) -> None:
    """Raises `ParameterError` for what is no flow, or a view that there is not."""
    if not isinstance(flow, FlowTable):
        given, mend = type(flow).__name__, "rg.Lens(rg.Flow(theory, scheme))"
        raise ParameterError("flow", given=given, allowed="a Flow", mend=mend)
    for view in views or ():
        if view not in VIEWS:
            raise ParameterError("view", given=view, allowed=", ".join(VIEWS))
