"""A flow as an `xarray.Dataset`, and back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import xarray as xr

from .bounds import Bound, Influence
from .errors import RecordError, RGError
from .estimate import Estimate
from .level import CURVES, Level, bound_of, quantised
from .relevance import Relevance
from .scale import Scale

FORMAT = "rgwidgets-flow/1"
_NUMBERS = ("value", "value_error", "value_tau", *CURVES, *(f"{c}_error" for c in CURVES))
_TEXTS = tuple(f"{c}_how" for c in CURVES)
_GRID = ("cutoff", "observable")


def from_levels(
    levels: Sequence[Level],
    scale: Scale,
    tolerances: Mapping[str, float | None],
    units: Mapping[str, str],
    **attrs: str,
) -> xr.Dataset:
    """Put levels side by side along `cutoff`; `attrs` become attributes of the dataset."""
    names = list(tolerances)
    data = xr.Dataset(
        coords={"cutoff": [float(level.cutoff) for level in levels], "observable": names},
        attrs={
            "format": FORMAT, **attrs, "scale_name": scale.name, "scale_symbol": scale.symbol,
            "scale_unit": scale.unit, "direction": scale.direction,
        },
    )
    data["cutoff"].attrs.update(units=scale.unit, long_name=scale.name)
    for column in _NUMBERS:
        data[column] = (_GRID, np.array([[_number(v, n, column) for n in names] for v in levels],
                                        dtype=np.float64).reshape(len(levels), len(names)))
    for column in _TEXTS:
        data[column] = (_GRID, np.array([[_how(v, n, column) for n in names] for v in levels],
                                        dtype=str).reshape(len(levels), len(names)))
    data["samples"] = ("cutoff", [_samples(level) for level in levels])
    data["tolerance"] = ("observable", [_nan(tolerances[n]) for n in names])
    data["unit"] = ("observable", np.array([units.get(n, "") for n in names], dtype=str))
    _add_relevance(data, levels)
    _add_couplings(data, levels)
    for index, level in enumerate(levels):
        if level.field is not None:
            picture, low, high = quantised(level.field)
            dims = (f"y_{index}", f"x_{index}")
            data[f"field_{index}"] = (dims, picture, {"low": low, "high": high})
    return data


def _nan(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _number(level: Level, name: str, column: str) -> float:
    if column.startswith("value"):
        known = level.values.get(name)
        part = {"value": "value", "value_error": "error", "value_tau": "tau"}[column]
        return math.nan if known is None else float(getattr(known, part))
    influence = level.influences.get(name)
    curve, _, error = column.partition("_")
    if influence is None:
        return math.nan
    bound = getattr(influence, curve)
    return _nan(bound.error if error else bound.value)


def _how(level: Level, name: str, column: str) -> str:
    influence = level.influences.get(name)
    bound = getattr(influence, column.removesuffix("_how"), None)
    return "none: not computed" if bound is None else f"{bound.kind}: {bound.how}"


def _samples(level: Level) -> int:
    return max((e.samples for e in level.values.values()), default=0)


def _add_relevance(data: xr.Dataset, levels: Sequence[Level]) -> None:
    orders = [level.relevance for level in levels]
    names = list(dict.fromkeys(n for order in orders if order for n in order.names))
    if not names:
        return
    first = next(order for order in orders if order)
    data.coords["feature"] = names
    for column, part in (("relevance", "values"), ("relevance_error", "error")):
        table = np.full((len(levels), len(names)), np.nan)
        for row, order in enumerate(orders):
            for name, value in _pairs(order, part):
                table[row, names.index(name)] = value
        data[column] = (("cutoff", "feature"), table)
    data["relevance"].attrs.update(long_name=first.quantity, units=first.unit)


def _pairs(order: Relevance | None, part: str) -> Iterator[tuple[str, float]]:
    values = getattr(order, part, None)
    return zip(order.names, values, strict=True) if order and values else iter(())


def _add_couplings(data: xr.Dataset, levels: Sequence[Level]) -> None:
    names = list(dict.fromkeys(n for level in levels for n in level.couplings or ()))
    if names:
        data.coords["coupling"] = names
        table = [[(level.couplings or {}).get(n, math.nan) for n in names] for level in levels]
        data["couplings"] = (("cutoff", "coupling"), table)


def checked(data: xr.Dataset) -> xr.Dataset:
    """Return the dataset if it is a flow's, or raise `RecordError`."""
    if data.attrs.get("format") != FORMAT:
        raise RecordError(
            "format of the record", given=data.attrs.get("format", "none"), allowed=FORMAT,
            mend="save it again with this version of rgwidgets",
        )
    wanted = {"cutoff", "observable", "tolerance", "unit", *_NUMBERS, *_TEXTS}
    missing = wanted - set(data.variables)
    texts = {"title", "scale_name", "scale_symbol", "scale_unit", "direction"} - set(data.attrs)
    if missing or texts:
        raise RecordError(
            "record", given=f"without {', '.join(sorted(missing | texts))}",
            allowed="a whole flow", mend="save it again",
        )
    return data


