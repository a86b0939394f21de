"""The charts of a lens, as Altair makes them; the browser feeds them data and the dial's place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import altair as alt

from ..core.errors import choose
from ..core.fixed_points import Linearisation
from ..core.flow import FlowTable
from ..core.level import CURVES, Level
from ..core.rare import COLUMNS as RARE
from ..core.scale import Scale
from . import change_charts, flow_plane, rare_chart, wire
from .axes import CHOSEN, TABLE, of_one, params, rules, scale_axis

_ORDER = "direction, most relevant first"


def _observables(flow: FlowTable) -> Any:
    """Each observable of the effective theory with its error, and the budget as a band."""
    x = scale_axis(flow.scale)
    y = alt.Y("value:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5))
    known = alt.Chart(TABLE).transform_filter(f"{CHOSEN} && isValid(datum.value)")
    band = (
        known.transform_filter("datum.index == 0 && isValid(datum.tolerance)")
        .transform_calculate(
            low="datum.value - datum.tolerance", high="datum.value + datum.tolerance"
        )
        .mark_rect(style="budget")
        .encode(y=alt.Y("low:Q", title=None), y2="high:Q")
    )
    line = known.mark_line(color="#0072B2", point=alt.OverlayMarkDef(size=34)).encode(
        x=x,
        y=y,
        tooltip=[
            alt.Tooltip("observable:N"),
            alt.Tooltip("cutoff:Q", title=flow.scale.name),
            alt.Tooltip("value:Q", format=".4g"),
            alt.Tooltip("value_error:Q", format=".2g"),
            alt.Tooltip("unit:N"),
        ],
    )
    error = (
        known.transform_filter("isValid(datum.value_error)")
        .transform_calculate(
            low="datum.value - datum.value_error", high="datum.value + datum.value_error"
        )
        .mark_rule(color="#0072B2", strokeWidth=1.5)
        .encode(x=x, y=alt.Y("low:Q", title=None), y2="high:Q")
    )
    return of_one(
        [band, line, error],
        flow,
        "The chosen observable of the effective theory, with its error and its budget",
    )


def _is_rank(scale: Scale) -> bool:
    return scale.name == "rank"


def _spectrum(flow: FlowTable) -> Any:
    """The features in order of relevance; where the scale is a rank, the cut goes through it."""
    quantity = _quantity(flow)
    if not _is_rank(flow.scale):
        return _exponents(quantity)
    base = alt.Chart(TABLE).transform_filter("isValid(datum.value)")
    kept = alt.condition("datum.rank <= preview", alt.value("#0072B2"), alt.value("#999999"))
    points = (
        base.mark_point(filled=True, size=42)
        .encode(
            x=alt.X(
                "rank:Q",
                title=_ORDER,
                scale=alt.Scale(domain=[0, flow.scale.cutoffs[0] + 1], nice=False),
            ),
            y=alt.Y(
                "value:Q", title=quantity, scale=alt.Scale(type="log"), axis=alt.Axis(tickCount=6)
            ),
            color=kept,
            shape=alt.condition("datum.rank <= preview", alt.value("circle"), alt.value("cross")),
            tooltip=[alt.Tooltip("name:N"), alt.Tooltip("value:Q", format=".3g")],
        )
        .transform_filter("datum.value > 0")
    )
    lines = rules("{} + 0.5", alt.X("place:Q", title=_ORDER), where="datum.rank == 1")
    return (
        alt.layer(points, *lines)
        .add_params(*params(flow))
        .properties(
            usermeta={"rgwidgets": {"drag": "cutoff"}},
            description="Features in order of relevance, and where they are cut",
        )
    )


def _exponents(quantity: str) -> Any:
    """One bar a direction, with its error; the sign says relevant or irrelevant."""
    base = alt.Chart(TABLE).transform_filter("isValid(datum.value)")
    y = alt.Y("name:N", sort=alt.EncodingSortField("rank"), title=None)
    bars = base.mark_bar(size=14).encode(
        x=alt.X("value:Q", title=quantity),
        y=y,
        color=alt.condition("datum.value > 0", alt.value("#0072B2"), alt.value("#999999")),
        tooltip=[
            alt.Tooltip("name:N"),
            alt.Tooltip("value:Q", format=".4g"),
            alt.Tooltip("error:Q", format=".2g"),
        ],
    )
    errors = (
        base.transform_filter("isValid(datum.error)")
        .transform_calculate(low="datum.value - datum.error", high="datum.value + datum.error")
        .mark_rule(strokeWidth=2)
        .encode(x=alt.X("low:Q", title=quantity), x2="high:Q", y=y)
    )
    return alt.layer(bars, errors).properties(
        height=alt.Step(34),
        usermeta={"rgwidgets": {"drag": None}},
        description="Scaling exponents: positive grows towards the IR, negative shrinks",
    )


def _quantity(flow: FlowTable) -> str:
    order = flow.relevance(flow.scale.cutoffs[-1])
    if order is None or not order.quantity:
        return "relevance"
    return f"{order.quantity} / {order.unit}" if order.unit else order.quantity


def _flow(flow: FlowTable, points: Sequence[Linearisation] = ()) -> Any:
    """Couplings from scale to scale: in their plane if there are two, against the scale if one."""
    names = flow_plane.coupling_names(flow)
    if len(names) >= 2:
        x: Any = alt.X(f"{names[0]}:Q", title=names[0], scale=alt.Scale(zero=False))
        y: Any = alt.Y(f"{names[1]}:Q", title=names[1], scale=alt.Scale(zero=False))
    else:
        x = scale_axis(flow.scale)
        y = alt.Y(f"{names[0]}:Q", title=f"coupling {names[0]}") if names else alt.Y("index:Q")
    layers = flow_plane.path(alt.Chart(TABLE), names, x, y)
    drag = "cutoff" if len(names) < 2 else None
    return (
        alt.layer(*layers, *flow_plane.landmarks(points, names))
        .add_params(*params(flow))
        .properties(
            usermeta={"rgwidgets": {"drag": drag}}, description="Couplings from scale to scale"
        )
    )


VIEWS: dict[str, Callable[[FlowTable], Any] | None] = {
    "field": None,
    "spectrum": _spectrum,
    "observables": _observables,
    "bounds": change_charts.bounds,
    "rare": rare_chart.rare,
    "flow": _flow,
    "comparison": change_charts.comparison,
}


def specs(
    flow: FlowTable, views: Sequence[str], *, fixed_points: Sequence[Linearisation] = ()
) -> dict[str, Any]:
    """Vega-Lite for each view that is a chart, with data and dial left to the browser."""
    made = {}
    for view in views:
        draw = VIEWS[view]
        if draw is not None:
            drawn = _flow(flow, fixed_points) if view == "flow" else draw(flow)
            spec = drawn.to_dict(validate=False)
            spec.pop("$schema", None)
            spec.pop("config", None)
            made[view] = spec
    return made


def chart(view: str, flow: FlowTable, levels: Sequence[Level | None], index: int) -> Any:
    """One view as an Altair chart with its data inside.

    Raises
    ------
    ParameterError
        If the view is no chart.
    """
    made = {name: draw for name, draw in VIEWS.items() if draw is not None}
    drawn = made[choose("chart", view, made)](flow)
    drawn = drawn.properties(datasets={"table": rows(view, flow, levels, index)})
    return drawn


def rows(
    view: str, flow: FlowTable, levels: Sequence[Level | None], index: int
) -> list[dict[str, Any]]:
    """What the browser puts into a view's table: features, couplings, or cutoff × observable."""
    columns = wire.table(flow, levels)
    if view == "spectrum":
        return _relevance_rows(columns["relevance"], index)
    places = [{"index": i, "cutoff": c} for i, c in enumerate(flow.scale.cutoffs)]
    if view == "flow":
        named = columns["couplings"].items()
        return [{**place, **{n: v[i] for n, v in named}} for i, place in enumerate(places)]
    if view == "rare":
        curves = _rare_rows(columns["rare_curve"], index)
        return [*_cell_rows(columns, flow, places[index : index + 1]), *curves] if curves else []
    return _cell_rows(columns, flow, places)


