"""What charts share: the data they wait for, the axis of the scale, the dial's place."""

from __future__ import annotations

from typing import Any

import altair as alt

from ..core.flow import FlowTable
from ..core.scale import Scale

TABLE = alt.NamedData(name="table")
CHOSEN = "datum.observable == observable"


def scale_axis(scale: Scale, field: str = "cutoff") -> alt.X:
    """The scale from UV on the left to IR on the right, whatever its numbers do."""
    positive = min(scale.cutoffs) > 0
    if scale.direction == "increasing" and positive:
        kind = alt.Scale(type="log", base=2, nice=False, padding=6)
    elif max(scale.cutoffs) > 100:
        kind = alt.Scale(type="symlog", reverse=scale.direction == "decreasing", nice=False)
    else:
        kind = alt.Scale(reverse=scale.direction == "decreasing", nice=False, padding=6)
    unit = f" / {scale.unit}" if scale.unit else ""
    values = list(scale.cutoffs) if len(scale.cutoffs) <= 12 else alt.Undefined
    axis = alt.Axis(title=f"{scale.name}{unit}", values=values)
    return alt.X(f"{field}:Q", scale=kind, axis=axis)


def rules(x: str, axis: Any, **source: Any) -> list[alt.Chart]:
    """The line under the dial, and the one where it was let go."""
    return [
        alt.Chart(TABLE)
        .transform_filter(source["where"])
        .transform_calculate(place=x.format(name))
        .mark_rule(style=name)
        .encode(x=axis)
        for name in ("preview", "cutoff")
    ]


def params(flow: FlowTable) -> list[alt.Parameter]:
    """What the lens sets: the place of its dial, and the observable chosen in its table."""
    names = list(flow.tolerances)
    first = flow.scale.cutoffs[0]
    chosen = [alt.param(name="observable", value=names[0])] if names else []
    return [alt.param(name="cutoff", value=first), alt.param(name="preview", value=first), *chosen]


def of_one(
    layers: list[Any], flow: FlowTable, description: str, *, title: str = "observable"
) -> Any:
    """Layers that show the observable chosen in the lens's table."""
    here = "datum.observable == observable && datum.index == 0"
    lines = rules("{}", scale_axis(flow.scale, "place"), where=here)
    heading = alt.Title(alt.expr(title), anchor="start")
    return (
        alt.layer(*layers, *lines, title=heading)
        .add_params(*params(flow))
        .properties(usermeta={"rgwidgets": {"drag": "cutoff"}}, description=description)
    )
