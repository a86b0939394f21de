"""What neglected features can still do: never a bare float, always with its kind and of whom."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from .errors import ParameterError, choose
from .estimate import estimate
from .numeric import instance, number
from .share import Share

Kind = Literal["proved", "measured", "none"]
Statistic = Literal["largest", "mean", "single"]
KINDS, STATISTICS = ("proved", "measured", "none"), ("largest", "mean", "single")
_SAY = "say Bound.none(reason) where there is no number"


def statistics(each: Tensor, tolerance: float | None = None) -> dict[str, float | None]:
    """What changes by sample (n,) come to: mean, median, 95 %, largest, share over a tolerance.

    A quantile is the smallest change that so large a share of the samples does not exceed.

    >>> statistics(torch.tensor([0.0, 1.0, 2.0, 7.0]), 1.5)
    {'mean': 2.5, 'median': 1.0, 'high': 7.0, 'largest': 7.0, 'over': 0.5}
    """
    ordered = each.double().sort().values
    ranks = {name: math.ceil(q * len(each) - 1e-9) for name, q in (("median", 0.5), ("high", 0.95))}
    return {
        "mean": float(ordered.mean()),
        **{name: float(ordered[max(1, rank) - 1]) for name, rank in ranks.items()},
        "largest": float(ordered[-1]),
        "over": None if tolerance is None else float((ordered > tolerance).double().mean()),
    }


@dataclass(frozen=True)
class Bound:
    """A size of change of one observable, in its unit: of what kind, and of whom.

    Attributes
    ----------
    value
        The number; NaN when `kind` is "none".
    kind
        "proved" (an upper bound on the worst case), "measured" (found by looking: a lower bound
        on the worst case) or "none" (nothing can be said; `how` gives the reason).
    how
        The method: attack and its restarts, sample size, confidence, or the theorem.
    error
        Standard error of a measured mean; None where there is none (NaN is taken as none).
    each
        The change of every sample, (n,) float64; None where there are none, or they are not known.
    statistic
        What `value` is of the samples: their "largest", which holds for each of them, their
        "mean", which is no promise to any, or a "single" number of no samples, such as an
        ensemble's.
    whom
        Which samples, and which configurations of each, in words: "360 inputs, own tails".

    Raises
    ------
    ParameterError
        If the kind or the statistic is unknown, the value or the error is negative or the value
        NaN.

    Examples
    --------
    >>> print(Bound(0.4, "measured", "PGD, 8 restarts", error=0.02))
    0.4 ± 0.02 (measured: PGD, 8 restarts)
    >>> print(Bound.none("the layer norm has no certificate here"))
    none (the layer norm has no certificate here)
    >>> each = torch.tensor([0.0, 0.1, 0.1, 1.0])
    >>> print(Bound.of(each, "proved", "CROWN", whom="4 inputs, every tail"))
    1 (proved for each of 4 inputs, every tail: CROWN)
    """

    value: float
    kind: Kind
    how: str = ""
    error: float | None = None
    each: Tensor | None = field(default=None, repr=False, compare=False)
    statistic: Statistic = "single"
    whom: str = ""

    def __post_init__(self) -> None:
        choose("kind", self.kind, KINDS)
        choose("statistic", self.statistic, STATISTICS)
        if self.kind == "none":
            object.__setattr__(self, "value", math.nan)
            object.__setattr__(self, "error", None)
        elif not number("bound", self.value, mend=_SAY) >= 0:
            raise ParameterError(
                "bound",
                given=self.value,
                allowed="a number ≥ 0",
                mend=_SAY,
            )
        if self.error is not None and math.isnan(number("error of a bound", self.error)):
            object.__setattr__(self, "error", None)
        elif self.error is not None and self.error < 0:
            raise ParameterError("error of a bound", given=self.error, allowed="a number ≥ 0")

    @classmethod
    def of(
        cls,
        each: Tensor,
        kind: Kind,
        how: str,
        *,
        statistic: Statistic = "largest",
        whom: str = "",
        error: float | None = None,
    ) -> Bound:
        """The largest or the mean of changes by sample (n,).

        A measured mean has the error of independent samples, unless another is given.

        >>> bound = Bound.of(torch.tensor([1.0, 1.0, 3.0, 3.0]), "measured", "", statistic="mean")
        >>> print(bound, bound.largest)
        2 ± 0.58 (measured, the mean) 3.0
        """
        each = each.detach().double().cpu()
        if statistic == "largest":
            return cls(float(each.max()), kind, how, None, each, statistic, whom)
        error = estimate(each, chains=None).error if error is None and kind == "measured" else error
        return cls(float(each.mean()), kind, how, error, each, statistic, whom)

    @property
    def largest(self) -> float:
        """Of all samples; NaN where a mean is all that is known."""
        if self.each is not None:
            return float(self.each.max())
        return math.nan if self.statistic == "mean" else self.value

    @property
    def mean(self) -> float:
        """Over samples; NaN where the largest is all that is known."""
        if self.each is not None:
            return float(self.each.mean())
        return math.nan if self.statistic == "largest" else self.value

    def over(self, tolerance: float) -> Share | None:
        """How many of the samples are over a tolerance; None where they are not known.

        >>> print(Bound.of(torch.tensor([0.0, 0.2, 0.3]), "measured", "").over(0.1))
        2 of 3 (67 %)
        """
        if self.each is None:
            return None
        return Share(int((self.each > tolerance).sum()), len(self.each))

    @property
    def quantifier(self) -> str:
        """Of whom the value is, in words; nothing where it does not say."""
        if self.statistic == "single":
            return self.whom
        word = (
            "the mean"
            if self.statistic == "mean"
            else ("for each" if self.kind == "proved" else "the largest")
        )
        joint = " over " if self.statistic == "mean" else " of "
        return word + (f"{joint}{self.whom}" if self.whom else "")

    @classmethod
    def none(cls, reason: str) -> Bound:
        """No statement, said plainly."""
        return cls(math.nan, "none", reason)

    def __bool__(self) -> bool:
        return self.kind != "none"

    def __str__(self) -> str:
        if not self:
            return f"none ({self.how})"
        error = f" ± {self.error:.2g}" if self.error else ""
        of = self.quantifier
        said = self.kind + ("" if not of else f" {of}" if of.startswith("for ") else f", {of}")
        return f"{self.value:.4g}{error} ({said}{': ' if self.how else ''}{self.how})"


@dataclass(frozen=True)
class Influence:
    """What the features beyond a cutoff can do to one observable: four numbers, always together.

    The effective theory predicts the observable at the cut point. The fibre is the set of fine
    configurations that share the coarse features (for activations: with a discarded part no
    longer than a stated radius). Each number is of the absolute change from the prediction; each
    keeps the change of every sample, and says of whom it is.

    Attributes
    ----------
    average
        With each sample's own fine features: a mean over samples.
    resample
        With fine features drawn from elsewhere, another sample's or at random in the fibre: a
        mean over samples.
    attack
        The largest change found in the fibre of any sample: a lower bound on the worst case.
    certificate
        No point of any sample's fibre changes more: an upper bound on the worst case.
    outside
        How many of the samples have fine features of their own outside of what attack and
        certificate are about (a tail longer than the radius).
    fresh
        Whether the samples had no say in what was cut, and are independent: then what is counted
        of them bounds the share of all that are like them.

    Raises
    ------
    ParameterError
        If an attack exceeds a certificate, on any sample or as a number (one of the two is then
        wrong), or either carries the other's kind.

    Examples
    --------
    >>> influence = Influence(Bound(0.003, "measured"), Bound(0.004, "measured"),
    ...                       Bound(0.4, "measured"), Bound(0.6, "proved"))
    >>> influence.worst
    (0.4, 0.6)
    """

    average: Bound
    resample: Bound
    attack: Bound
    certificate: Bound
    outside: Share | None = None
    fresh: bool = False

    def __post_init__(self) -> None:
        for name in ("average", "resample", "attack", "certificate"):
            instance(name, getattr(self, name), Bound, "a Bound", mend="rg.Bound.none(reason), say")
        for name in ("average", "resample", "attack"):
            if getattr(self, name).kind == "proved":
                raise ParameterError(f"kind of {name}", given="proved", allowed="measured, none")
        if self.certificate.kind == "measured":
            raise ParameterError("kind of certificate", given="measured", allowed="proved, none")
        low, high = self._first_above() or self.worst
        if low > high + 1e-9 * max(1.0, abs(high)):
            raise ParameterError(
                "attack",
                given=low,
                allowed=f"at most the certificate {high}",
                mend="one of the two is wrong; please report how you made it",
            )

    def _first_above(self) -> tuple[float, float] | None:
        """Attack and certificate of the first sample whose attack is above its certificate."""
        found, proved = self.attack.each, self.certificate.each
        if found is None or proved is None or len(found) != len(proved):
            return None
        above = (found > proved + 1e-9 * proved.abs().clamp_min(1.0)).nonzero()
        return None if not len(above) else (float(found[above[0]]), float(proved[above[0]]))

    @property
    def worst(self) -> tuple[float, float]:
        """Interval that holds the worst case: (attack, certificate), (0, inf) where unknown.

        Of the samples that were looked at; where a record kept means alone, of no sample.
        """
        low = self.attack.value if self.attack else 0.0
        return low, self.certificate.value if self.certificate else math.inf

    @classmethod
    def nothing(cls, reason: str) -> Influence:
        """No statement on any of the four."""
        return cls(*(Bound.none(reason),) * 4)

    @classmethod
    def exact(cls, how: str, whom: str = "", n: int = 1) -> Influence:
        """Nothing was neglected: every change of n samples is exactly zero."""
        zeros = torch.zeros(n)
        average = Bound.of(zeros, "measured", how, statistic="mean", whom=whom, error=0.0)
        attack = Bound.of(zeros, "measured", how, whom=whom)
        return cls(average, average, attack, Bound.of(zeros, "proved", how, whom=whom))
