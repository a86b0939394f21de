"""The order of the features, most relevant first."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from statistics import median_low

from .errors import ParameterError, ShapeError
from .numeric import instance, number, real, several


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
        If a name appears twice or is no text, or a value is no number.

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
        for part in ("names", "values", "error"):
            given = getattr(self, part)
            if part != "error" or given is not None:
                allowed = "a sequence, one for each feature"
                known = several(f"{part} of the relevance", given, allowed)
                object.__setattr__(self, part, known)
        for name in self.names:
            instance("name of a feature", name, str, "a text")
        values = tuple(number("value of the relevance", value) for value in self.values)
        object.__setattr__(self, "values", values)
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

    def cliffs(self, *, factor: float = 4.0, ratio: float = 1.001) -> list[int]:
        """Ranks after which the values fall off a cliff: where scales are separated.

        Rank r is one if value r + 1 is less than value r by at least `ratio`, and the logarithm
        of their ratio is `factor` times the typical one among the six nearest steps. The rank
        beyond which nothing is left, of values ≥ 0, is one too.

        Raises `ParameterError` if the factor or the ratio is not above 1.

        >>> Relevance(tuple("abcdef"), (9.0, 1.1, 1.0, 0.9, 0.01, 0.0)).cliffs()
        [1, 4, 5]
        >>> Relevance(tuple("abcdef"), (32.0, 16.0, 8.0, 4.0, 2.0, 1.0)).cliffs()
        []
        """
        for name, given in (("factor", factor), ("ratio", ratio)):
            real(name, given, "(1, inf)")
        top = max((v for v in self.values if math.isfinite(v)), default=0.0)
        known = [v for v in self.values if math.isfinite(v) and v > 1e-12 * top]
        steps = [math.log(a / b) for a, b in pairwise(known)]
        found = []
        for i, step in enumerate(steps):
            near = sorted((j for j in range(len(steps)) if j != i), key=lambda j: abs(j - i))[:6]
            typical = median_low([steps[j] for j in near]) if near else 0.0
            if step >= math.log(ratio) and step >= factor * typical:
                found.append(i + 1)
        return found + ([len(known)] if 0 < len(known) < len(self.values) else [])
