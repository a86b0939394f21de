"""Influences as columns of a table of cutoffs and observables, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from .bounds import Bound, Influence, Kind, Statistic
from .errors import ParameterError
from .level import CURVES
from .share import Share

GRID = ("cutoff", "observable")
Columns = dict[str, tuple[tuple[str, ...], NDArray[Any]]]
#: What a bound says of itself where nobody asked for it.
ABSENT = "none: not computed"

#: column → part of a bound, for each of the four
NUMBERS = {c: (c, "value") for c in CURVES} | {f"{c}_error": (c, "error") for c in CURVES}
HOWS = tuple(f"{c}_how" for c in CURVES)
OF = {f"{c}_{part}": (c, part) for c in CURVES for part in ("statistic", "whom")}
SHARES = ("outside", "outside_of", "fresh")
EACH = tuple(f"{c}_each" for c in CURVES)


def columns_of(grid: Sequence[Sequence[Influence | None]]) -> Columns:
    """Columns of influences by cutoff and observable; None where there is none."""

    def table(kind: type, cell: Any) -> tuple[tuple[str, ...], NDArray[Any]]:
        cells = [[cell(influence) for influence in row] for row in grid]
        shape = (len(grid), len(grid[0]) if grid else 0)
        return GRID, np.array(cells, dtype=kind).reshape(shape)

    def number(influence: Influence | None, curve: str, part: str) -> float:
        found = getattr(getattr(influence, curve, None), part, None)
        return math.nan if found is None else float(found)

    def said(influence: Influence | None, curve: str) -> str:
        bound = getattr(influence, curve, None)
        return ABSENT if bound is None else f"{bound.kind}: {bound.how}"

    return {
        **{n: table(float, lambda i, w=w: number(i, *w)) for n, w in NUMBERS.items()},
        **{f"{c}_how": table(str, lambda i, c=c: said(i, c)) for c in CURVES},
        **{
            n: table(str, lambda i, c=c, p=p: getattr(getattr(i, c, None), p, ""))
            for n, (c, p) in OF.items()
        },
        **{n: table(float, lambda i, n=n: _shares(i)[n]) for n in SHARES},
        **_each(grid),
    }


def _shares(influence: Influence | None) -> dict[str, float]:
    outside = None if influence is None else influence.outside
    known = (math.nan,) * 2 if outside is None else (outside.count, outside.of)
    return dict(zip(SHARES, (*known, bool(influence and influence.fresh)), strict=True))


def _each(grid: Sequence[Sequence[Influence | None]]) -> Columns:
    """The change of every sample, padded with NaN where fewer were looked at."""
    known = {
        (f"{curve}_each", row, place): bound.each.numpy()
        for row, influences in enumerate(grid)
        for place, influence in enumerate(influences)
        for curve in CURVES
        if (bound := getattr(influence, curve, None)) is not None and bound.each is not None
    }
    most = max((len(each) for each in known.values()), default=0)
    if not most:
        return {}
    shape = (len(grid), len(grid[0]), most)
    tables = {column: np.full(shape, np.nan) for column in EACH}
    for (column, row, place), each in known.items():
        tables[column][row, place, : len(each)] = each
    return {column: ((*GRID, "sample"), table) for column, table in tables.items()}


def influence_at(grid: Mapping[str, NDArray[Any]], at: tuple[int, int]) -> Influence | None:
    """The influence that columns hold at (cutoff, observable), None where there is none.

    Raises `ParameterError` where they hold what no influence is.
    """
    if {str(grid[how][at]) for how in HOWS} == {ABSENT}:
        return None
    bounds = (_bound_at(grid, at, curve) for curve in CURVES)
    average, resample, attack, certificate = bounds
    if "outside" not in grid:
        return Influence(average, resample, attack, certificate)
    count, of, fresh = (float(grid[column][at]) for column in SHARES)
    outside = None
    if not math.isnan(of):
        if not (count.is_integer() and of.is_integer()):
            raise ParameterError("outside", given=f"{count} of {of}", allowed="whole numbers")
        outside = Share(int(count), int(of))
    return Influence(average, resample, attack, certificate, outside, fresh == 1)


def _bound_at(grid: Mapping[str, NDArray[Any]], at: tuple[int, int], curve: str) -> Bound:
    value, error = (float(grid[curve + end][at]) for end in ("", "_error"))
    kind, _, how = str(grid[f"{curve}_how"][at]).partition(": ")
    if kind == "none" and not math.isnan(value):
        raise ParameterError("bound", given=value, allowed="no number for a bound of kind none")
    if f"{curve}_whom" not in grid:
        return Bound(value, cast(Kind, kind), how, error, statistic="mean")
    statistic, whom = (str(grid[f"{curve}_{part}"][at]) for part in ("statistic", "whom"))
    each = grid[f"{curve}_each"][at] if f"{curve}_each" in grid else np.empty(0)
    each = each[~np.isnan(each)]
    known = torch.from_numpy(each.copy()) if each.size else None
    if known is not None and not _is_of(value, each, statistic):
        raise ParameterError(curve, given=value, allowed=f"the {statistic} of its samples")
    return Bound(value, cast(Kind, kind), how, error, known, cast(Statistic, statistic), whom)


def _is_of(value: float, each: NDArray[np.float64], statistic: str) -> bool:
    made = each.max() if statistic == "largest" else each.mean()
    return bool(each.min() >= 0 and math.isclose(made, value, rel_tol=1e-9, abs_tol=1e-300))
