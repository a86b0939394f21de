"""The one boundary between Python and the browser: tables as JSON, pictures as tagged bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.bounds import Bound, Influence, statistics
from ..core.flow import FlowTable
from ..core.level import CURVES, Level, quantised
from ..core.rare import COLUMNS as RARE
from ..core.rare import Rare

Json = dict[str, Any]
#: A step of a curve that is smaller than this share of it is not drawn.
_FINE = 0.05
#: Columns of each bound that are read from the changes of all samples.
SAMPLES = ("mean", "median", "high", "largest", "over", "others")


def encode_picture(index: int, field: NDArray[np.generic]) -> tuple[Json, bytes]:
    """One level's picture as (header, bytes).

    Spins (int8, ±1) travel as one bit each, everything else in the 256 steps that a screen shows.

    >>> import numpy as np
    >>> encode_picture(3, np.array([[1, -1], [-1, 1]], dtype=np.int8))
    ({'index': 3, 'shape': [2, 2], 'low': -1.0, 'high': 1.0, 'dtype': 'bit'}, b'\\t')
    """
    steps, low, high = quantised(field)
    header: Json = {"index": index, "shape": list(steps.shape), "low": low, "high": high}
    if steps.dtype == np.int8:
        packed = np.packbits((steps == 1).ravel(), bitorder="little")
        return {**header, "dtype": "bit"}, packed.tobytes()
    return {**header, "dtype": "u1"}, np.ascontiguousarray(steps).tobytes()


def number(value: float | None) -> float | None:
    """The value as JSON can carry it: NaN and infinities become null."""
    return None if value is None or not math.isfinite(value) else float(value)


def table(flow: FlowTable, levels: Sequence[Level | None]) -> Json:
    """The columns that the lens reads, null where a level is not computed yet."""
    cells: Json = {}
    for name, tolerance in flow.tolerances.items():
        for level in levels:
            for column, cell in _cells(level, name, tolerance).items():
                cells.setdefault(column, {}).setdefault(name, []).append(cell)
    return {
        "cutoff": list(flow.scale.cutoffs),
        **cells,
        "rare_curve": {name: [_curve(level, name) for level in levels] for name in flow.tolerances},
        "relevance": _relevance(levels),
        "couplings": _couplings(levels),
        "budget": _budget(flow, levels),
    }


def _cells(level: Level | None, name: str, tolerance: float | None) -> Json:
    """One observable at one cutoff, as one cell of each column."""
    value = level.values.get(name) if level else None
    influence = level.influences.get(name) if level else None
    cells: Json = {
        "value": number(value.value) if value else None,
        "value_error": number(value.error) if value else None,
        "value_tau": number(value.tau) if value else None,
    }
    for curve in CURVES:
        bound: Bound | None = getattr(influence, curve, None)
        cells[curve] = number(bound.value) if bound else None
        cells[f"{curve}_error"] = number(bound.error) if bound else None
        cells[f"{curve}_kind"] = bound.kind if bound is not None else "none"
        cells[f"{curve}_how"] = bound.how if bound is not None else "not computed yet"
        cells[f"{curve}_of"] = bound.quantifier if bound else ""
        cells[f"{curve}_statistic"] = bound.statistic if bound else ""
        found = _of_samples(influence, bound, tolerance)
        cells |= {f"{curve}_{part}": number(found.get(part)) for part in SAMPLES}
    return cells | _rare(level.rare.get(name) if level else None, tolerance)


def _rare(rare: Rare | None, tolerance: float | None) -> Json:
    """The change that is exceeded once in so many, and how often the tolerance is."""
    change, once = rare.last if rare else (None, None)
    over = None
    if rare and tolerance:
        over = rare.at(min(tolerance, rare.end))
    return {
        "rare": number(change),
        "rare_once": number(once),
        "rare_over": number(over.value) if over else None,
        "rare_of": rare.quantifier if rare else "",
        "rare_how": rare.how if rare else "",
    }


def _curve(level: Level | None, name: str) -> Json | None:
    """ε ↦ P(|Δ| > ε) as a chart draws it."""
    rare = level.rare.get(name) if level else None
    if rare is None:
        return None
    seen = rare.thinned(_FINE)
    drawn: Json = {c: [float(f"{x:.4g}") for x in getattr(seen, c).tolist()] for c in RARE}
    return drawn | {"floor": rare.floor}


def _of_samples(
    influence: Influence | None, bound: Bound | None, tolerance: float | None
) -> dict[str, float | None]:
    """What all samples come to; "others" is the upper end for the share of new ones over."""
    if influence is None or not bound or bound.each is None:
        return {}
    found = statistics(bound.each, tolerance)
    over = None if tolerance is None else bound.over(tolerance)
    return found | ({"others": over.upper()} if over and influence.fresh else {})


def _relevance(levels: Sequence[Level | None]) -> Json:
    """One spectrum for all cutoffs where they share it, else one for each."""
    orders = [level.relevance if level else None for level in levels]
    known = [order for order in orders if order]
    if not known:
        return {}
    common = {"quantity": known[0].quantity, "unit": known[0].unit}
    shared = all(order is known[0] or order == known[0] for order in known)
    if shared:
        errors = [number(e) for e in known[0].error] if known[0].error else []
        return {
            "names": list(known[0].names),
            "values": [number(v) for v in known[0].values],
            "errors": errors,
            **common,
        }
    return {
        "names": [list(o.names) if o else [] for o in orders],
        "values": [[number(v) for v in o.values] if o else [] for o in orders],
        "errors": [[number(e) for e in o.error or ()] if o else [] for o in orders],
        **common,
    }


def _couplings(levels: Sequence[Level | None]) -> Json:
    names = list(dict.fromkeys(n for v in levels if v and v.couplings for n in v.couplings))
    return {n: [number((v.couplings or {}).get(n)) if v else None for v in levels] for n in names}


def _budget(flow: FlowTable, levels: Sequence[Level | None]) -> Json:
    """Index of the coarsest cutoff in budget, by each curve; null where none is, or not yet."""
    wanted = {name: t for name, t in flow.tolerances.items() if t is not None}
    if not wanted:
        return {}
    if None in levels:
        return dict.fromkeys(CURVES)
    return {
        curve: next(
            (
                i
                for i in reversed(range(len(levels)))
                if (v := levels[i]) is not None
                and set(wanted) <= set(v.influences)
                and v.within(wanted, curve)
            ),
            None,
        )
        for curve in CURVES
    }
