"""What the microscope sees: a flow, and what can be told about it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..core.bounds import Bound
from ..core.diagnosis import first_within, mean_changes
from ..core.errors import ParameterError
from ..core.estimate import Estimate
from ..core.flow import Flow
from ..core.level import CURVES
from ..core.numeric import whole
from ..core.outputs import OutputObservable
from ..core.progress import track
from ..core.theory import Features, Observable, Theory
from ..schemes.subspace import Spectrum, SubspaceScheme, feature_of
from .locality import Locality, locality
from .report import Report, report
from .separation import Separation, separation
from .stability import Stability, overlap
from .susceptibility import Susceptibility, susceptibility


class View(Flow):
    """A flow of one layer of a network under one family of features.

    Examples
    --------
    >>> from rgwidgets.schemes.activation_spectrum import ActivationSpectrum
    >>> x = torch.randn(400, 3, generator=torch.Generator().manual_seed(0))
    >>> theory = Theory({"activation": x * torch.tensor([9.0, 1.0, 1.0])})
    >>> view = View(theory, ActivationSpectrum())
    >>> view.stability(1).overlap.value > 0.99
    True
    """

    @property
    def spectrum(self) -> Spectrum:
        """The directions with their values; raises `ParameterError` for a family without any."""
        if not isinstance(self.scheme, SubspaceScheme):
            raise ParameterError(
                "features", given=self.scheme.name, allowed="a family of orthogonal directions"
            )
        return self.scheme.spectrum(self.theory)

    def coefficients(self) -> Tensor:
        """Every sample (and position) along every direction, (n, d), float64."""
        x = self.theory.features[feature_of(self.theory)].detach().double().flatten(0, -2)
        spectrum = self.spectrum
        return (x.to(spectrum.basis) - spectrum.mean) @ spectrum.basis

    def susceptibility(self) -> Susceptibility:
        """How far one standard deviation along each direction moves each observable."""
        spectrum = self.spectrum
        return susceptibility(self.theory, feature_of(self.theory), spectrum)

    def crossovers(self) -> dict[str, float]:
        """For each observable with a tolerance, the cutoff at which it turns.

        Down to it the cut moves the observable by no more than its tolerance on average; what is
        cut next is relevant to it.
        """
        tolerances = {name: t for name, t in self.tolerances.items() if t is not None}
        changes = mean_changes(self.theory, list(self), list(tolerances))
        return {
            name: first_within(self.scale.cutoffs, changes[name], tolerance)
            for name, tolerance in tolerances.items()
        }

    def separation(self, cutoff: float, *, width: int = 8, seed: int = 0) -> Separation:
        """Whether scales come apart at a cutoff: see `Separation`."""
        relevance = self.spectrum.relevance()
        rank = int(self.scale.check(cutoff))
        return separation(self.coefficients(), relevance, rank, width=width, seed=seed)

    def stability(self, cutoff: float, *, repeats: int = 8, seed: int = 0) -> Stability:
        """Overlap of the subspaces that two halves of the samples lead to, with its control.

        Raises `ParameterError` for fewer than four samples, a rank below 1, or a basis that was
        found in other samples.
        """
        if getattr(self.scheme, "moments", None) is not None:
            raise ParameterError(
                "stability",
                given="a basis of other samples than these",
                allowed="a scheme that finds its basis in them",
                mend="compare views of two streams by `overlap`",
            )
        chosen_on = self.theory.fitted
        n, rank = len(chosen_on.features[feature_of(chosen_on)]), int(self.scale.check(cutoff))
        if n < 4 or rank < 1:
            raise ParameterError(
                "stability",
                given=f"{n} samples at rank {rank}",
                allowed="four samples or more, at rank ≥ 1",
            )
        whole("repeats", repeats, 1, 2**20)
        generator = torch.Generator().manual_seed(whole("seed", seed, 0, 2**63 - 1))
        dimension, found = len(self.spectrum.basis), []
        for _ in track(range(repeats), label="looking again"):
            order = torch.randperm(n, generator=generator)
            halves = (restricted(chosen_on, part) for part in order.tensor_split(2))
            first, second = (View(half, self.scheme).spectrum.basis[:, :rank] for half in halves)
            found.append(float((first.T @ second).square().sum()) / rank)
        chance = Estimate(rank / dimension, 0.0)
        return Stability(_estimate(found), chance)

    def locality(
        self, cutoff: float, observable: str = "", *, distance: Tensor | None = None, seed: int = 0
    ) -> Locality:
        """How far interactions between positions reach before and after a cut: see `Locality`.

        Of the theory's first observable if none is named. Raises `ShapeError` for a layer without
        positions, `ParameterError` for an observable without interactions.
        """
        rank = int(self.scale.check(cutoff))
        first = isinstance(observable, str) and not observable
        chosen = self.theory.observables[0] if first else self.theory.observable(observable)
        feature = feature_of(self.theory)
        return locality(
            self.theory, feature, self.spectrum, rank, chosen, distance=distance, seed=seed
        )

    def report(
        self,
        cutoff: float | None = None,
        *,
        against: Mapping[str, View] | None = None,
        label: str = "",
    ) -> Report:
        """Method, numbers and caveats, with the lens in the page: `report.save("out.html")`.

        Parameters
        ----------
        cutoff
            Which cutoff it is about; the coarsest that keeps the budget on average if None.
        against
            {label: view}: other families or checkpoints, for a second lens side by side.
        label
            This view's own in that comparison; its scheme's name if empty.

        Raises
        ------
        CutoffError
            If the cutoff is off the scale, or the scales have too little in common.
        """
        return report(self, cutoff, against=against, label=label)

    def numbers(self, cutoff: float) -> dict[str, Estimate]:
        """What a sweep keeps of a view: {"loss, attack": …} for every bound that there is.

        What is proved has error 0; the largest of samples has none that is known, NaN.

        So a grid of layers, checkpoints and families is `rg.sweep(measure, grid)` with a
        `measure(layer, step, family)` that ends in `return view.numbers(cutoff)`.
        """
        return {
            f"{name}, {curve}": Estimate(bound.value, _error(bound))
            for name, influence in self.level(cutoff).influences.items()
            for curve in CURVES
            if (bound := getattr(influence, curve))
        }

    def overlap(self, other: View, cutoff: float) -> float:
        """Overlap with another view of the same samples: another layer, seed or checkpoint.

        Raises `CutoffError` if the cutoff is off either scale, `ShapeError` for other samples.
        """
        ranks = [int(view.scale.check(cutoff)) for view in (self, other)]
        return overlap(self.coefficients()[:, : ranks[0]], other.coefficients()[:, : ranks[1]])


def restricted(theory: Theory, index: Tensor) -> Theory:
    """The theory of some of the samples, in the order of their numbers (k,).

    Observables see the other samples as they are, so that those which run a network on its whole
    batch still can.

    >>> double = Observable("double", lambda f: 2 * f["x"][:, 0])
    >>> few = restricted(Theory({"x": torch.arange(4.0)[:, None]}, (double,)), torch.tensor([3, 1]))
    >>> few.samples("double")
    tensor([6., 2.])
    """

    def entire(features: Features) -> Features:
        return {
            name: full.detach().index_copy(0, index.to(full.device), features[name])
            for name, full in theory.features.items()
        }

    def of_some(observable: Observable) -> Observable:
        read = observable.smooth if isinstance(observable, OutputObservable) else observable.samples
        return Observable(
            observable.name,
            lambda f: read(entire(f))[index],
            unit=observable.unit,
            tolerance=observable.tolerance,
        )

    return Theory(
        {name: full[index] for name, full in theory.features.items()},
        tuple(of_some(o) for o in theory.observables if o.reduce is None),
        name=theory.name,
    )


def _error(bound: Bound) -> float:
    if bound.error is not None:
        return bound.error
    return 0.0 if bound.kind == "proved" else math.nan


def _estimate(values: Sequence[float]) -> Estimate:
    found = torch.tensor(values, dtype=torch.float64)
    error = float(found.std()) / math.sqrt(len(found)) if len(found) > 1 else math.nan
    return Estimate(float(found.mean()), error, samples=len(found))
