"""Which of the ways of failing, if any, a flow shows at a cutoff, and the evidence for it.

The failure modes are those of "Towards Worst-Case Guarantees with Scale-Aware Interpretability",
section 5.3.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from .bounds import Influence
from .errors import ObservableError
from .level import check_budget
from .outputs import together
from .theory import EffectiveTheory, Theory

if TYPE_CHECKING:
    from .flow import Flow
    from .scheme import Scheme

Fault = Literal[
    "none",
    "wrong direction",
    "mistuned cutoff",
    "misaligned relevance",
    "dangerously irrelevant",
    "unknown",
]
FAULTS = (
    "wrong direction",
    "mistuned cutoff",
    "misaligned relevance",
    "dangerously irrelevant",
)
#: How many times more features than needed an order may keep before it counts as misaligned.
WASTE = 1.5
#: Changes beyond so many tolerances are all alike: the observable is lost.
_LOST = 10.0


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a description at a cutoff.

    Attributes
    ----------
    fault
        "none", one of `FAULTS`, or "unknown" where the scheme offers nothing to compare with.
    evidence
        Numbers behind it, by name; lengths are cutoffs of the flow's scale, changes are in units
        of the observables' tolerances, the largest over the observables.
    because, advice
        In words: the reason, and what to try next.
    """

    fault: Fault
    evidence: Mapping[str, float]
    because: str
    advice: str

    def __str__(self) -> str:
        return f"{self.fault}: {self.because}; {self.advice}"


def diagnose(flow: Flow, cutoff: float, budget: Mapping[str, float] | None = None) -> Diagnosis:
    """Tell how a flow fails at a cutoff, if it does.

    In budget under attack, every sample: none. In budget on average only: dangerously irrelevant.
    Over budget on average already: the order is reversed if the opposite order loses less over the
    whole flow (wrong direction), misaligned if the observables' own order needs far fewer features
    or this one all of them, and otherwise right but cut too early (mistuned cutoff).

    Parameters
    ----------
    flow
        A live flow; its scheme's `alternatives` are what it is compared with.
    cutoff
        The one that is judged.
    budget
        {observable: tolerance}; the observables' own if None.

    Raises
    ------
    CutoffError, BudgetError
        For a cutoff off the scale, an empty or unknown budget.

    Examples
    --------
    >>> import torch
    >>> from rgwidgets.core.flow import Flow
    >>> from rgwidgets.core.theory import Observable
    >>> from rgwidgets.schemes.activation_spectrum import ActivationSpectrum
    >>> x = torch.randn(200, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> last = Observable("last", lambda f: f["activation"][:, 2], tolerance=0.01)
    >>> theory = Theory({"activation": x * torch.tensor([3.0, 2.0, 1.0])}, (last,))
    >>> Flow(theory, ActivationSpectrum()).diagnose(1).fault
    'wrong direction'
    """
    wanted = check_budget(budget, flow.tolerances, "attack")
    level = flow.level(cutoff)
    influences = {name: level.influences[name] for name in wanted}
    found = {
        by: _worst([_share(_size(influences[name], by), wanted[name]) for name in wanted])
        for by in ("average", "attack", "certificate")
    }
    unknown = [n for n, known in influences.items() if not (known.average and known.attack)]
    if unknown and not max(found["average"], found["attack"]) > 1:
        return Diagnosis(
            "unknown",
            found,
            f"no average and attack is known for {', '.join(unknown)}: "
            f"{influences[unknown[0]].attack.how or influences[unknown[0]].average.how}",
            "choose observables that every sample has, or look at more samples",
        )
    if not max(found["average"], found["attack"]) > 1:
        proof = found["certificate"] <= 1 and all(i.certificate for i in influences.values())
        return Diagnosis(
            "none",
            found,
            "no attack breaks the budget on any sample"
            + (", and it is proved that none can where the certificate holds" if proof else ""),
            "nothing needs to change" if proof else "a longer attack may still find something",
        )
    if not found["average"] > 1:
        return Diagnosis(
            "dangerously irrelevant",
            found,
            f"the neglected features change nothing on average, but {found['attack']:.2g} times "
            "the tolerance when they conspire",
            "keep the directions along which the observable is steep, or monitor the tail",
        )
    return _compared(flow, float(cutoff), wanted, found)


