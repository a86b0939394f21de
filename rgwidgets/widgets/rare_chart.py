"""The chart of how rarely a drawn tail moves an observable far, between the mean and the worst."""

from __future__ import annotations

from typing import Any

import altair as alt

from ..core.flow import FlowTable
from .axes import CHOSEN, TABLE, params
from .change_charts import COLOURS, DASHES, SHAPES, by_curve, change, folded, heading, told

#: Of the four those that are about one number: what is typical, found, proved.
_NUMBERS = ("average", "attack", "certificate")
#: What is rarer is drawn here: curves end at 1e-6.
_BOTTOM = 5e-7
_DECADES = ["1", *(f"10⁻{power}" for power in "¹²³⁴⁵⁶")]


def rare(flow: FlowTable) -> Any:
    """P(|Δ| > ε) with its interval, and beside it tolerance, mean, attack and certificate."""
    known = alt.Chart(TABLE).transform_filter(f"{CHOSEN} && isValid(datum.epsilon)")
    ends = {end: f"max(datum.{end}, {_BOTTOM})" for end in ("probability", "low", "high")}
    drawn = known.transform_calculate(**{f"{end}_drawn": clamp for end, clamp in ends.items()})
    x = change("change ε", field="epsilon", channel=alt.X)
    band = drawn.mark_area(interpolate="step-after", opacity=0.2, color="#000000").encode(
        x=x, y=_probability("low_drawn"), y2="high_drawn:Q"
    )
    line = drawn.mark_line(interpolate="step-after", color="#000000").encode(
        x=x, y=_probability("probability_drawn")
    )
    points = drawn.mark_point(size=90, opacity=0).encode(
        x=x,
        y=_probability("probability_drawn"),
        tooltip=[
            alt.Tooltip("epsilon:Q", format=".3g", title="changes by more than"),
            alt.Tooltip("probability:Q", format=".2g", title="with probability"),
            alt.Tooltip("low:Q", format=".2g", title="at least"),
            alt.Tooltip("high:Q", format=".2g", title="at most (95 %)"),
        ],
    )
    layers = [band, *_numbers(flow), line, points, _tolerance()]
    return (
        alt.layer(*layers, title=alt.Title(alt.expr(heading(flow)), anchor="start"))
        .add_params(*params(flow))
        .properties(
            usermeta={"rgwidgets": {"drag": None}},
            description="How probable a change by more than ε is, for an input at random and "
            "features drawn by a law, beside the tolerance, the mean change, and what was found "
            "and proved at worst",
        )
    )


def _numbers(flow: FlowTable) -> list[Any]:
    """A rule and a mark at the mean, the attack and the certificate of the same cutoff."""
    chosen = folded(alt.Chart(TABLE).transform_filter(CHOSEN), _NUMBERS)
    x = change("change ε", channel=alt.X)
    colour = by_curve(alt.Color, COLOURS, flow, _NUMBERS)
    rules = chosen.mark_rule(strokeWidth=1.5, opacity=0.7).encode(
        x=x, color=colour, strokeDash=by_curve(alt.StrokeDash, DASHES, flow, _NUMBERS)
    )
    marks = chosen.mark_point(size=60, filled=True, opacity=1).encode(
        x=x,
        y=alt.value(0),
        color=colour,
        shape=by_curve(alt.Shape, SHAPES, flow, _NUMBERS),
        tooltip=told(flow),
    )
    return [rules, marks]


def _tolerance() -> Any:
    chosen = alt.Chart(TABLE).transform_filter(f"{CHOSEN} && isValid(datum.tolerance)")
    return chosen.mark_rule(style="tolerance").encode(x="tolerance:Q")


def _probability(field: str) -> alt.Y:
    """From one down to the rarest, by decades."""
    axis = alt.Axis(
        values=[10.0**-power for power in range(len(_DECADES))],
        labelExpr=f"{_DECADES}[round(-log(datum.value) / LN10)]",
    )
    scale = alt.Scale(type="log", domain=[_BOTTOM, 1], nice=False)
    title = ["probability of more", "band: 95 % interval"]
    return alt.Y(f"{field}:Q", title=title, axis=axis, scale=scale)
