"""A flow as an `xarray.Dataset`, and back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from . import rare_columns
from .bounds import Influence, statistics
from .errors import RecordError, RGError
from .estimate import Estimate
from .influence_columns import EACH, GRID, HOWS, NUMBERS, OF, SHARES, columns_of, influence_at
from .level import Level, dequantised, quantised
from .numeric import instance
from .rare import Rare
from .relevance import Relevance
from .scale import Scale

if TYPE_CHECKING:  # a table is only made when one is asked for
    import pandas as pd  # type: ignore[import-untyped]
    import xarray as xr

Grid = Mapping[str, NDArray[Any]]
FORMAT = "rgwidgets-flow/2"
#: Records that kept of each bound the mean over samples alone.
OF_MEANS = "rgwidgets-flow/1"
_VALUES = {"value": "value", "value_error": "error", "value_tau": "tau"}

#: variable → (dimensions, kinds of dtype that it may have)
_COLUMNS: dict[str, tuple[tuple[str, ...], str]] = {
    "cutoff": (("cutoff",), "f"),
    "observable": (("observable",), "U"),
    "samples": (("cutoff",), "iu"),
    "tolerance": (("observable",), "f"),
    "unit": (("observable",), "U"),
    **dict.fromkeys((*_VALUES, *NUMBERS), (GRID, "f")),
    **dict.fromkeys(HOWS, (GRID, "U")),
}
#: the same for what records of means lack
_SINCE: dict[str, tuple[tuple[str, ...], str]] = {
    **dict.fromkeys(OF, (GRID, "U")),
    **dict.fromkeys(SHARES, (GRID, "f")),
}
#: the same for what comes together or not at all
_OPTIONAL: tuple[dict[str, tuple[tuple[str, ...], str]], ...] = (
    dict.fromkeys(EACH, ((*GRID, "sample"), "f")),
    {
        **dict.fromkeys(rare_columns.STEPS, ((*GRID, "rare_step"), "f")),
        **dict.fromkeys(rare_columns.NUMBERS, (GRID, "f")),
        **dict.fromkeys(rare_columns.WORDS, (GRID, "U")),
    },
    {
        "feature": (("feature",), "U"),
        "relevance": (("cutoff", "feature"), "f"),
        "relevance_error": (("cutoff", "feature"), "f"),
    },
    {"coupling": (("coupling",), "U"), "couplings": (("cutoff", "coupling"), "f")},
)
_ATTRIBUTES = ("title", "scale_name", "scale_symbol", "scale_unit", "direction")


def from_levels(
    levels: Sequence[Level],
    scale: Scale,
    tolerances: Mapping[str, float | None],
    units: Mapping[str, str],
    **attrs: str,
) -> xr.Dataset:
    """Put levels side by side along `cutoff`; `attrs` become attributes of the dataset."""
    names = list(tolerances)
    data = _empty(levels, names, scale)
    data.attrs = {"format": FORMAT, **attrs, **data.attrs}
    for column, part in _VALUES.items():
        cells = [[_nan(getattr(v.values.get(n), part, None)) for n in names] for v in levels]
        data[column] = (GRID, np.array(cells, dtype=float).reshape(len(levels), len(names)))
    data.update(columns_of([[level.influences.get(n) for n in names] for level in levels]))
    data.update(rare_columns.columns_of([[v.rare.get(n) for n in names] for v in levels]))
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


def _empty(levels: Sequence[Level], names: list[str], scale: Scale) -> xr.Dataset:
    import xarray as xr

    cutoffs = np.array([level.cutoff for level in levels], dtype=np.float64)
    return xr.Dataset(
        coords={
            "cutoff": ("cutoff", cutoffs, {"units": scale.unit, "long_name": scale.name}),
            "observable": np.array(names, dtype=str),
        },
        attrs={
            "scale_name": scale.name,
            "scale_symbol": scale.symbol,
            "scale_unit": scale.unit,
            "direction": scale.direction,
        },
    )


def _given(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _nan(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _samples(level: Level) -> int:
    return max((e.samples for e in level.values.values()), default=0)


def _add_relevance(data: xr.Dataset, levels: Sequence[Level]) -> None:
    orders = [level.relevance for level in levels]
    names = list(dict.fromkeys(n for order in orders if order for n in order.names))
    if not names:
        return
    first = next(order for order in orders if order)
    places = {name: place for place, name in enumerate(names)}
    data.coords["feature"] = np.array(names, dtype=str)
    for column, part in (("relevance", "values"), ("relevance_error", "error")):
        table = np.full((len(levels), len(names)), np.nan)
        for row, order in enumerate(orders):
            for name, value in _pairs(order, part):
                table[row, places[name]] = value
        data[column] = (("cutoff", "feature"), table)
    data["relevance"].attrs.update(long_name=first.quantity, units=first.unit)


def _pairs(order: Relevance | None, part: str) -> Iterator[tuple[str, float]]:
    values = getattr(order, part, None)
    return zip(order.names, values, strict=True) if order and values else iter(())


def _add_couplings(data: xr.Dataset, levels: Sequence[Level]) -> None:
    names = list(dict.fromkeys(n for level in levels for n in level.couplings or ()))
    if names:
        data.coords["coupling"] = np.array(names, dtype=str)
        table = [[(level.couplings or {}).get(n, math.nan) for n in names] for level in levels]
        data["couplings"] = (("cutoff", "coupling"), table)


def checked(data: xr.Dataset) -> xr.Dataset:
    """Return the dataset if it is a flow's, or raise `RecordError`."""
    import xarray as xr

    instance("record", data, xr.Dataset, "the dataset of a flow", mend="rg.Flow.load(path)")
    kind = data.attrs.get("format")
    if kind not in (FORMAT, OF_MEANS):
        raise RecordError(
            "format of the record",
            given=kind or "none",
            allowed=f"{FORMAT}, {OF_MEANS}",
            mend="save it again with this version of rgwidgets",
        )
    columns = {**_COLUMNS, **(_SINCE if kind == FORMAT else {})}
    for group in _OPTIONAL:
        columns |= group if set(group) & set(data.variables) else {}
    missing = (set(columns) - set(data.variables)) | (set(_ATTRIBUTES) - set(data.attrs))
    if missing:
        raise _refused(f"without {', '.join(sorted(missing))}")
    for name, (dims, kinds) in columns.items():
        found = data[name]
        if found.dims != dims or found.dtype.kind not in kinds:
            raise _refused(f"{name} with dimensions {found.dims} of {found.dtype}")
        if dims == (name,) and len(set(found.values.tolist())) != found.size:
            raise _refused(f"{name} with entries that repeat")
    for name in _ATTRIBUTES:
        if not isinstance(data.attrs[name], str):
            raise _refused(f"{name} that is no text")
    if bool((data["tolerance"] < 0).any()):
        raise _refused("a negative tolerance")
    for index in range(data.sizes["cutoff"]):
        if f"field_{index}" in data:
            _check_picture(data[f"field_{index}"], index)
    return data


