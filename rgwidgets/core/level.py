"""One level of a flow, as numbers: what a record keeps and a lens draws."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .bounds import Influence
from .errors import BudgetError, choose
from .estimate import Estimate
from .numeric import as_float, described, instance
from .rare import Rare
from .relevance import Relevance
from .share import Share
from .theory import EffectiveTheory

CURVES = ("average", "resample", "attack", "certificate")
#: Those that are means over samples.
MEANS = ("average", "resample")


@dataclass(frozen=True)
class Level:
    """Everything about one effective theory that outlives its tensors.

    Attributes
    ----------
    cutoff
        Where it was cut.
    values
        Observables of the effective theory in its own units.
    influences
        What the neglected features can still do to each observable of the parent.
    relevance, couplings, field
        The order of features; couplings by name; one picture (y, x), or None.
    rare
        How rarely the neglected features move an observable far, where that was computed.
    """

    cutoff: float
    values: Mapping[str, Estimate]
    influences: Mapping[str, Influence]
    relevance: Relevance | None = None
    couplings: Mapping[str, float] | None = None
    field: NDArray[np.generic] | None = None
    rare: Mapping[str, Rare] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, effective: EffectiveTheory) -> Level:
        """Measure an effective theory: its observables, bounds, relevance and picture."""
        return cls(
            effective.cutoff,
            effective.observe() if effective.features else {},
            dict(effective.bounds) if effective.features else {},
            effective.relevance,
            {name: float(value) for name, value in effective.couplings.items()} or None,
            picture(effective),
        )

    def within(self, budget: Mapping[str, float], by: str) -> bool:
        """Whether every observable of the budget changes by no more than its tolerance.

        By attack and certificate: of each sample; where means are all that is known, it is not.
        By average and resample: in the mean.
        """
        part = "mean" if by in MEANS else "largest"
        return all(
            name in self.influences and getattr(getattr(self.influences[name], by), part) <= most
            for name, most in budget.items()
        )

    def over(self, budget: Mapping[str, float], by: str) -> Share | None:
        """How many of the samples are over the tolerance of any observable of the budget.

        None where the samples are not known, had a say in what was cut, or are not independent.
        """
        found: Tensor | None = None
        for name, most in budget.items():
            influence = self.influences.get(name)
            each = getattr(influence, by).each if influence and influence.fresh else None
            if each is None or (found is not None and len(found) != len(each)):
                return None
            found = each > most if found is None else found | (each > most)
        return None if found is None else Share(int(found.sum()), len(found))


def picture(effective: EffectiveTheory) -> NDArray[np.generic] | None:
    """The first sample of the feature that `attrs["picture"]` names, (y, x); None without one."""
    name = effective.attrs.get("picture")
    if not isinstance(name, str):
        return None
    features = effective.features
    if name not in features and effective.raised is not None:
        features = effective.lift()
    if name not in features:
        return None
    tensor = features[name].detach()
    tensor = tensor[0] if tensor.ndim >= 3 else tensor
    tensor = tensor.reshape(-1, tensor.shape[-1] if tensor.ndim else 1).cpu()
    spins = tensor.dtype == torch.int8
    array: NDArray[np.generic] = (tensor if spins else tensor.float()).contiguous().numpy()
    return array


def check_budget(
    budget: Mapping[str, float] | None, tolerances: Mapping[str, float | None], by: str
) -> dict[str, float]:
    """A budget as {observable: tolerance}; the observables' own tolerances where none is given."""
    choose("by", by, CURVES)
    if budget is None:
        budget = {name: t for name, t in tolerances.items() if t is not None}
    mend = 'pass budget={"loss": 0.1}'
    if not instance("budget", budget, Mapping, "{observable: tolerance}", mend=mend):
        raise BudgetError(
            "budget",
            given="nothing",
            allowed="a tolerance for at least one observable",
            mend='pass budget={"loss": 0.1}, or give an observable its tolerance',
        )
    for name, tolerance in budget.items():
        choose("budget", name, tolerances, error=BudgetError, mend="name an observable of the flow")
        if not 0 <= as_float(tolerance) < math.inf:
            raise BudgetError(
                f"budget of {name}",
                given=described(tolerance),
                allowed="a finite number ≥ 0",
                mend="leave out what need not be kept",
            )
    return {name: float(tolerance) for name, tolerance in budget.items()}


def quantised(field: NDArray[np.generic]) -> tuple[NDArray[np.generic], float, float]:
    """The picture as a screen shows it: spins as they are, floats in 256 steps from low to high."""
    if field.dtype == np.int8 and bool((np.abs(field) == 1).all()):
        return field, -1.0, 1.0
    numbers = field.astype(np.float64)
    finite = numbers[np.isfinite(numbers)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    span = high - low or 1.0
    steps = np.nan_to_num((numbers - low) / span * 255, nan=0.0).round()
    return steps.clip(0, 255).astype(np.uint8), low, high


def dequantised(steps: NDArray[np.generic], low: float, high: float) -> NDArray[np.generic]:
    """The picture in its own unit again, to within half of one of its 256 steps."""
    if steps.dtype == np.int8:
        return steps
    share = steps.astype(np.float64) / 255
    numbers: NDArray[np.generic] = low * (1 - share) + high * share  # exact at both ends
    return numbers
