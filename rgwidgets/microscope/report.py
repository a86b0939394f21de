"""What the microscope saw, as one page for people who were not there."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from .._version import __version__
from ..core.bounds import Bound, Influence
from ..core.comparison import JOINT, Comparison
from ..core.errors import BudgetError, RGError
from ..core.estimate import Estimate
from ..core.files import write_whole
from ..core.flow import FlowTable
from ..schemes.subspace import feature_of

if TYPE_CHECKING:
    from .view import View

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


@dataclass(frozen=True, eq=False)
class Report:
    """Method, numbers and caveats of one look through the microscope.

    Attributes
    ----------
    title, headline
        What was looked at, and the result in two sentences.
    cutoff
        The cutoff that the report is about.
    influences
        {observable: the four numbers there}.
    sections, method, caveats
        Tables, and sentences.
    flows
        {heading: flow} of the lenses in the page.
    """

    title: str
    headline: str
    cutoff: float
    influences: Mapping[str, Influence]
    sections: tuple[Section, ...]
    method: tuple[str, ...]
    caveats: tuple[str, ...]
    flows: Mapping[str, FlowTable]

    def __str__(self) -> str:
        return f"{self.title}\n{self.headline}"

    def to_dict(self) -> dict[str, object]:
        """The headline and the four numbers of each observable, for JSON; None where there is none.

        Bounds are [value, standard error, kind].
        """
        curves = ("average", "resample", "attack", "certificate")
        bounds = {
            name: {curve: _plain(getattr(influence, curve)) for curve in curves}
            for name, influence in self.influences.items()
        }
        return {
            "title": self.title,
            "headline": self.headline,
            "cutoff": self.cutoff,
            "bounds": bounds,
            "caveats": list(self.caveats),
        }

    def to_html(self) -> str:
        """One page with the lenses in it, which needs no kernel, no network and no other file.

        Raises `BundleError` if the browser bundle is not installed.
        """
        from .page import page  # the browser bundle is needed for pages only

        return page(self)

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the page, whole or not at all; raises `StorageError` where that fails."""
        target = Path(path)
        write_whole(target, self.to_html().encode())
        return target


def report(
    view: View,
    cutoff: float | None = None,
    *,
    against: Mapping[str, View] | None = None,
    label: str = "",
) -> Report:
    """Look at everything that can be told about a view at a cutoff: see `View.report`."""
    at = _interesting(view) if cutoff is None else view.scale.check(cutoff)
    level = view.level(at)
    flows: dict[str, FlowTable] = {"The dial": view}
    sections = [_budget(view), _diagnosis(view, at), *_looks(view, at)]
    if against:
        both = Comparison({label or _label(view): view, **against})
        flows["Side by side"] = both
        sections.append(_comparison(both, at))
    return Report(
        view.title,
        _headline(view, at, level.influences),
        at,
        level.influences,
        tuple(sections),
        _method(view, level.influences),
        _caveats(view, level.influences),
        flows,
    )


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


def _plain(bound: Bound) -> list[float | str | None]:
    value = bound.value if math.isfinite(bound.value) else None
    return [value, bound.error, bound.kind]


def _label(view: View) -> str:
    return view.scheme.name.replace("_", " ")


def _interesting(view: View) -> float:
    """Where an average would let one cut; half way where no budget says so."""
    try:
        return view.cutoff(by="average")
    except BudgetError:
        return view.scale.cutoffs[len(view.scale) // 2]


def _headline(view: View, cutoff: float, influences: Mapping[str, Influence]) -> str:
    kept = view[cutoff].attrs.get("kept_variance")
    share = f" ({kept:.1%} of the variance)" if isinstance(kept, float) else ""
    said = [f"Kept: {cutoff:g} of {view.scale.cutoffs[0]:g} {view.scale.unit}{share}."]
    for name, influence in influences.items():
        certificate = influence.certificate
        proved = f"{certificate.value:.3g}, proved" if certificate else "none"
        said.append(
            f"What was cut moves {name} by {written(influence.average)} on average and by "
            f"{written(influence.attack)} under attack; certificate: {proved}."
        )
    return " ".join(said)


def _budget(view: View) -> Section:
    crossovers = view.crossovers()
    rows = []
    for name, tolerance in view.tolerances.items():
        if tolerance is None:
            continue
        found = [
            _coarsest(view, name, tolerance, by) for by in ("average", "attack", "certificate")
        ]
        rows.append(
            (name, f"{tolerance:g} {view.units[name]}".strip(), f"{crossovers[name]:g}", *found)
        )
    return (
        Section(
            "How far one may cut",
            f"The coarsest {view.scale.name} at which each number stays within the tolerance. An "
            "average lets one cut further than an adversary does; only a certificate is a promise. "
            f"The observable turns where the change passes the tolerance for the first time.",
            ("observable", "tolerance", "turns at", "by average", "by attack", "by certificate"),
            tuple(rows),
        )
        if rows
        else Section("How far one may cut", "No observable has a tolerance.")
    )


def _coarsest(view: View, name: str, tolerance: float, by: str) -> str:
    try:
        return f"{view.cutoff({name: tolerance}, by=by):g}"
    except BudgetError:
        return "none"


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


def _comparison(both: Comparison, cutoff: float) -> Section:
    at = min(both.scale.cutoffs, key=lambda c: abs(c - cutoff))
    influences = both.level(at).influences
    rows = tuple(
        (name, *(written(getattr(i, by)) for by in ("average", "attack", "certificate")))
        for name, i in influences.items()
    )
    return Section(
        f"Side by side at {both.scale.symbol} = {at:g}",
        " ".join(_ratios(both, influences)),
        ("observable · features", "average", "attack", "certificate"),
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


def _method(view: View, influences: Mapping[str, Influence]) -> tuple[str, ...]:
    theory = view.theory
    feature = feature_of(theory)
    shape = " × ".join(map(str, theory.features[feature].shape))
    attrs = theory.attrs
    said = [
        f"{attrs.get('module', 'module')}, layer {attrs.get('layer') or 'output'}: {feature} of "
        f"{shape} ({len(theory.features[feature])} samples first, features last).",
        f"Features: {_label(view)}. {view.citation}.",
        "Each number is a mean over samples of the absolute change from the prediction at the "
        "cut point; errors are standard errors over samples.",
    ]
    hows = {
        f"{curve.capitalize()}: {getattr(i, curve).how}."
        for i in influences.values()
        for curve in ("average", "resample", "attack", "certificate")
        if getattr(i, curve)
    }
    return (*said, *sorted(hows), f"rgwidgets {__version__}, torch {torch.__version__}.")


def _caveats(view: View, influences: Mapping[str, Influence]) -> tuple[str, ...]:
    said = [
        "An attack is the worst that was found: a lower bound on the worst case.",
        "A certificate holds in the stated ball about each cut point, for these weights and "
        "samples, and for nothing else.",
    ]
    for name, influence in influences.items():
        if not influence.certificate:
            said.append(
                f"{name}: no certificate, because {influence.certificate.how}. Nothing is promised "
                "beyond the attack."
            )
        if influence.attack and influence.average and influence.average.value > 0:
            ratio = influence.attack.value / influence.average.value
            if math.isfinite(ratio) and ratio > 10:
                said.append(
                    f"{name}: the attack is {ratio:.0f} times the average. The average says "
                    "nothing about the worst case."
                )
    return tuple(said)
