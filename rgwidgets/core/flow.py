"""Flows: effective theories indexed by cutoff, computed when looked at, remembered, savable."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from .. import _hooks
from . import dataset, record
from .diagnosis import Diagnosis, diagnose
from .errors import BudgetError
from .level import MEANS, Level, check_budget, picture
from .numeric import instance, real
from .progress import track
from .rare import Rare, how_rare
from .relevance import Relevance
from .scale import Scale
from .scheme import Scheme
from .share import CONFIDENCE
from .theory import EffectiveTheory, Theory
from .turns import Turns

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]
    import xarray as xr


class FlowTable(ABC):
    """What live and recorded flows share: levels by cutoff, a budget, and ways out."""

    scale: Scale
    title: str
    citation: str
    palette: str
    #: labels of the flows that this one puts side by side, if it does: see `Comparison`
    members: tuple[str, ...] = ()

    @abstractmethod
    def level(self, cutoff: float) -> Level:
        """The numbers of one level; raises `CutoffError` for a cutoff off the scale."""

    @abstractmethod
    def computed(self, cutoff: float) -> Level | None:
        """The level if it is known already."""

    @abstractmethod
    def picture(self, cutoff: float) -> NDArray[np.generic] | None:
        """One picture (y, x) of that scale, without measuring bounds; None where it has none."""

    @abstractmethod
    def relevance(self, cutoff: float) -> Relevance | None:
        """The order of the features at that scale, without measuring bounds."""

    @abstractmethod
    def to_xarray(self) -> xr.Dataset:
        """The whole flow as a dataset along `cutoff`, with units and citation in attributes."""

    @property
    @abstractmethod
    def tolerances(self) -> Mapping[str, float | None]:
        """Each observable's own tolerance."""

    @property
    @abstractmethod
    def units(self) -> Mapping[str, str]:
        """Each observable's unit."""

    def rare(self, cutoff: float) -> Mapping[str, Rare]:
        """How rarely what is neglected moves each observable far, where that is known."""
        return self.level(cutoff).rare

    def __len__(self) -> int:
        return len(self.scale)

    def cutoff(
        self,
        budget: Mapping[str, float] | None = None,
        *,
        by: str = "certificate",
        share: float = 0.0,
        confidence: float = CONFIDENCE,
    ) -> float:
        """The coarsest cutoff that keeps every observable in budget.

        Without a share it is a statement about these samples: none of them may be over its
        tolerance by attack or certificate; by average and resample the mean may not. With a share
        it is one about all that are like them: at the stated confidence at most so large a share
        of new samples is over, of any observable. Then every finer cutoff keeps it too, tested
        from the finest on, so that the choice among cutoffs costs no confidence (fixed sequence
        testing; A. N. Angelopoulos et al., arXiv:2110.01052).

        Parameters
        ----------
        budget
            {observable: tolerance}; the observables' own tolerances if None.
        by
            Which number must stay within the tolerance: "certificate" (nothing in the fibre can
            break the budget), "attack" (nothing that was found breaks it), "average", "resample".
        share
            Of new samples that may be over, in [0, 1).
        confidence
            Of the statement about new samples, in (0, 1).

        Raises
        ------
        BudgetError
            If no cutoff keeps the budget, the budget names no observable of the flow, or a share
            is asked for of samples that say nothing of others.
        """
        wanted = check_budget(budget, self.tolerances, by)
        if real("share", share, "[0, 1)"):
            return self._cutoff_for_others(wanted, by, share, confidence)
        for cutoff in reversed(self.scale.cutoffs):
            if self.level(cutoff).within(wanted, by):
                return cutoff
        raise self._broken(wanted, f"a budget that some cutoff keeps by {by}", by)

    def _cutoff_for_others(
        self, wanted: Mapping[str, float], by: str, share: float, confidence: float
    ) -> float:
        kept = None
        for cutoff in self.scale.cutoffs:
            over = self.level(cutoff).over(wanted, by)
            if over is None:
                raise BudgetError(
                    "share",
                    given=share,
                    allowed="0: these samples say nothing of others",
                    mend="hold samples out of what directions and radius are chosen on, and take "
                    "independent ones",
                )
            if over.upper(confidence) > share:
                break
            kept = cutoff
        if kept is None:
            of = f"for {1 - share:.4g} of new samples at confidence {confidence:g}"
            raise self._broken(wanted, f"a budget that some cutoff keeps by {by} {of}", by)
        return kept

    def _broken(self, wanted: Mapping[str, float], allowed: str, by: str) -> BudgetError:
        means = any(
            getattr(influence, by).statistic == "mean"
            for influence in self.level(self.scale.cutoffs[0]).influences.values()
        )
        if by not in MEANS and means:
            mend = "compute the flow again: this record kept means alone, which promise nothing"
        else:
            mend = "widen the budget" + ("" if by != "certificate" else ", or ask by='attack'")
        return BudgetError("budget", given=wanted, allowed=allowed, mend=mend)

    def to_pandas(self) -> pd.DataFrame:
        """One row for each cutoff and observable, with values, errors, bounds and kinds."""
        return dataset.tidy(self.to_xarray())

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the flow as a Zarr store: a folder, or one file if `path` ends in .zip.

        The record appears whole or not at all: it is written beside and renamed, and what was
        there before stays until then. Raises `StorageError` if it cannot be written, or if there
        is something that is no record of this project; `ParameterError` for what is no path.

        The record carries the page that shows it, so that JupyterLab opens it without a kernel.
        Where no page can be made, the numbers are saved without it, with a `UserWarning`.
        """
        return record.save(self.to_xarray(), path, page=_page_of(self))


def _page_of(flow: FlowTable) -> bytes | None:
    """What shows the flow without Python; None with a warning if it cannot be made."""
    if _hooks.page is None:
        return None
    try:
        page = _hooks.page(flow)
    except Exception as error:  # of whatever draws: the numbers must not be lost for a picture
        reason = f"{type(error).__name__}: {error}"
    else:
        if len(page) <= record.PAGE_LIMIT:
            return page
        reason = f"it would take {len(page)} bytes of {record.PAGE_LIMIT}"
    warnings.warn(
        f"The record has no page that shows it in JupyterLab ({reason}); all numbers are saved. "
        "Open it in Python: rg.Lens(rg.Flow.load(path)).",
        stacklevel=3,
    )
    return None


class Flow(FlowTable):
    """The effective theories of one theory under one scheme, from UV to IR.

    Parameters
    ----------
    theory, scheme
        What is coarse-grained, and how.
    cutoffs
        Only these of the cutoffs that the scheme admits.

    Raises
    ------
    CutoffError
        If a cutoff is not one of the scheme's.

    Examples
    --------
    >>> from rgwidgets.core.theory import Theory
    >>> from rgwidgets.schemes.migdal_kadanoff import MigdalKadanoff
    >>> flow = Flow(Theory(couplings={"K": 0.3}), MigdalKadanoff())
    >>> [round(float(flow[b].couplings["K"]), 4) for b in flow.scale.cutoffs[:3]]
    [0.3, 0.2968, 0.2916]
    """

    def __init__(
        self, theory: Theory, scheme: Scheme, *, cutoffs: Sequence[float] | None = None
    ) -> None:
        mend = "rg.Flow(theory, rg.BlockSpin(2)), say"
        self.theory = instance("theory", theory, Theory, "a Theory", mend=mend)
        self.scheme = instance("scheme", scheme, Scheme, "a scheme", mend=mend)
        admitted = scheme.scale(theory)
        self.scale = admitted if cutoffs is None else admitted.select(cutoffs)
        self.title = " · ".join(
            part for part in (theory.name, scheme.name.replace("_", " ")) if part
        )
        self.citation = scheme.citation
        self.palette = str(theory.attrs.get("palette", "sequential"))
        self._effective: dict[float, EffectiveTheory] = {}
        self._levels: dict[float, Level] = {}
        self._rare: dict[float, Mapping[str, Rare]] = {}
        self._coarsening, self._measuring = Turns(), Turns()  # a picture need not wait for bounds

    def __copy__(self) -> Self:
        """The same theory and scheme, which are frozen, and what is known by now."""
        made = type(self).__new__(type(self))
        vars(made).update(vars(self))
        for known in ("_effective", "_levels", "_rare"):
            setattr(made, known, dict(getattr(self, known)))
        made._coarsening, made._measuring = Turns(), Turns()
        return made

    def __deepcopy__(self, _: object) -> Self:
        return self.__copy__()

    def __reduce__(self) -> tuple[type[RecordedFlow], tuple[xr.Dataset]]:
        """Pickled as its numbers, which are computed first: a theory's functions are code."""
        return RecordedFlow, (self.to_xarray(),)

    def __repr__(self) -> str:
        known = len(self._effective)
        return f"Flow({self.title}: {len(self)} cutoffs of {self.scale.name}, {known} computed)"

    def __iter__(self) -> Iterator[EffectiveTheory]:
        return (self[cutoff] for cutoff in self.scale.cutoffs)

    def __getitem__(self, cutoff: float) -> EffectiveTheory:
        """The effective theory at `cutoff`, computed once."""
        cutoff = self.scale.check(cutoff)
        return self._coarsening.once(
            self._effective, cutoff, lambda: self.scheme.coarsen(self.theory, cutoff)
        )

    def level(self, cutoff: float) -> Level:
        """The numbers of one level, bounds included, computed once."""
        cutoff = self.scale.check(cutoff)
        return self._measuring.once(
            self._levels, cutoff, lambda: replace(Level.of(self[cutoff]), cutoff=cutoff)
        )

    def rare(self, cutoff: float) -> Mapping[str, Rare]:
        """How rarely what is neglected moves each observable far, computed once, when asked.

        It takes seconds; from then on the level, and records, have it. Empty where the scheme
        states no law of what it neglects, or nothing is neglected.
        """
        cutoff = self.scale.check(cutoff)
        level = self.level(cutoff)
        found = self._measuring.once(self._rare, cutoff, lambda: how_rare(self[cutoff]))
        if level.rare is not found:
            self._levels[cutoff] = replace(level, rare=found)
        return found

    def diagnose(self, cutoff: float, budget: Mapping[str, float] | None = None) -> Diagnosis:
        """Which of the failure modes, if any, this flow shows at `cutoff`: see `diagnosis`."""
        return diagnose(self, cutoff, budget)

    def computed(self, cutoff: float) -> Level | None:
        """The level if it is known already."""
        return self._levels.get(self.scale.check(cutoff))

    def picture(self, cutoff: float) -> NDArray[np.generic] | None:
        """One picture (y, x) of that scale, without measuring bounds; None where it has none."""
        return picture(self[cutoff])

    def relevance(self, cutoff: float) -> Relevance | None:
        """The order of the features at that scale, without measuring bounds."""
        return self[cutoff].relevance

    @property
    def tolerances(self) -> Mapping[str, float | None]:
        """Each observable's own tolerance."""
        return {o.name: o.tolerance for o in self.theory.observables}

    @property
    def units(self) -> Mapping[str, str]:
        """Each observable's unit."""
        return {o.name: o.unit for o in self.theory.observables}

    def to_xarray(self) -> xr.Dataset:
        """Compute what is missing and return the whole flow as a dataset."""
        levels = [
            self.level(cutoff)
            for cutoff in track(self.scale.cutoffs, label=f"coarse-graining {self.theory.name}")
        ]
        return dataset.from_levels(
            levels,
            self.scale,
            self.tolerances,
            self.units,
            title=self.title,
            scheme=self.scheme.name,
            citation=self.citation,
            palette=self.palette,
        )

    @staticmethod
    def load(path: str | PathLike[str]) -> RecordedFlow:
        """Open a saved flow; raises `RecordError` if it is missing, truncated or hostile."""
        return RecordedFlow(record.load(path))


