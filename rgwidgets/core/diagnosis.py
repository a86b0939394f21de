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
from .dangerous import Danger, danger
from .errors import ObservableError
from .fibre import rounding
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
#: To these shares of its size the neglected part is scaled down.
SHRUNK = tuple(2.0**-k for k in range(7))
#: Changes beyond so many tolerances are all alike: the observable is lost. Of tails that were
#: sought out all that is told is that they break the budget, since their size was chosen to.
_LOST, _BROKEN = 10.0, 1.0


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
    quiet
        Quiet on average: every mean change is in budget, though some sample can be moved out of
        it. A property that any fault can have.
    """

    fault: Fault
    evidence: Mapping[str, float]
    because: str
    advice: str
    quiet: bool = False

    def __str__(self) -> str:
        name = f"{self.fault}, quiet on average" if self.quiet else self.fault
        return f"{name}: {self.because}; {self.advice}"


def diagnose(flow: Flow, cutoff: float, budget: Mapping[str, float] | None = None) -> Diagnosis:
    """Tell how a flow fails at a cutoff, if it does.

    In budget, every sample, however it was looked at: none. Else the samples are those of the
    theory; or, where their mean change is in budget and the fault is quiet, the worst that were
    found. On them it is

    - dangerously irrelevant if what is neglected, scaled down to nothing, goes on to break the
      budget, by an effect that does not vanish with its size (`danger`);
    - wrong direction if the opposite order loses less over the whole flow; or if it needs fewer
      features, it or that of the neglected ones alone, and about as few as the observables' own;
    - misaligned relevance if their own needs far fewer, or this one all of them;
    - mistuned cutoff otherwise: the right order, cut too early.

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
    shares = {
        by: {name: _share(_size(influences[name], by), wanted[name]) for name in wanted}
        for by in ("average", "attack", "certificate")
    }
    found = {by: _worst(list(of.values())) for by, of in shares.items()}
    if not max(found["average"], found["attack"]) > 1:
        return _in_budget(influences, found)
    quiet = found["average"] <= 1
    theory = flow.theory
    if quiet:
        worst = max(wanted, key=lambda name: (shares["attack"][name] > 1, shares["attack"][name]))
        theory = flow.scheme.worst(theory, cutoff, theory.observable(worst)) or theory
    fault, because, advice = _named(flow, float(cutoff), theory, wanted, found, quiet)
    return Diagnosis(fault, found, because, advice, quiet)


def _in_budget(influences: Mapping[str, Influence], found: dict[str, float]) -> Diagnosis:
    """Nothing was found, as far as anything was looked for."""
    unknown = [n for n, known in influences.items() if not (known.average and known.attack)]
    if unknown:
        return Diagnosis(
            "unknown",
            found,
            f"no average and attack is known for {', '.join(unknown)}: "
            f"{influences[unknown[0]].attack.how or influences[unknown[0]].average.how}",
            "choose observables that every sample has, or look at more samples",
        )
    proof = found["certificate"] <= 1 and all(i.certificate for i in influences.values())
    return Diagnosis(
        "none",
        found,
        "no attack breaks the budget on any sample"
        + (", and it is proved that none can where the certificate holds" if proof else ""),
        "nothing needs to change" if proof else "a longer attack may still find something",
    )


def _named(
    flow: Flow,
    cutoff: float,
    theory: Theory,
    budget: Mapping[str, float],
    found: dict[str, float],
    quiet: bool,
) -> tuple[Fault, str, str]:
    """Fault, reason and advice, from samples that are moved out of the budget."""
    fading = _shrunk(theory, flow.scheme.coarsen(theory, cutoff), budget, found)
    if fading is not None and fading.dangerous and found["effect left"] > 1:
        return (
            "dangerously irrelevant",
            f"at 1/{1 / SHRUNK[-1]:.0f} of its size what is neglected still moves an observable "
            f"by {found['effect left']:.2g} tolerances: {fading}",
            "do not judge by size: keep what the effect comes from, or bound the gain",
        )
    orders = {"given": flow.scheme, **flow.scheme.alternatives(theory, cutoff)}
    why = "" if {"reversed", "own"} <= set(orders) else "this scheme knows of none"
    try:
        found |= {} if why else _orders(theory, flow.scale.cutoffs, orders, budget, largest=quiet)
    except ObservableError as error:  # such as an observable without a gradient
        why = str(error)
    if why:
        return (
            "unknown",
            f"the neglected features matter, and there is no other order to compare with: {why}",
            "cut later, or try a scheme that orders features by relevance",
        )
    return _compared(flow.scale.cutoffs, cutoff, found)


