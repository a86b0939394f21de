"""Sweeps: a function measured over a product of axes, on many processes, resumed where it broke."""

from __future__ import annotations

import functools
import inspect
import itertools
import keyword
import math
import sys
from collections.abc import Callable, Generator, Iterable, Mapping, Set
from contextlib import closing, suppress
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.errors import ParameterError
from ..core.files import place
from ..core.progress import tick, track
from .journal import Journal
from .kernels.parallel import usable_cores
from .workers import Arrival, Failure, Measure, Point, Values, arrivals_of, attempt, named, pooled

if TYPE_CHECKING:
    import xarray as xr


def sweep(
    measure: Measure,
    grid: Mapping[str, Iterable[Any]],
    *,
    to: str | PathLike[str] | None = None,
    workers: int | None = None,
    client: Any = None,
    title: str = "",
) -> xr.Dataset:
    """Measure a function at every point of a product of axes.

    The global random generators of torch, numpy and Python are seeded from the point, so that a
    result depends neither on the number of workers nor on the order in which they come. A worker
    has one thread; what torch sums up on several may differ from it by rounding.

    Parameters
    ----------
    measure
        Called as `measure(**point)`, returns {name: number or Estimate}; a top-level function of
        a module where there are workers. No name ends in `_error`.
    grid
        {axis: values}: numbers, texts or truth values, each once.
    to
        A journal, one JSON line a point. Where it exists, its points are not measured again;
        those that failed are. It knows `measure` by name: remove it when the function changes.
    workers
        Processes, as many as there are usable cores if None; 0 computes in this one.
    client
        A `dask.distributed.Client`, or whatever else has `submit`, in place of processes.
    title
        Of the dataset, and the label of its progress.

    Returns
    -------
    xarray.Dataset
        One dimension an axis; for each name its value and `name_error` (NaN where unknown).
        `attrs["failed"]` lists points that raised, which are NaN, with their messages.

    Raises
    ------
    ParameterError
        If the grid, the function or the workers do not fit, before anything is measured.
    RecordError, StorageError
        If the journal is damaged or of another sweep; if it cannot be written.
    RGError
        If a point has killed its worker twice; what is done stays in the journal.
    Cancelled
        If whoever listens to the progress asks to stop. If all points fail, the first error.

    Examples
    --------
    >>> def magnetisation(temperature, field):
    ...     return {"m": math.tanh(field / temperature)}
    >>> data = sweep(magnetisation, {"temperature": [1.0, 2.0], "field": [0.0, 1.0]}, workers=0)
    >>> data["m"].sel(temperature=2.0).values.round(3).tolist()
    [0.0, 0.462]
    """
    axes = _axes(grid)
    points = [dict(zip(axes, each, strict=True)) for each in itertools.product(*axes.values())]
    workers = _check(measure, points, workers, client)
    journal = Journal(place(to), _name(measure), axes, points) if to is not None else None
    results: dict[int, Values | Failure] = dict(journal.read()) if journal else {}
    todo = [index for index in range(len(points)) if index not in results]

    def keep(index: int, outcome: Values | Failure) -> None:
        results[index] = outcome
        if journal and not isinstance(outcome, Failure):
            journal.append(index, outcome)

    if client is not None:
        _collect(
            arrivals_of(client.submit, measure, points, todo, len(todo)), len(todo), title, keep
        )
    elif workers and todo:
        _collect(pooled(measure, points, todo, workers), len(todo), title, keep)
    else:
        for index in track(todo, label=title):
            keep(index, attempt(measure, points[index]))
    return _dataset(axes, points, results, title)


def _axes(grid: Mapping[str, Iterable[Any]]) -> dict[str, list[Any]]:
    if not isinstance(grid, Mapping) or not grid:
        raise ParameterError("grid", given=grid, allowed="{axis: values}, at least one axis")
    return {name: _axis(name, values) for name, values in grid.items()}


