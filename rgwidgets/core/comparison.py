"""Several flows on one dial."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from . import dataset
from .errors import CutoffError, ParameterError
from .flow import FlowTable
from .level import Level
from .numeric import several
from .progress import track
from .relevance import Relevance
from .scale import Scale

if TYPE_CHECKING:
    import xarray as xr

#: Between an observable's name and the member's that it is of.
JOINT = " · "
_Known = TypeVar("_Known")


class Comparison(FlowTable):
    """Flows side by side at the same cutoffs: families of features, or before and after training.

    Each observable comes once for each member, as "loss · activation", with its own four bounds.

    Parameters
    ----------
    flows
        {label: flow}, or flows that are told apart by their titles.

    Raises
    ------
    ParameterError
        For fewer than two flows, or one that is no flow.
    CutoffError
        If the scales differ, or have fewer than two cutoffs in common.

    Examples
    --------
    >>> import torch
    >>> from rgwidgets.core.flow import Flow
    >>> from rgwidgets.core.theory import Observable, Theory
    >>> from rgwidgets.schemes.activation_spectrum import ActivationSpectrum
    >>> from rgwidgets.schemes.gradient_spectrum import GradientSpectrum
    >>> x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    >>> last = Observable("last", lambda f: f["activation"][:, 2], tolerance=0.1)
    >>> theory = Theory({"activation": x * torch.tensor([3.0, 2.0, 1.0])}, (last,))
    >>> both = compare({"PCA": Flow(theory, ActivationSpectrum()),
    ...                 "own": Flow(theory, GradientSpectrum())})
    >>> {name: i.attack.value < 1e-9 for name, i in both.level(1).influences.items()}
    {'last · PCA': False, 'last · own': True}
    """

    def __init__(self, flows: Mapping[str, FlowTable] | Iterable[FlowTable]) -> None:
        self.flows = _labelled(flows)
        self.scale = _common([flow.scale for flow in self.flows.values()])
        self.members = tuple(self.flows)
        self.title = f"Comparison of {', '.join(self.members)}"
        self.citation = "; ".join(dict.fromkeys(f.citation for f in self.flows.values()))
        self.palette = "sequential"

    def __repr__(self) -> str:
        return f"{self.title}: {len(self)} common cutoffs of {self.scale.name}"

    def level(self, cutoff: float) -> Level:
        """The numbers of every member at one level."""
        return self._joined({m: flow.level(cutoff) for m, flow in self.flows.items()})

    def computed(self, cutoff: float) -> Level | None:
        """The level if all members know theirs."""
        known = {m: flow.computed(cutoff) for m, flow in self.flows.items()}
        levels = {m: level for m, level in known.items() if level is not None}
        return self._joined(levels) if len(levels) == len(known) else None

    def _joined(self, levels: Mapping[str, Level]) -> Level:
        return Level(
            next(iter(levels.values())).cutoff,
            self._each({m: level.values for m, level in levels.items()}),
            self._each({m: level.influences for m, level in levels.items()}),
            rare=self._each({m: level.rare for m, level in levels.items()}),
        )

    def _each(self, known: Mapping[str, Mapping[str, _Known]]) -> dict[str, _Known]:
        """By observable first, so that what is compared stands together."""
        observables = dict.fromkeys(o for of_member in known.values() for o in of_member)
        return {
            o + JOINT + m: of_member[o]
            for o in observables
            for m, of_member in known.items()
            if o in of_member
        }

    def picture(self, cutoff: float) -> NDArray[np.generic] | None:
        """None: several flows have no picture in common."""
        return None

    def relevance(self, cutoff: float) -> Relevance | None:
        """None: several flows have no order in common."""
        return None

    @property
    def tolerances(self) -> Mapping[str, float | None]:
        """Each observable's own tolerance, once for each member."""
        return self._each({m: flow.tolerances for m, flow in self.flows.items()})

    @property
    def units(self) -> Mapping[str, str]:
        """Each observable's unit, once for each member."""
        return self._each({m: flow.units for m, flow in self.flows.items()})

    def to_xarray(self) -> xr.Dataset:
        """Compute what is missing and return all members as one dataset."""
        levels = [self.level(c) for c in track(self.scale.cutoffs, label=self.title)]
        return dataset.from_levels(
            levels,
            self.scale,
            self.tolerances,
            self.units,
            title=self.title,
            scheme="comparison",
            citation=self.citation,
            palette=self.palette,
            members="\n".join(self.members),
        )


def compare(flows: Mapping[str, FlowTable] | Iterable[FlowTable]) -> Comparison:
    """Put flows on one dial: see `Comparison`."""
    return Comparison(flows)


def _labelled(flows: Mapping[str, FlowTable] | Iterable[FlowTable]) -> dict[str, FlowTable]:
    if not isinstance(flows, Mapping):
        allowed = "flows, or {label: flow}"
        listed = several("flows", flows, allowed, mend='pass {"before": flow, "after": flow}')
        count: Counter[str] = Counter()
        labels = []
        for flow in listed:
            title = getattr(flow, "title", type(flow).__name__)
            count[title] += 1
            labels.append(title if count[title] == 1 else f"{title} {count[title]}")
        flows = dict(zip(labels, listed, strict=True))
    for label, flow in flows.items():
        if not isinstance(flow, FlowTable) or not isinstance(label, str):
            given = f"{label!r}: {type(flow).__name__}"
            raise ParameterError("flows", given=given, allowed="flows, or {label: flow}")
    if len(flows) < 2:
        raise ParameterError("flows", given=len(flows), allowed="two or more")
    return dict(flows)


def _common(scales: list[Scale]) -> Scale:
    first = scales[0]
    kinds = {(s.name, s.direction) for s in scales}
    if len(kinds) > 1:
        raise CutoffError(
            "scales",
            given=", ".join(sorted({s.name for s in scales})),
            allowed="one and the same kind",
            mend="an autoencoder's span is comparable by rank: SparseAutoencoder(…).projection()",
        )
    shared = [c for c in first.cutoffs if all(c in s.cutoffs for s in scales[1:])]
    if len(shared) < 2:
        raise CutoffError(
            "cutoffs", given=f"{len(shared)} in common", allowed="two or more in common"
        )
    return first.select(tuple(shared))