def _cell_rows(
    columns: dict[str, Any], flow: FlowTable, places: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    ends = ("", "_kind", "_statistic", *(f"_{part}" for part in change_charts.PARTS))
    cells = ("value", "value_error", *(curve + end for curve in CURVES for end in ends))
    return [
        {
            **place,
            "observable": name,
            "unit": flow.units[name],
            "tolerance": flow.tolerances[name],
            **{c: columns[c][name][place["index"]] for c in cells},
        }
        for place in places
        for name in flow.tolerances
    ]


def _rare_rows(curves: dict[str, Any], index: int) -> list[dict[str, Any]]:
    """One row for each step of each observable's curve at one cutoff."""
    return [
        {"observable": name, **{part: of[index][part][i] for part in RARE}}
        for name, of in curves.items()
        if of[index]
        for i in range(len(of[index]["epsilon"]))
    ]


def _relevance_rows(relevance: dict[str, Any], index: int) -> list[dict[str, Any]]:
    if not relevance:
        return []
    parts = {k: relevance[k] for k in ("names", "values", "errors")}
    if parts["values"] and isinstance(parts["values"][0], list):
        parts = {k: v[index] for k, v in parts.items()}
    errors = parts["errors"] or [None] * len(parts["values"])
    return [
        {"rank": i + 1, "name": n, "value": v, "error": e}
        for i, (n, v, e) in enumerate(zip(parts["names"], parts["values"], errors, strict=True))
    ]