def _axis(name: object, values: Any) -> list[Any]:
    """The values of an axis as plain Python scalars."""
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise ParameterError(
            "axis of the grid", given=repr(name), allowed="a name that an argument can have"
        )
    try:
        if isinstance(values, str | bytes | Mapping | Set):
            raise TypeError("no sequence")
        plain = [v.item() if hasattr(v, "item") else v for v in values]
    except (TypeError, ValueError, RuntimeError) as error:  # no list, or one of several axes
        raise _bad_axis(name, values) from error
    kinds = {float if type(v) is int else type(v) for v in plain}
    fits = len(kinds) == 1 and kinds <= {float, str, bool}
    if not fits or (kinds == {float} and not all(map(_is_number, plain))):
        raise _bad_axis(name, values)
    if len(set(plain)) < len(plain):
        twice = next(v for place, v in enumerate(plain) if v in plain[:place])
        raise ParameterError(
            f"axis {name!r}", given=twice, allowed="each value once", mend="remove the repetition"
        )
    return plain


def _is_number(value: float) -> bool:
    return abs(value) < 2**63 if isinstance(value, int) else math.isfinite(value)


def _bad_axis(name: str, values: object) -> ParameterError:
    return ParameterError(
        f"axis {name!r}",
        given=values,
        allowed="a list, not empty, of finite numbers, of texts or of truth values",
        mend=f"pass {name}=[value, …], or a list of names for what is no number",
    )


def _check(measure: Measure, points: list[Point], workers: int | None, client: Any) -> int:
    """Refuse what cannot run; return the number of processes."""
    if workers is not None and (type(workers) is not int or workers < 0):
        raise ParameterError("workers", given=workers, allowed="a whole number ≥ 0, or None")
    if client is not None and (workers is not None or not callable(getattr(client, "submit", 0))):
        raise ParameterError(
            "client", given=client, allowed="an object with `submit`, and no workers beside it"
        )
    name = _name(measure)
    try:
        with suppress(ValueError):  # a compiled function may not tell its arguments
            inspect.signature(measure).bind(**points[0])
    except TypeError as error:
        allowed = f"the arguments {inspect.signature(measure)} of {name}"
        raise ParameterError("axes of the grid", given=list(points[0]), allowed=allowed) from error
    count = usable_cores() if workers is None else workers
    main = sys.modules["__main__"]
    typed = getattr(main, "__spec__", None) is None and not hasattr(main, "__file__")
    lost = "<" in name.partition("(")[0] or (name.startswith("__main__.") and typed)
    if client is None and count and lost:
        raise ParameterError(
            "measure",
            given=name,
            allowed="a top-level function of a module, which other processes can import",
            mend="write it to a .py file and import it, or pass workers=0",
        )
    return count


def _name(measure: Any) -> str:
    """What the journal knows a function by; what a partial fixes belongs to it."""
    if isinstance(measure, functools.partial):
        return f"{_name(measure.func)}({measure.args!r}, {measure.keywords!r})"
    if not callable(measure) or not hasattr(measure, "__qualname__"):
        raise ParameterError("measure", given=measure, allowed="a function", mend="write a `def`")
    return f"{measure.__module__}.{measure.__qualname__}"


def _collect(
    arrivals: Generator[Arrival], total: int, label: str, keep: Callable[..., None]
) -> None:
    done = 0
    tick(0.0, label)
    with closing(arrivals):
        for arrival in arrivals:
            if arrival is not None:
                keep(*arrival)
                done += 1
            tick(done / total, label)


def _dataset(
    axes: Mapping[str, list[Any]],
    points: list[Point],
    results: Mapping[int, Values | Failure],
    title: str,
) -> xr.Dataset:
    import xarray as xr

    ordered = [results[index] for index in range(len(points))]
    failures = [outcome for outcome in ordered if isinstance(outcome, Failure)]
    if len(failures) == len(points):
        if failures[0].error.__traceback__ is None:  # lost between processes
            failures[0].error.add_note(failures[0].trace)
        raise failures[0].error
    said = [
        f"{named(point)}: {outcome.message}"
        for point, outcome in zip(points, ordered, strict=True)
        if isinstance(outcome, Failure)
    ]
    measured: list[Values] = [{} if isinstance(o, Failure) else o for o in ordered]
    columns = {}
    for name in dict.fromkeys(name for values in measured for name in values):
        pairs = np.array([values.get(name, (math.nan, math.nan)) for values in measured])
        for column, numbers in zip((name, f"{name}_error"), pairs.T, strict=True):
            columns[column] = (tuple(axes), numbers.reshape([len(v) for v in axes.values()]))
    return xr.Dataset(columns, coords=dict(axes), attrs={"title": title, "failed": said})
