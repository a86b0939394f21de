"""What the microscope saw, as one page for people who were not there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from .._version import __version__
from ..core.bounds import Bound, Influence, statistics
from ..core.comparison import Comparison
from ..core.errors import BudgetError
from ..core.files import check_free, place, write_whole
from ..core.flow import FlowTable
from ..core.level import CURVES
from ..core.numeric import instance
from ..schemes.subspace import feature_of
from .sections import Section, everything, side_by_side, written

if TYPE_CHECKING:
    from .view import View


@dataclass(frozen=True, eq=False)
class Report:
    """Method, numbers and caveats of one look through the microscope.

    Attributes
    ----------
    title, headline
        What was looked at, and the result in two sentences.
    cutoff
        The cutoff that the report is about.
    influences, tolerances
        {observable: the four numbers there}, and {observable: its tolerance, or None}.
    sections, method, caveats
        Tables, and sentences.
    flows
        {heading: flow} of the lenses in the page.
    """

    title: str
    headline: str
    cutoff: float
    influences: Mapping[str, Influence]
    tolerances: Mapping[str, float | None]
    sections: tuple[Section, ...]
    method: tuple[str, ...]
    caveats: tuple[str, ...]
    flows: Mapping[str, FlowTable]

    def __str__(self) -> str:
        return f"{self.title}\n{self.headline}"

    def to_dict(self) -> dict[str, object]:
        """The headline and the four numbers of each observable, for JSON; None where there is none.

        Each has its value, kind, standard error, of whom and how it is, and what the changes of
        all samples come to: see `rgwidgets.core.bounds.statistics`.
        """
        bounds = {
            name: {
                curve: _plain(getattr(influence, curve), self.tolerances[name]) for curve in CURVES
            }
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
        """Write the page, whole or not at all, to a name that ends in .html or .htm.

        Raises `ParameterError` for another name, `StorageError` if it cannot be written, or if
        there is a file that is no page of this project.
        """
        target = place(path, ".html", ".htm")
        check_free(target, "page")
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
    sections = everything(view, at)
    if against is not None and len(instance("against", against, Mapping, "{label: view}")):
        both = Comparison({label or _label(view): view, **against})
        flows["Side by side"] = both
        sections.append(side_by_side(both, at))
    return Report(
        view.title,
        _headline(view, at, level.influences),
        at,
        level.influences,
        view.tolerances,
        tuple(sections),
        _method(view, level.influences),
        _caveats(view, level.influences),
        flows,
    )


def _plain(bound: Bound, tolerance: float | None) -> dict[str, float | str | None]:
    return {
        "value": bound.value if math.isfinite(bound.value) else None,
        "kind": bound.kind,
        "error": bound.error,
        "of": bound.quantifier,
        "how": bound.how,
        **({} if bound.each is None else statistics(bound.each, tolerance)),
    }


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
        tolerance = view.tolerances[name]
        said.append(
            f"What was cut moves {name} by {written(influence.average)} in the mean. "
            f"{_under(influence.attack, tolerance, 'Under attack')}; "
            f"{_under(influence.certificate, tolerance, 'certificate')}."
        )
    return " ".join(said)


def _under(bound: Bound, tolerance: float | None, word: str) -> str:
    """The largest over samples, and how many are over the tolerance."""
    if not bound:
        return f"{word}: none"
    over = None if tolerance is None else bound.over(tolerance)
    shares = "" if over is None else f", {over} over {tolerance:g}"
    if bound.kind == "proved":
        return f"{word}: none by more than {bound.value:.3g}, proved{shares}"
    return f"{word} one input moves by {bound.value:.3g}{shares}"


def _method(view: View, influences: Mapping[str, Influence]) -> tuple[str, ...]:
    theory = view.theory
    feature = feature_of(theory)
    shape = " × ".join(map(str, theory.features[feature].shape))
    attrs = theory.attrs
    said = [
        f"{attrs.get('module', 'module')}, layer {attrs.get('layer') or 'output'}: {feature} of "
        f"{shape} ({len(theory.features[feature])} samples first, features last).",
        f"Features: {_label(view)}. {view.citation}.",
        "Each number is an absolute change from the prediction at the cut point: average and "
        "resample in the mean over inputs, with its standard error; attack and certificate the "
        "largest of them, so that they speak of each.",
    ]
    if "held_out" in attrs:
        said.append(f"{str(attrs['held_out']).capitalize()}.")
    hows = {
        f"{curve.capitalize()}: {bound.quantifier}{bound.how and '; '}{bound.how}."
        for i in influences.values()
        for curve in CURVES
        if (bound := getattr(i, curve))
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
                    f"{name}: what an attack does to one input is {ratio:.0f} times the mean "
                    "change. The mean says nothing about the worst case."
                )
    return (*said, *_of_others(influences))


def _of_others(influences: Mapping[str, Influence]) -> list[str]:
    """What is said of other inputs than these, and of which of these nothing is."""
    said, known = [], [i for i in influences.values() if i.outside and i.outside.of > 1]
    if known and not all(i.fresh for i in known):
        said.append(
            "The inputs that put the cut to the test chose it too: nothing is said of others."
        )
    for i in known[:1]:
        assert i.outside is not None
        more = f"; at most {i.outside.upper():.2g} of others, at 95 % confidence" if i.fresh else ""
        if i.outside.count:
            said.append(
                f"{i.outside} of the inputs have tails longer than the radius{more}. Attack and "
                "certificate say nothing of those tails."
            )
    return said
