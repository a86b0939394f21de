"""The order of the features, most relevant first."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .errors import ParameterError, ShapeError


@dataclass(frozen=True)
class Relevance:
    """Features with values, sorted from the most to the least relevant.

    Attributes
    ----------
    names, values
        One of each a feature; given in any order, kept in descending order of value, NaN last.
    error
        Standard errors in the same order, or None.
    quantity, unit
        What the values are: "variance", "scaling exponent y", "mean squared gradient".

    Raises
    ------
    ShapeError
        If names, values and errors are not equally many.
    ParameterError
        If a name appears twice.

    Examples
    --------
    >>> Relevance(("energy", "field"), (1.0, 1.875), quantity="exponent").names
    ('field', 'energy')
    """

    names: tuple[str, ...]
    values: tuple[float, ...]
    error: tuple[float, ...] | None = None
    quantity: str = ""
    unit: str = ""

    def __post_init__(self) -> None:
        errors = self.values if self.error is None else self.error
        lengths = {len(self.names), len(self.values), len(errors)}
        if len(lengths) != 1:
            raise ShapeError(
                "relevance", given=sorted(lengths), allowed="one value, and one error, a name"
            )
        if len(set(self.names)) != len(self.names):
            twice = sorted({n for n in self.names if self.names.count(n) > 1})
            raise ParameterError("names of the relevance", given=twice, allowed="distinct names")
        order = sorted(
            range(len(self.names)),
            key=lambda i: (not math.isnan(self.values[i]), self.values[i]),
            reverse=True,
        )
        for attribute in ("names", "values", "error"):
            given = getattr(self, attribute)
            if given is not None:
                object.__setattr__(self, attribute, tuple(given[i] for i in order))

    def __len__(self) -> int:
        return len(self.names)