def _check_picture(field: xr.DataArray, index: int) -> None:
    ends = [field.attrs.get(end) for end in ("low", "high")]
    numbers = [e for e in ends if isinstance(e, (int, float)) and math.isfinite(e)]
    if (
        field.dims != (f"y_{index}", f"x_{index}")
        or field.dtype not in (np.int8, np.uint8)
        or len(numbers) != 2
        or numbers[0] > numbers[1]
    ):
        raise _refused(f"{field.name} of {field.dtype} {field.dims} from {ends[0]} to {ends[1]}")


def _refused(given: str) -> RecordError:
    return RecordError(
        "record",
        given=given,
        allowed="a whole flow",
        mend="copy it again from where it was made, or compute it again",
    )


def scale_of(data: xr.Dataset) -> Scale:
    """The scale that the record was cut on."""
    a = data.attrs
    try:
        return Scale(
            a["scale_name"],
            a["scale_symbol"],
            a["scale_unit"],
            tuple(float(c) for c in data["cutoff"].values),
            direction=a["direction"],
        )
    except RGError as error:
        raise _refused(str(error)) from error


def tolerances_of(data: xr.Dataset) -> dict[str, float | None]:
    """{observable: tolerance or None}."""
    pairs = zip(data["observable"].values, data["tolerance"].values, strict=True)
    return {str(n): _given(t) for n, t in pairs}


