"""The tables of a report: everything that can be told about a view at a cutoff."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..core.bounds import Bound, Influence, statistics
from ..core.comparison import JOINT, Comparison
from ..core.errors import BudgetError, RGError
from ..core.estimate import Estimate
from ..core.level import CURVES

if TYPE_CHECKING:
    from .view import View

_RARE = "How rare"
#: How many features are listed by name.
_LISTED = 8


@dataclass(frozen=True)
class Section:
    """A table with what it means.

    Attributes
    ----------
    title, note
        Its heading, and a sentence for a reader who does not know the field.
    header, rows
        The table, as it is read; no rows where the note says why.
    """

    title: str
    note: str
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def everything(view: View, cutoff: float) -> list[Section]:
    """All tables of one view; what cannot be measured says why."""
    return [
        _budget(view),
        _of_whom(view, cutoff),
        _or_why(_RARE, lambda: _how_rare(view, cutoff)),
        _diagnosis(view, cutoff),
        *_looks(view, cutoff),
    ]


def written(bound: Bound) -> str:
    """A bound as a reader meets it: its number with its error, or none.

    >>> written(Bound(0.0089213, "measured", error=0.0003))
    '0.0089 ± 0.0003'
    """
    if not bound:
        return "none"
    if not bound.error or bound.error < 1e-4 * bound.value:  # its digits would say nothing
        return f"{bound.value:.3g}"
    return str(Estimate(bound.value, bound.error))


#: By what, and for which share of new inputs, one asks how far one may cut, and how it is headed.
_ASKED = (
    ("average", 0.0, "mean, by average"),
    ("attack", 0.0, "each, by attack"),
    ("certificate", 0.0, "each, by certificate"),
    ("certificate", 0.01, "99 % of new, by certificate"),
    ("certificate", 0.05, "95 % of new, by certificate"),
)


def _budget(view: View) -> Section:
    crossovers, rows = view.crossovers(), []
    for name, tolerance in view.tolerances.items():
        if tolerance is not None:
            found = [_coarsest(view, name, tolerance, by, share) for by, share, _ in _ASKED]
            allowed = f"{tolerance:g} {view.units[name]}".strip()
            rows.append((name, allowed, f"{crossovers[name]:g}", *found))
    if not rows:
        return Section("How far one may cut", "No observable has a tolerance.")
    return Section(
        "How far one may cut",
        f"The coarsest {view.scale.name} that stays within the tolerance: in the mean over inputs "
        "by average, for each of them by attack and by certificate, and by certificate for so "
        "large a share of inputs like them, at 95 % confidence. A mean lets one cut further than "
        "an adversary does; only a certificate is a promise. The observable turns where the mean "
        "change passes the tolerance for the first time.",
        ("observable", "tolerance", "turns at", *(heading for *_, heading in _ASKED)),
        tuple(rows),
    )


def _coarsest(view: View, name: str, tolerance: float, by: str, share: float) -> str:
    try:
        cutoff = view.cutoff({name: tolerance}, by=by, share=share)
    except BudgetError:
        return "none"
    return f"{cutoff:g}" + ", nothing cut" * (cutoff == view.scale.cutoffs[0])


def _of_whom(view: View, cutoff: float) -> Section:
    """What the changes of all inputs come to."""
    rows = []
    for name, influence in view.level(cutoff).influences.items():
        tolerance = view.tolerances[name]
        for curve in CURVES:
            bound = getattr(influence, curve)
            if bound.each is not None:
                found = statistics(bound.each, tolerance)
                numbers = [f"{found[part]:.3g}" for part in ("mean", "median", "high", "largest")]
                over = None if tolerance is None else bound.over(tolerance)
                new = f"{over.upper():.2g}" if over and influence.fresh else "nothing said"
                rows.append((name, curve, *numbers, str(over or "no tolerance"), new))
    return Section(
        f"Of whom, at {view.scale.symbol} = {cutoff:g}",
        "The change of each input by itself, from the least to the most that is known of the worst "
        "case. The last column bounds the share of new inputs that are over, at 95 % confidence.",
        ("observable", "by", "mean", "median", "95 %", "largest", "over tolerance", "new, at most"),
        tuple(rows),
    )


def _how_rare(view: View, cutoff: float) -> Section:
    """What lies between the mean and the worst case."""
    found = view.rare(cutoff)
    if not found:
        return Section(_RARE, "Nothing is neglected, or no law is stated of what is.")
    rows = []
    for name, curve in found.items():
        tolerance, unit = view.tolerances[name], view.units[name]
        over = "no tolerance" if not tolerance else str(curve.at(min(tolerance, curve.end)))
        far = [f"{curve.quantile(p):.3g} {unit}".strip() for p in (0.01, curve.floor)]
        rows.append((name, over, *far, f"{curve.floor:.0e}"))
    law = next(iter(found.values()))
    return Section(
        _RARE,
        "Between the mean and the worst case: how probable it is that a tail drawn at random moves "
        f"an observable by more than its tolerance, and by how much the rarest do, {law.quantifier}"
        f". {law.how.capitalize()}.",
        (
            "observable",
            "over tolerance with probability",
            "once in 100, by",
            "at the floor, by",
            "floor",
        ),
        tuple(rows),
    )


def _diagnosis(view: View, cutoff: float) -> Section:
    title = f"Diagnosis at {view.scale.symbol} = {cutoff:g}"

    def told() -> Section:
        found = view.diagnose(cutoff)
        rows = tuple((name, f"{value:.3g}") for name, value in found.evidence.items())
        header = ("evidence", "value: changes in tolerances, needs in features")
        return Section(title, f"{found}.", header, rows)

    return _or_why(title, told)


def _looks(view: View, cutoff: float) -> list[Section]:
    """Everything else that can be told at a cutoff; what cannot says why."""
    return [
        _or_why("Features in order of relevance", lambda: _features(view)),
        _or_why("Separation of scales", lambda: _separation(view, cutoff)),
        _or_why("Locality", lambda: _locality(view, cutoff)),
        _or_why("Stability", lambda: _stability(view, cutoff)),
    ]


def _or_why(title: str, look: Callable[[], Section]) -> Section:
    try:
        return look()
    except RGError as reason:
        return Section(title, f"Not measured: {reason.message}.")


def _features(view: View) -> Section:
    order = view.relevance(view.scale.cutoffs[0])
    assert order is not None
    quantity = f"{order.quantity} / {order.unit}" if order.unit else order.quantity
    rows = [[n, f"{v:.3g}"] for n, v in zip(order.names, order.values, strict=True)][:_LISTED]
    header, note = ["feature", quantity], ""
    try:
        found = view.susceptibility()
    except RGError as reason:
        note = f"Susceptibilities were not measured: {reason.message}. "
    else:
        header += [f"moves {name} by" for name in found.observables]
        for i, row in enumerate(rows):
            row += [
                str(Estimate(float(v[i]), float(e[i])))
                for v, e in zip(found.value, found.error, strict=True)
            ]
    cliffs = order.cliffs()
    steps = ", ".join(map(str, cliffs[:12])) + (" …" if len(cliffs) > 12 else "")
    note += (
        f"The first {len(rows)} of {len(order)}. One standard deviation along a feature moves an "
        f"observable by so much, to first order. Cliffs of the spectrum: {steps or 'none'}."
    )
    return Section(
        "Features in order of relevance", note, tuple(header), tuple(tuple(r) for r in rows)
    )


def _separation(view: View, cutoff: float) -> Section:
    found = view.separation(cutoff)
    rows = (
        ("gap ln(λ_r / λ_r+1)", f"{found.gap:.3g}" + (", a cliff" if found.cliff else "")),
        ("dependence of fine on distant fine, given coarse", f"{found.dependence:.3g}"),
        ("the same with samples shuffled (control)", str(found.control)),
    )
    apart = "more than chance gives" if found.excess > 3 else "no more than chance gives"
    return Section(
        "Separation of scales",
        f"Given the coarse features, near and distant fine features share {apart} "
        f"({found.excess:.1f} σ).",
        ("quantity", "value"),
        rows,
    )


def _locality(view: View, cutoff: float) -> Section:
    rows, said = [], dict[str, str]()
    for name in view.tolerances:
        try:
            found = view.locality(cutoff, name)
        except RGError as reason:
            said.setdefault(reason.message, name)
            continue
        rows.append((name, str(found.before), str(found.after), f"{found.control:.3g}"))
    note = "".join(f" {name}: {why}." for why, name in said.items())
    if not rows:
        return Section("Locality", f"Not measured:{note}")
    return Section(
        "Locality",
        "How far interactions between positions reach, in positions: the mean distance of pairs, "
        f"weighted by how much moving one changes the gradient at the other.{note}",
        ("observable", "before the cut", "after", "if distance did not matter (control)"),
        tuple(rows),
    )


def _stability(view: View, cutoff: float) -> Section:
    found = view.stability(cutoff)
    rows = (
        ("two halves of the samples", str(found.overlap)),
        ("two random subspaces (control)", f"{found.control.value:.3g}"),
    )
    return Section(
        "Stability",
        "Overlap of the subspaces of that rank: 1 if they are the same, 0 if they are orthogonal.",
        ("between", "overlap"),
        rows,
    )


def side_by_side(both: Comparison, cutoff: float) -> Section:
    """The members of a comparison at the cutoff that is nearest."""
    at = min(both.scale.cutoffs, key=lambda c: abs(c - cutoff))
    influences = both.level(at).influences
    rows = tuple(
        (name, *(written(getattr(i, by)) for by in ("average", "attack", "certificate")))
        for name, i in influences.items()
    )
    return Section(
        f"Side by side at {both.scale.symbol} = {at:g}",
        " ".join(_ratios(both, influences)),
        ("observable · features", "mean change", "largest, attacked", "largest, proved"),
        rows,
    )


def _ratios(both: Comparison, influences: Mapping[str, Influence]) -> list[str]:
    """For each observable the member that resists the attack best, and by how much."""
    said = []
    for observable in dict.fromkeys(name.rpartition(JOINT)[0] for name in influences):
        attacks = {
            member: influences[observable + JOINT + member].attack.value
            for member in both.members
            if observable + JOINT + member in influences
        }
        known = {member: value for member, value in attacks.items() if value > 0}
        if len(known) < 2:
            continue
        best = min(known, key=lambda member: known[member])
        shares = ", ".join(
            f"{known[best] / value:.2g} of {member}'s"
            for member, value in known.items()
            if member != best
        )
        said.append(f"Under attack {observable} moves least with {best}: {shares}.")
    return said