def _compared(
    cutoffs: Sequence[float], cutoff: float, found: Mapping[str, float]
) -> tuple[Fault, str, str]:
    """The same from what each order needs and loses."""
    given, own, reverse = (found[f"needed, {name} order"] for name in ("given", "own", "reversed"))
    opposite = min(reverse, found.get("needed, half reversed order", math.inf))
    lost, instead = (found[f"mean change, {name} order"] for name in ("given", "reversed"))
    if cutoffs.index(given) >= cutoffs.index(cutoff):
        return (
            "unknown",
            "a search breaks the budget, and this scheme cannot compare orders on what it found",
            "keep the directions along which the observable is steep, or monitor the tail",
        )
    if instead < (1 - 1e-6) * lost or (opposite < given and opposite <= WASTE * own):
        return (
            "wrong direction",
            "what the scheme puts last is what the observables need first",
            "reverse the order of what is neglected, or order by the observables' gradient",
        )
    if given > WASTE * own or given == cutoffs[0] > own:
        return (
            "misaligned relevance",
            f"the scheme must keep {given:g} features where {own:g} would do",
            "order by the observables' gradient",
        )
    return (
        "mistuned cutoff",
        f"the order is right, but the budget needs {given:g} features, not {cutoff:g}",
        f"cut at {given:g}",
    )


def _shrunk(
    theory: Theory, level: EffectiveTheory, budget: Mapping[str, float], found: dict[str, float]
) -> Danger | None:
    """How the largest effect of the neglected part falls as that is scaled down.

    Of the observable that is moved most at the smallest size, of those in danger if any are; None
    for features that cannot be scaled.
    """
    if level.raised is None:
        return None
    cut = level.lift()
    own = {name: theory.features[name] for name in cut}
    if not all(x.is_floating_point() for x in own.values()):
        return None
    effects: dict[str, list[float]] = {name: [] for name in budget}
    observables = [theory.observable(name) for name in budget]
    with torch.no_grad():
        before = together(observables, cut)
        for size in SHRUNK:
            part = {name: cut[name] + size * (x - cut[name]) for name, x in own.items()}
            for name, values in together(observables, part).items():
                change = float((values.double() - before[name].double()).abs().max())
                effects[name].append(change if change > float(rounding(before[name])) else 0.0)
    dangers = {name: danger(SHRUNK, row) for name, row in effects.items()}
    left = {name: _share(row[-1], budget[name]) for name, row in effects.items()}
    chosen = max(budget, key=lambda name: (dangers[name].dangerous and left[name] > 1, left[name]))
    found |= {"effect left": left[chosen], "exponent of the effect": dangers[chosen].exponent}
    return dangers[chosen]


def _orders(
    theory: Theory,
    cutoffs: Sequence[float],
    orders: Mapping[str, Scheme],
    budget: Mapping[str, float],
    *,
    largest: bool,
) -> dict[str, float]:
    """For each order the features that the budget needs, and the mean change over the flow."""
    found, lost = {}, _BROKEN if largest else _LOST
    for name, scheme in orders.items():
        levels = [scheme.coarsen(theory, cutoff) for cutoff in cutoffs]
        by_name = mean_changes(theory, levels, list(budget), largest=largest)
        rows = ([_share(c, budget[n]) for c in row] for n, row in by_name.items())
        changes = [max(column) for column in zip(*rows, strict=True)]
        found[f"needed, {name} order"] = first_within(cutoffs, changes, 1.0)
        found[f"mean change, {name} order"] = sum(min(c, lost) for c in changes) / len(changes)
    return found


def mean_changes(
    theory: Theory,
    levels: Sequence[EffectiveTheory],
    names: Sequence[str],
    *,
    largest: bool = False,
) -> dict[str, list[float]]:
    """Mean absolute change of each observable at each level from its value in the theory.

    Or the `largest` of all samples.

    What "average" is in an `Influence`, without the price of the other three.
    """
    changes: dict[str, list[float]] = {name: [] for name in names}
    with torch.no_grad():
        observables = [theory.observable(name) for name in names]
        exact = together(observables, theory.features)
        for level in levels:
            for name, values in together(observables, level.lift()).items():
                change = (values.double() - exact[name].double()).abs()
                changes[name].append(float(change.max() if largest else change.mean()))
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
