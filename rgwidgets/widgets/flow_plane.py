"""The flow plane: couplings from scale to scale, with fixed points and eigen-directions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from ..core.fixed_points import Linearisation
from ..core.flow import FlowTable

#: a landmark that lies in the right half of the plane
_RIGHT = "scale('x', datum.first) > width / 2"


def path(base: alt.Chart, names: list[str], x: Any, y: Any) -> list[Any]:
    """The flow as a line with a point a scale, and a ring under the dial."""
    tooltip = [alt.Tooltip(f"{name}:Q", format=".6g") for name in names]
    line = base.mark_line(color="#0072B2", point=alt.OverlayMarkDef(size=40)).encode(
        x=x, y=y, order="index:Q", tooltip=tooltip
    )
    ring = (
        base.transform_filter("datum.cutoff == preview")
        .mark_point(size=160, filled=False, strokeWidth=2, color="#000000")
        .encode(x=x, y=y)
    )
    return [line, ring]


def coupling_names(flow: FlowTable) -> list[str]:
    """The couplings that flow, in the order of the scheme."""
    theory = getattr(flow, "theory", None)
    known = [flow.computed(cutoff) for cutoff in flow.scale.cutoffs]
    recorded = [list(level.couplings) for level in known if level and level.couplings]
    scheme = getattr(flow, "scheme", None)
    named = getattr(scheme, "coupling_names", None) or (theory.couplings if theory else ())
    return recorded[0] if recorded else list(named)


def landmarks(points: Sequence[Linearisation], names: list[str]) -> list[Any]:
    """Fixed points with their exponents: a level in one coupling, a point with arms in two.

    An arm along a relevant direction is solid, along an irrelevant one dashed.
    """
    if not points or not names:
        return []
    rows = [_row(point) for point in points]
    marks = alt.Chart(_inline(rows))
    if len(names) == 1:
        rule = marks.mark_rule(strokeWidth=1.5, strokeDash=[6, 3], color="#009E73").encode(
            y=alt.Y("first:Q")
        )
        text = marks.mark_text(align="right", dy=-8, dx=-4).encode(
            y="first:Q", x=alt.value(alt.expr("width")), text="label:N"
        )
        return [rule, text]
    arms = [arm for point in points for arm in _arms(point)]
    lines = alt.Chart(_inline(arms)).mark_rule(strokeWidth=2, color="#009E73")
    dash = alt.condition("datum.relevant", alt.value([1, 0]), alt.value([4, 3]))
    return [
        lines.encode(x="x0:Q", x2="x1:Q", y="y0:Q", y2="y1:Q", strokeDash=dash),
        marks.mark_point(shape="diamond", size=130, filled=True, color="#009E73").encode(
            x="first:Q", y="second:Q", tooltip="label:N"
        ),
        # A text that reached over the edge would be cut, or would squeeze the whole plane.
        marks.mark_text(
            align=alt.expr(f"{_RIGHT} ? 'right' : 'left'"),
            dx=alt.expr(f"{_RIGHT} ? -12 : 12"),
            dy=20,
            clip=True,
            text="fixed point",
        ).encode(x="first:Q", y="second:Q"),
    ]


def _inline(rows: list[dict[str, Any]]) -> Any:
    return alt.Data(values=rows)  # type: ignore[no-untyped-call]


def _row(point: Linearisation) -> dict[str, Any]:
    couplings = point.point.tolist()
    place = ", ".join(f"{value:.4g}" for value in couplings)
    powers = ", ".join(f"{value:.3g}" for value in point.exponents.tolist())
    return {
        "first": couplings[0],
        "second": couplings[1] if len(couplings) > 1 else 0.0,
        "label": f"fixed point {place}; y = {powers}",
    }


def _arms(point: Linearisation, length: float = 0.15) -> list[dict[str, Any]]:
    """A segment along each real eigen-direction in the plane of the first two couplings."""
    x, y = (float(value) for value in point.point[:2])
    arms = []
    for column, exponent in zip(point.directions.T, point.exponents.tolist(), strict=True):
        along = column.real[:2]
        size = float(along.norm())
        if size > 0 and float(column.imag.norm()) < 1e-9:
            dx, dy = (length * float(part) / size for part in along)
            ends = {"x0": x - dx, "x1": x + dx, "y0": y - dy, "y1": y + dy}
            arms.append({**ends, "relevant": exponent > 0})
    return arms
