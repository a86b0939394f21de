"""How rare, as columns of a table of cutoffs and observables, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .errors import ParameterError
from .rare import COLUMNS, Rare

GRID = ("cutoff", "observable")
#: Records leave out steps of a curve that are smaller than this share of it.
_FINE = 0.02
STEPS = {f"rare_{curve}": curve for curve in COLUMNS}
NUMBERS = {f"rare_{part}": part for part in ("inputs", "calls", "floor", "end")}
WORDS = {f"rare_{part}": part for part in ("law", "how")}
Columns = dict[str, tuple[tuple[str, ...], NDArray[Any]]]


def columns_of(grid: Sequence[Sequence[Rare | None]]) -> Columns:
    """Columns of curves by cutoff and observable, padded with NaN; none where none is known."""
    found = {
        (row, place): rare.thinned(_FINE)
        for row, rares in enumerate(grid)
        for place, rare in enumerate(rares)
        if rare is not None
    }
    if not found:
        return {}
    shape = (len(grid), len(grid[0]))
    longest = max(len(rare.epsilon) for rare in found.values())
    steps = {column: np.full((*shape, longest), np.nan) for column in STEPS}
    numbers = {column: np.full(shape, np.nan) for column in NUMBERS}
    words = {column: np.full(shape, "", dtype=object) for column in WORDS}
    for at, rare in found.items():
        for column, part in STEPS.items():
            steps[column][(*at, slice(len(rare.epsilon)))] = getattr(rare, part).numpy()
        for column, part in {**NUMBERS, **WORDS}.items():
            (numbers if column in numbers else words)[column][at] = getattr(rare, part)
    return {
        **{column: ((*GRID, "rare_step"), table) for column, table in steps.items()},
        **{column: (GRID, table) for column, table in numbers.items()},
        **{column: (GRID, table.astype(str)) for column, table in words.items()},
    }


def rare_at(grid: Mapping[str, NDArray[Any]], at: tuple[int, int], unit: str) -> Rare | None:
    """The curve that columns hold at (cutoff, observable), None where there is none.

    Raises `ParameterError` where they hold what no such curve is.
    """
    if "rare_epsilon" not in grid or math.isnan(float(grid["rare_floor"][at])):
        return None
    steps = {part: grid[column][at] for column, part in STEPS.items()}
    known = ~np.isnan(steps["epsilon"])
    numbers = {part: float(grid[column][at]) for column, part in NUMBERS.items()}
    counts = {part: numbers.pop(part) for part in ("inputs", "calls")}
    if not all(count.is_integer() and count > 0 for count in counts.values()):
        raise ParameterError("rare events", given=counts, allowed="whole numbers")
    parts: dict[str, Any] = {
        **{part: torch.from_numpy(step[known].astype(float)) for part, step in steps.items()},
        **{part: int(count) for part, count in counts.items()},
        **{part: str(grid[column][at]) for column, part in WORDS.items()},
        **numbers,
    }
    return Rare(**parts, unit=unit)