def units_of(data: xr.Dataset) -> dict[str, str]:
    """{observable: unit}."""
    pairs = zip(data["observable"].values, data["unit"].values, strict=True)
    return {str(n): str(u) for n, u in pairs}


def to_levels(data: xr.Dataset) -> list[Level]:
    """The levels of a record, as they were before they were put side by side."""
    names = [str(n) for n in data["observable"].values]
    columns = [*_VALUES, *NUMBERS, *HOWS, *OF, *SHARES, *EACH, *rare_columns.STEPS]
    columns += [*rare_columns.NUMBERS, *rare_columns.WORDS]
    units = units_of(data)
    grid = {column: data[column].values for column in columns if column in data}
    try:
        return [
            Level(
                float(data["cutoff"].values[row]),
                _values(grid, row, names, int(data["samples"].values[row])),
                _influences(grid, row, names),
                _relevance(data, row),
                _couplings(data, row),
                _field(data, row),
                _rare(grid, row, units),
            )
            for row in range(data.sizes["cutoff"])
        ]
    except RGError as error:
        raise _refused(str(error)) from error


def _values(grid: Grid, row: int, names: list[str], samples: int) -> dict[str, Estimate]:
    values = {}
    for place, name in enumerate(names):
        value, error, tau = (float(grid[c][row, place]) for c in _VALUES)
        if not all(map(math.isnan, (value, error, tau))):
            values[name] = Estimate(value, error, tau, samples)
    return values


def _influences(grid: Grid, row: int, names: list[str]) -> dict[str, Influence]:
    found = {name: influence_at(grid, (row, place)) for place, name in enumerate(names)}
    return {name: influence for name, influence in found.items() if influence is not None}


def _rare(grid: Grid, row: int, units: Mapping[str, str]) -> dict[str, Rare]:
    found = {
        name: rare_columns.rare_at(grid, (row, place), unit)
        for place, (name, unit) in enumerate(units.items())
    }
    return {name: rare for name, rare in found.items() if rare is not None}


def _field(data: xr.Dataset, row: int) -> NDArray[np.generic] | None:
    if f"field_{row}" not in data:
        return None
    picture = data[f"field_{row}"]
    return dequantised(picture.values, picture.attrs["low"], picture.attrs["high"])


def _relevance(data: xr.Dataset, row: int) -> Relevance | None:
    if "relevance" not in data:
        return None
    values, errors = data["relevance"].values[row], data["relevance_error"].values[row]
    kept = [i for i, v in enumerate(values) if not math.isnan(v)]
    names, attrs = data["feature"].values, data["relevance"].attrs
    return (
        Relevance(
            tuple(str(names[i]) for i in kept),
            tuple(float(values[i]) for i in kept),
            error=None if np.isnan(errors).all() else tuple(float(errors[i]) for i in kept),
            quantity=str(attrs.get("long_name", "")),
            unit=str(attrs.get("units", "")),
        )
        if kept
        else None
    )


def _couplings(data: xr.Dataset, row: int) -> dict[str, float] | None:
    if "couplings" not in data:
        return None
    pairs = zip(data["coupling"].values, data["couplings"].values[row], strict=True)
    return {str(n): float(v) for n, v in pairs if not math.isnan(v)} or None


def tidy(data: xr.Dataset) -> pd.DataFrame:
    """One row for each cutoff and observable, with what the samples of each bound come to."""
    said = sorted(OF, key=lambda column: column.endswith("_whom"))
    columns = [*_VALUES, *NUMBERS, *HOWS, *said[: len(HOWS)], "tolerance", "unit"]
    columns += [*said[len(HOWS) :], *SHARES]
    frame = data[[c for c in columns if c in data]].to_dataframe().reset_index()
    for column in EACH:
        if column in data:
            rows = data[column].values.reshape(len(frame), -1)
            found = [_of_row(*pair) for pair in zip(rows, frame["tolerance"], strict=True)]
            for part in dict.fromkeys(part for row in found for part in row):
                name = column.replace("each", part)
                frame[name] = [_nan(row.get(part)) for row in found]
    return frame


def _of_row(each: NDArray[np.float64], tolerance: float) -> dict[str, float | None]:
    known = torch.from_numpy(each[~np.isnan(each)])
    return statistics(known, _given(tolerance)) if len(known) else {}