def scale_of(data: xr.Dataset) -> Scale:
    """The scale that the record was cut on."""
    a = data.attrs
    try:
        return Scale(a["scale_name"], a["scale_symbol"], a["scale_unit"],
                     tuple(float(c) for c in data["cutoff"].values), direction=a["direction"])
    except RGError as error:
        raise RecordError("scale of the record", given=str(error), allowed="a scale") from error


def tolerances_of(data: xr.Dataset) -> dict[str, float | None]:
    """{observable: tolerance or None}."""
    pairs = zip(data["observable"].values, data["tolerance"].values, strict=True)
    return {str(n): None if math.isnan(t) else float(t) for n, t in pairs}


def units_of(data: xr.Dataset) -> dict[str, str]:
    """{observable: unit}."""
    pairs = zip(data["observable"].values, data["unit"].values, strict=True)
    return {str(n): str(u) for n, u in pairs}


def to_levels(data: xr.Dataset) -> list[Level]:
    """The levels of a record, as they were before they were put side by side."""
    names = [str(n) for n in data["observable"].values]
    try:
        return [_level(data, index, names) for index in range(data.sizes["cutoff"])]
    except RGError as error:
        raise RecordError("record", given=str(error), allowed="bounds that hold") from error


def _level(data: xr.Dataset, index: int, names: list[str]) -> Level:
    row = data.isel(cutoff=index)
    values, influences = {}, {}
    for name in names:
        cell = row.sel(observable=name)
        if not math.isnan(float(cell["value"])):
            values[name] = Estimate(float(cell["value"]), float(cell["value_error"]),
                                    float(cell["value_tau"]), int(row["samples"]))
        influences[name] = Influence(*(_bound(cell, curve) for curve in CURVES))
    field = data[f"field_{index}"].values if f"field_{index}" in data else None
    return Level(float(row["cutoff"]), values, influences, _relevance(row), _couplings(row), field)


def _bound(cell: xr.Dataset, curve: str) -> Bound:
    kind, _, how = str(cell[f"{curve}_how"].values).partition(": ")
    return bound_of(curve, float(cell[curve]), float(cell[f"{curve}_error"]), kind, how)


def _relevance(row: xr.Dataset) -> Relevance | None:
    if "relevance" not in row:
        return None
    names, values = row["feature"].values, row["relevance"].values
    errors = row["relevance_error"].values
    kept = [i for i, v in enumerate(values) if not math.isnan(v)]
    attrs = row["relevance"].attrs
    return Relevance(
        tuple(str(names[i]) for i in kept), tuple(float(values[i]) for i in kept),
        error=None if np.isnan(errors).all() else tuple(float(errors[i]) for i in kept),
        quantity=str(attrs.get("long_name", "")), unit=str(attrs.get("units", "")),
    ) if kept else None


def _couplings(row: xr.Dataset) -> dict[str, float] | None:
    if "couplings" not in row:
        return None
    pairs = zip(row["coupling"].values, row["couplings"].values, strict=True)
    return {str(n): float(v) for n, v in pairs}


def tidy(data: xr.Dataset) -> pd.DataFrame:
    """One row for each cutoff and observable."""
    columns = [*_NUMBERS, *_TEXTS, "tolerance", "unit"]
    return data[columns].to_dataframe().reset_index()
