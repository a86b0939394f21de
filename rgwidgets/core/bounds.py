"""What neglected features can still do: never a bare float, always with its kind."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from .errors import ParameterError, choose
from .numeric import instance, number

Kind = Literal["proved", "measured", "none"]
_SAY = "say Bound.none(reason) where there is no number"


@dataclass(frozen=True)
class Bound:
    """A size of change of one observable, in its unit.

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
        Standard error of a measured value over samples; None where it has none (NaN is taken as
        none).
    each
        The change of every sample, (n,) float64, whose mean `value` is; None where not known.

    Raises
    ------
    ParameterError
        If the kind is unknown, or the value or the error is negative or the value NaN.

    Examples
    --------
    >>> print(Bound(0.4, "measured", "PGD, 8 restarts", error=0.02))
    0.4 ± 0.02 (measured: PGD, 8 restarts)
    >>> print(Bound.none("the layer norm has no certificate here"))
    none (the layer norm has no certificate here)
    """

    value: float
    kind: Kind
    how: str = ""
    error: float | None = None
    each: Tensor | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        choose("kind", self.kind, ("proved", "measured", "none"))
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
    def of(cls, each: Tensor, kind: Kind, how: str) -> Bound:
        """The mean of changes by sample (n,), with its standard error where they are measured.

        >>> import torch
        >>> bound = Bound.of(torch.tensor([1.0, 1.0, 3.0, 3.0]), "measured", "own tail")
        >>> print(bound, bound.largest)
        2 ± 0.58 (measured: own tail) 3.0
        """
        each = each.detach().double().cpu()
        deviation = float(each.std()) if kind == "measured" and len(each) > 1 else math.nan
        return cls(float(each.mean()), kind, how, deviation / math.sqrt(len(each)), each)

    @property
    def largest(self) -> float:
        """The largest over samples; the value itself where the samples' own are not known."""
        return self.value if self.each is None else float(self.each.max())

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
        return f"{self.value:.4g}{error} ({self.kind}: {self.how})"


@dataclass(frozen=True)
class Influence:
    """What the features beyond a cutoff can do to one observable: four numbers, always together.

    The effective theory predicts the observable at the cut point. The fibre is the set of fine
    configurations that share the coarse features (for activations: with a discarded part no
    longer than a stated radius). Each number is a mean over samples of the absolute change from
    the prediction.

    Attributes
    ----------
    average
        With each sample's own fine features.
    resample
        With fine features drawn from elsewhere: another sample's, or at random in the fibre.
    attack
        The largest change found in the fibre: a lower bound on the worst case.
    certificate
        No point of the fibre changes more: an upper bound on the worst case.

    Raises
    ------
    ParameterError
        If an attack exceeds a certificate, in the mean or on any sample (one of the two is then
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
        """Interval that holds the worst case: (attack, certificate), (0, inf) where unknown."""
        low = self.attack.value if self.attack else 0.0
        return low, self.certificate.value if self.certificate else math.inf

    @classmethod
    def nothing(cls, reason: str) -> Influence:
        """No statement on any of the four."""
        return cls(*(Bound.none(reason),) * 4)

    @classmethod
    def exact(cls, how: str) -> Influence:
        """Nothing was neglected: every change is exactly zero."""
        zero = Bound(0.0, "measured", how, 0.0)
        return cls(zero, zero, zero, Bound(0.0, "proved", how))
