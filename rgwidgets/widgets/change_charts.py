"""The charts of what neglected features can do: which number of all samples each curve is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import altair as alt

from ..core.comparison import JOINT
from ..core.flow import FlowTable
from ..core.level import CURVES, MEANS
from .axes import CHOSEN, TABLE, of_one, scale_axis

#: Okabe and Ito's palette: told apart by every kind of colour vision.
COLOURS = {
    "average": "#0072B2",
    "resample": "#56B4E9",
    "attack": "#D55E00",
    "certificate": "#009E73",
}
#: of flows side by side: none of the colours that mean a curve
MEMBERS = ("#9A5BD0", "#B57A00", "#7A8590", "#C2477F", "#6B8E23")
DASHES = {"average": [1, 0], "resample": [5, 3], "attack": [1, 0], "certificate": [9, 3]}
SHAPES = {
    "average": "circle",
    "resample": "square",
    "attack": "triangle-up",
    "certificate": "diamond",
}
#: what the samples of a curve come to → how it is written
PARTS = {"median": ".3g", "high": ".3g", "largest": ".3g", "over": ".2p"}
#: Ticks of a scale that is linear below 0.01 and logarithmic above.
_DECADES = "[0, 0.01, 0.1, 1, 10, 100, 1000]"
#: Decades would leave an axis without a number that ends below 0.02: there it has round steps.
_TOP = "max(1e-12, domain('y')[1])"
_UNIT = f"pow(10, floor(log({_TOP}) / LN10))"
_STEP = f"{_UNIT} * ({_TOP} > 4 * {_UNIT} ? 2 : {_TOP} > 2 * {_UNIT} ? 1 : 0.5)"
_TICKS = f"{_TOP} > 0.02 ? {_DECADES} : sequence(0, 1.001 * {_TOP}, {_STEP})"


def by_curve(
    channel: Any, values: dict[str, Any], flow: FlowTable, curves: Sequence[str] = CURVES
) -> Any:
    """One value of a channel for each of the curves, in one legend that says what it is."""
    scale = alt.Scale(domain=list(curves), range=[values[curve] for curve in curves])
    said = {curve: f"{curve} ({of})" for curve, of in _statistics(flow).items() if of != "single"}
    words = f"{json.dumps(said)}[datum.label] || datum.label"
    # Whatever else shares the colour; and paper, which cannot measure letters, would cut them.
    legend = alt.Legend(labelExpr=words, symbolOpacity=1, labelLimit=0)
    return channel("curve:N", sort=list(curves), title=None, scale=scale, legend=legend)


def _statistics(flow: FlowTable) -> dict[str, str]:
    """What each curve is of the samples: as far as is known, or else as it will be."""
    found = {curve: "mean" if curve in MEANS else "largest" for curve in CURVES}
    known = (level for cutoff in flow.scale.cutoffs if (level := flow.computed(cutoff)))
    influences = [influence for level in known for influence in level.influences.values()]
    for curve in CURVES:
        all_of = {bound.statistic for i in influences if (bound := getattr(i, curve))}
        said = all_of - {"single"} or all_of  # of an ensemble beside samples nothing is said
        found[curve] = min(said, default=found[curve])
    return found


def change(*title: str, field: str = "change", channel: Any = alt.Y) -> Any:
    """How far an observable can move: linear below 0.01, logarithmic above."""
    ticks = _TICKS if channel is alt.Y else _TICKS.replace("domain('y')", "domain('x')")
    return channel(
        f"{field}:Q",
        title=[*title],
        # What rounding leaves of nought is drawn as nought.
        scale=alt.Scale(
            type="symlog", constant=0.01, domain=alt.DomainUnionWith(unionWith=[0, 1e-9])
        ),
        axis=alt.Axis(values=alt.expr(ticks), format=".4~g"),
    )


def bounds(flow: FlowTable) -> Any:
    """Average, resample, attack and certificate against the cutoff, always together."""
    curves = folded(alt.Chart(TABLE).transform_filter(CHOSEN))
    x = scale_axis(flow.scale)
    worst = [c for c, of in _statistics(flow).items() if c not in MEANS and of == "largest"]
    title = ["change", *["bands: median to largest"] * bool(worst)]
    y = change(*title)
    colour = by_curve(alt.Color, COLOURS, flow)
    dash = by_curve(alt.StrokeDash, DASHES, flow)
    spread = curves.transform_filter(
        f"indexof({json.dumps(worst)}, datum.curve) >= 0 && isValid(datum.median)"
    )
    bands = spread.mark_area(opacity=0.1).encode(x=x, y=y, y2="median:Q", color=colour)
    medians = spread.mark_line(strokeWidth=1, opacity=0.6).encode(
        x=x, y=change(*title, field="median"), color=colour, strokeDash=dash
    )
    lines = curves.mark_line(point=alt.OverlayMarkDef(size=34)).encode(
        x=x,
        y=y,
        color=colour,
        strokeDash=dash,
        shape=by_curve(alt.Shape, SHAPES, flow),
        tooltip=[alt.Tooltip("observable:N"), *told(flow)],
    )
    allowed = (
        alt.Chart(TABLE)
        .transform_filter(f"{CHOSEN} && datum.index == 0 && isValid(datum.tolerance)")
        .mark_rule(style="tolerance")
        .encode(y="tolerance:Q")
    )
    return of_one(
        [bands, medians, lines, allowed],
        flow,
        "What the neglected features can still do to the chosen observable: "
        + ", ".join(f"{curve} ({of})" for curve, of in _statistics(flow).items()),
        title=heading(flow),
    )


def heading(flow: FlowTable) -> str:
    """What a chart of changes is about, as an expression: "change of loss / nats"."""
    units = json.dumps({name: f" / {unit}" for name, unit in flow.units.items() if unit})
    return f"'change of ' + observable + ({units}[observable] || '')"


def folded(chart: Any, curves: Sequence[str] = CURVES) -> Any:
    """A row for each curve, with what its samples come to beside the number itself."""
    parts = {part: f"datum[datum.curve + '_{part}']" for part in (*PARTS, "statistic")}
    words = {
        f"{part}_said": f"isValid(datum.{part}) ? format(datum.{part}, '{form}') : 'not known'"
        for part, form in PARTS.items()
    }
    return (
        chart.transform_fold([*curves], as_=["curve", "change"])
        .transform_filter("isValid(datum.change)")
        .transform_calculate(**parts)
        .transform_calculate(**words)
    )


def told(flow: FlowTable) -> list[alt.Tooltip]:
    """What one point of a curve says: which number it is, and what all samples come to."""
    return [
        alt.Tooltip("cutoff:Q", title=flow.scale.name),
        alt.Tooltip("curve:N"),
        alt.Tooltip("change:Q", format=".3g"),
        alt.Tooltip("statistic:N", title="which is the"),
        alt.Tooltip("median_said:N", title="median"),
        alt.Tooltip("high_said:N", title="95 % are below"),
        alt.Tooltip("largest_said:N", title="largest"),
        alt.Tooltip("over_said:N", title="samples over tolerance"),
    ]


def comparison(flow: FlowTable) -> Any:
    """Average, attack and certificate of every member, for the observable that is chosen."""
    ends = {m: f"slice({{0}}, {-len(JOINT + m)}) == {JOINT + m!r}" for m in flow.members}
    cases = [(end, m, len(JOINT + m)) for m, end in ends.items()]
    member = "".join(f"{e.format('datum.observable')} ? {m!r} : " for e, m, _ in cases) + "''"
    name = "".join(f"{e.format('{0}')} ? slice({{0}}, 0, {-n}) : " for e, _, n in cases) + "{0}"
    chosen = name.format("observable")
    shown = [curve for curve in CURVES if curve != "resample"]
    colours = alt.Scale(domain=list(flow.members), range=list(MEMBERS))
    members = (
        alt.Chart(TABLE)
        .transform_calculate(member=member)
        .transform_filter(f"({name.format('datum.observable')}) == ({chosen})")
    )
    lines = (
        folded(members, shown)
        .mark_line(point=alt.OverlayMarkDef(size=34))
        .encode(
            x=scale_axis(flow.scale),
            y=change("change"),
            color=alt.Color("member:N", sort=list(flow.members), title=None, scale=colours),
            strokeDash=by_curve(alt.StrokeDash, {**DASHES, "average": [2, 3]}, flow, shown),
            shape=by_curve(alt.Shape, SHAPES, flow, shown),
            tooltip=[alt.Tooltip("member:N"), *told(flow)],
        )
    )
    said = "What each member neglects can still do, side by side"
    return of_one([lines], flow, said, title=f"'change of ' + ({chosen})")