def _compared(
    flow: Flow, cutoff: float, budget: Mapping[str, float], found: dict[str, float]
) -> Diagnosis:
    orders = {"given": flow.scheme, **flow.scheme.alternatives(flow.theory)}
    why = "" if {"reversed", "own"} <= set(orders) else "this scheme knows of none"
    try:
        found |= {} if why else _orders(flow, orders, budget)
    except ObservableError as error:  # such as an observable without a gradient
        why = str(error)
    if why:
        return Diagnosis(
            "unknown",
            found,
            f"the neglected features matter, and there is no other order to compare with: {why}",
            "cut later, or try a scheme that orders features by relevance",
        )
    needs = {name: found[f"needed, {name} order"] for name in orders}
    losses = {name: found[f"mean change, {name} order"] for name in orders}
    if losses["reversed"] < losses["given"]:
        return Diagnosis(
            "wrong direction",
            found,
            "what the scheme puts last is what the observables need first",
            "reverse the order, or order by the observables' gradient",
        )
    nothing_saved = needs["given"] == flow.scale.cutoffs[0] > needs["own"]
    if needs["given"] > WASTE * needs["own"] or nothing_saved:
        return Diagnosis(
            "misaligned relevance",
            found,
            f"the scheme must keep {needs['given']:g} features where {needs['own']:g} would do",
            "order by the observables' gradient",
        )
    return Diagnosis(
        "mistuned cutoff",
        found,
        f"the order is right, but the budget needs {needs['given']:g} features, not {cutoff:g}",
        f"cut at {needs['given']:g}",
    )


def _orders(
    flow: Flow, orders: Mapping[str, Scheme], budget: Mapping[str, float]
) -> dict[str, float]:
    """For each order the features that the budget needs, and the mean change over the flow."""
    cutoffs, found = flow.scale.cutoffs, {}
    for name, scheme in orders.items():
        levels = [scheme.coarsen(flow.theory, cutoff) for cutoff in cutoffs]
        by_name = mean_changes(flow.theory, levels, list(budget))
        rows = ([_share(c, budget[n]) for c in row] for n, row in by_name.items())
        changes = [max(column) for column in zip(*rows, strict=True)]
        found[f"needed, {name} order"] = first_within(cutoffs, changes, 1.0)
        found[f"mean change, {name} order"] = sum(min(c, _LOST) for c in changes) / len(changes)
    return found


def mean_changes(
    theory: Theory, levels: Sequence[EffectiveTheory], names: Sequence[str]
) -> dict[str, list[float]]:
    """Mean absolute change of each observable at each level from its value in the theory.

    What "average" is in an `Influence`, without the price of the other three.
    """
    changes: dict[str, list[float]] = {name: [] for name in names}
    with torch.no_grad():
        observables = [theory.observable(name) for name in names]
        exact = together(observables, theory.features)
        for level in levels:
            for name, values in together(observables, level.lift()).items():
                changes[name].append(float((values.double() - exact[name].double()).abs().mean()))
    return changes


def first_within(cutoffs: Sequence[float], changes: Sequence[float], tolerance: float) -> float:
    """The coarsest cutoff from which on everything finer changes by the tolerance at most."""
    kept = cutoffs[0]
    for cutoff, change in zip(cutoffs, changes, strict=True):
        if change > tolerance:
            break
        kept = cutoff
    return kept


def _size(influence: Influence, by: str) -> float:
    """The mean change by own tails; the largest proved, and found in any way, of all samples."""
    if by == "average":
        return influence.average.value
    if by == "certificate":
        return influence.certificate.largest
    found = (influence.attack, influence.average, influence.resample)
    return max((b.largest for b in found if b), default=math.nan) if found[0] else math.nan


def _worst(shares: list[float]) -> float:
    known = [share for share in shares if not math.isnan(share)]
    return max(known, default=math.nan)


def _share(change: float, tolerance: float) -> float:
    if tolerance > 0:
        return change / tolerance
    return 0.0 if change == 0 else math.inf if not math.isnan(change) else math.nan
