"""Shares of samples, and what they say of all that are like them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from .numeric import real, whole

#: Of statements about samples that were not looked at, unless another is asked for.
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Share:
    """How many of some samples something is true of.

    Attributes
    ----------
    count, of
        So many, of so many: whole numbers, 0 ≤ count ≤ of, of ≥ 1.

    Raises
    ------
    ParameterError
        If they are not.

    Examples
    --------
    >>> share = Share(59, 360)
    >>> print(share, round(share.upper(), 4))
    59 of 360 (16 %) 0.1994
    >>> round(Share(0, 360).upper(), 5)
    0.00829
    """

    count: int
    of: int

    def __post_init__(self) -> None:
        whole("samples of a share", self.of, 1)
        whole("count of a share", self.count, 0, self.of)

    @property
    def value(self) -> float:
        """The fraction itself."""
        return self.count / self.of

    def upper(self, confidence: float = CONFIDENCE) -> float:
        """Upper end of the one-sided interval for the share of all that are like the samples.

        The samples must be independent, and must have had no say in what is counted. Exact in
        that the confidence is never less than stated (C. J. Clopper and E. S. Pearson, Biometrika
        26, 404 (1934)).

        Raises
        ------
        ParameterError
            If the confidence is not in (0, 1).
        """
        real("confidence", confidence, "(0, 1)")
        if self.count == self.of:
            return 1.0
        k = torch.arange(self.count + 1, dtype=torch.float64)
        n = torch.tensor(self.of, dtype=torch.float64)
        ways = torch.lgamma(n + 1) - torch.lgamma(k + 1) - torch.lgamma(n - k + 1)
        low, high = self.value, 1.0
        while high - low > 1e-15 * high:  # to where so few, or fewer, are just too rare
            middle = (low + high) / 2
            if middle in (low, high):
                break
            terms = ways + k * math.log(middle) + (n - k) * math.log1p(-middle)
            rare = float(terms.logsumexp(0).exp()) <= 1 - confidence
            low, high = (low, middle) if rare else (middle, high)
        return high

    def __str__(self) -> str:
        percent = 100 * self.value
        return f"{self.count} of {self.of} ({percent:.{3 if percent > 99 else 2}g} %)"