class RecordedFlow(FlowTable):
    """A flow from a record: every number, no tensors, nothing to compute."""

    def __init__(self, data: xr.Dataset) -> None:
        self._data = dataset.checked(data)
        self.scale = dataset.scale_of(data)
        self.title = str(data.attrs["title"])
        self.citation = str(data.attrs.get("citation", ""))
        self.palette = str(data.attrs.get("palette", "sequential"))
        self.members = tuple(str(data.attrs.get("members", "")).splitlines())
        self._levels = {level.cutoff: level for level in dataset.to_levels(data)}

    def __repr__(self) -> str:
        return f"RecordedFlow({self.title}: {len(self)} cutoffs of {self.scale.name})"

    def level(self, cutoff: float) -> Level:
        """The numbers of one level."""
        return self._levels[self.scale.check(cutoff)]

    def computed(self, cutoff: float) -> Level | None:
        """The level: all are known."""
        return self.level(cutoff)

    def picture(self, cutoff: float) -> NDArray[np.generic] | None:
        """One picture (y, x) of that scale; None where it has none."""
        return self.level(cutoff).field

    def relevance(self, cutoff: float) -> Relevance | None:
        """The order of the features at that scale."""
        return self.level(cutoff).relevance

    @property
    def tolerances(self) -> Mapping[str, float | None]:
        """Each observable's own tolerance."""
        return dataset.tolerances_of(self._data)

    @property
    def units(self) -> Mapping[str, str]:
        """Each observable's unit."""
        return dataset.units_of(self._data)

    def to_xarray(self) -> xr.Dataset:
        """The dataset as it was recorded; a copy, so that the record stays as it is."""
        return self._data.copy(deep=True)
