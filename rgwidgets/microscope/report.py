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
from ..core.bounds import Bound, Influence
from ..core.comparison import Comparison
from ..core.errors import BudgetError
from ..core.files import check_free, place, write_whole
from ..core.flow import FlowTable
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
        tuple(sections),
        _method(view, level.influences),
        _caveats(view, level.influences),
        flows,
    )


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
