"""How a theory is made coarser."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from .errors import ParameterError
from .numeric import instance, number
from .relevance import Relevance
from .scale import Scale
from .theory import EffectiveTheory, Observable, Theory


class Scheme(ABC):
    """Maps a theory and a cutoff to an effective theory.

    Attributes
    ----------
    name, summary, citation
        What it is called, in one line what it does, and where it comes from.
    composes
        Whether coarsening twice is coarsening once by the combined cutoff (a semi-group), so that
        a flow may go on from the last level instead of starting again.
    """

    name: ClassVar[str]
    summary: ClassVar[str] = ""
    citation: ClassVar[str]
    composes: ClassVar[bool] = False

    @abstractmethod
    def scale(self, theory: Theory) -> Scale:
        """The scale on which this scheme cuts that theory, with the cutoffs that it admits."""

    @abstractmethod
    def coarsen(self, theory: Theory, cutoff: float) -> EffectiveTheory:
        """The effective theory at that cutoff; raises `CutoffError` where there is none."""

    def alternatives(self, theory: Theory, cutoff: float | None = None) -> Mapping[str, Scheme]:
        """Other orders on the same scale to judge this one by: "reversed", the observables' "own",
        and with a cutoff "half reversed", of what is neglected there. None by default."""
        return {}

    def worst(self, theory: Theory, cutoff: float, observable: Observable) -> Theory | None:
        """Other samples of a theory, which this scheme cuts in the order that it has for that one:
        each with the fine features that were found to move the observable most. None by default."""
        return None


class CouplingScheme(Scheme):
    """A scheme that maps couplings to couplings, one step of length factor `b` at a time.

    Subclasses give `b`, `coupling_names`, and `transform`: a differentiable map of a float64
    tensor (k,) of couplings to the couplings one step coarser.
    """

    composes: ClassVar[bool] = True
    b: float
    coupling_names: tuple[str, ...]
    steps: int = 12

    @abstractmethod
    def transform(self, couplings: Tensor) -> Tensor:
        """One step, shape (k,) → (k,), float64, differentiable."""

    def scale(self, theory: Theory) -> Scale:
        """Length rescaling b^k, k = 0 … `steps`."""
        return Scale("length", "b", "sites", tuple(self.b**k for k in range(self.steps + 1)))

    def vector(self, theory: Theory) -> Tensor:
        """The couplings of `theory` in the order of `coupling_names`, absent ones zero."""
        instance("theory", theory, Theory, "a Theory", mend="pass rg.Theory(couplings=…)")
        unknown = set(theory.couplings) - set(self.coupling_names)
        if unknown or not theory.couplings:
            raise ParameterError(
                f"couplings of {self.name}",
                given=sorted(theory.couplings),
                allowed=", ".join(self.coupling_names),
            )
        values = [
            number(f"coupling {name}", theory.couplings.get(name, 0.0))
            for name in self.coupling_names
        ]
        return torch.tensor(values, dtype=torch.float64)

    def coarsen(self, theory: Theory, cutoff: float) -> EffectiveTheory:
        """Apply `transform` until lengths have shrunk by `cutoff`."""
        step = self.scale(theory).index(cutoff)
        couplings = self.vector(theory)
        for _ in range(step):
            couplings = self.transform(couplings)
        return EffectiveTheory(
            couplings=dict(zip(self.coupling_names, couplings, strict=True)),
            observables=theory.observables,
            name=theory.name,
            attrs=theory.attrs,
            cutoff=cutoff,
            relevance=self._relevance(couplings),
            parent=theory,
        )

    def _relevance(self, couplings: Tensor) -> Relevance | None:
        """Local exponents ln|λ| / ln b of the flow at these couplings; None where a slope is lost.

        Couplings that have all but vanished leave no number to differentiate.
        """
        from .fixed_points import linearise

        try:
            local = linearise(self, couplings)
        except ParameterError:
            return None
        left = list(range(len(self.coupling_names)))
        names = []
        for column in local.directions.abs().T:  # each coupling names one direction
            largest = max(left, key=lambda i: float(column[i]))
            left.remove(largest)
            names.append(f"along {self.coupling_names[largest]}")
        return Relevance(tuple(names), tuple(local.exponents.tolist()), quantity="local exponent y")
