"""What does not change while a dial turns: titles, scale, observables, controls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.errors import choose
from ..core.fixed_points import Linearisation
from ..core.flow import Flow, FlowTable
from ..core.numeric import instance, several
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
    rare = ("rare",) * _has_rare(flow)
    return ("field",) * field + ("spectrum", "observables", "bounds", *rare)


def _has_rare(flow: FlowTable) -> bool:
    """Whether the scheme states a law of what it neglects, or a record has what came of one."""
    if isinstance(flow, Flow):
        return flow[flow.scale.cutoffs[-1]].rare is not None
    return _known_rare(flow)


def _known_rare(flow: FlowTable) -> bool:
    return any((level := flow.computed(cutoff)) and level.rare for cutoff in flow.scale.cutoffs)


def without_kernel(flow: FlowTable, views: Sequence[str]) -> tuple[str, ...]:
    """The views that have something to show on a page: how rare is computed when it is asked."""
    return tuple(view for view in views if view != "rare" or _known_rare(flow))


def check_shown(
    flow: object, views: object = None, title: object = None, fixed_points: object = ()
) -> None:
    """Raises `ParameterError` for what is no flow, a view that there is not, and other things."""
    instance("flow", flow, FlowTable, "a Flow", mend="rg.Lens(rg.Flow(theory, scheme))")
    for view in () if views is None else several("views", views, "a sequence of names, or None"):
        choose("view", view, VIEWS)
    instance("title", title, (str, type(None)), "a text, or None")
    allowed = "what rg.linearise returns, several of it"
    for point in several("fixed_points", fixed_points, allowed):
        instance("fixed_points", point, Linearisation, allowed)
