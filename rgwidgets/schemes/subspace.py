"""Keep the first r directions of an orthonormal basis: shared by the spectral schemes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from rgwidgets.bounds.fibre import SubspaceFibre
from rgwidgets.bounds.rare import rare_of
from rgwidgets.compute.moments import Moments
from rgwidgets.core.errors import ParameterError, ShapeError
from rgwidgets.core.numeric import in_double, whole
from rgwidgets.core.outputs import after
from rgwidgets.core.relevance import Relevance
from rgwidgets.core.scale import Scale
from rgwidgets.core.scheme import Scheme
from rgwidgets.core.theory import EffectiveTheory, Features, Observable, Theory

#: Up to this many directions every rank is a cutoff; beyond, four for each halving.
_EVERY_RANK = 64
#: In place of an observable's name: all of them, each in units of its tolerance.
ALL = "*"


@dataclass(frozen=True, eq=False)
class Spectrum:
    """An orthonormal basis about a mean, most relevant direction first.

    Attributes
    ----------
    mean, basis, values
        Shapes (d,), (d, k) with directions as columns, and (k,), float64; k = d where the basis
        is complete.
    quantity, unit
        What the values are.
    """

    mean: Tensor
    basis: Tensor
    values: Tensor
    quantity: str
    unit: str = ""

    def divided(self, x: Tensor, rank: int) -> tuple[Tensor, Tensor]:
        """Coefficients (…, d) of vectors x: those along the first directions, and the others."""
        coefficients = (x - self.mean) @ self.basis
        return coefficients[..., :rank], coefficients[..., rank:]

    def relevance(self) -> Relevance:
        """The directions by value."""
        names = tuple(f"direction {i + 1}" for i in range(len(self.values)))
        return Relevance(names, tuple(self.values.tolist()), quantity=self.quantity, unit=self.unit)


@dataclass(frozen=True, eq=False)
class Frame:
    """Where coefficients lie in the features of the theory that was cut first.

    Attributes
    ----------
    theory, feature
        That theory, and which of its features.
    mean, basis
        coefficients (…, r) ↦ mean (d,) + coefficients · basis (d, r)ᵀ.
    """

    theory: Theory
    feature: str
    mean: Tensor
    basis: Tensor

    def raised(self, coefficients: Tensor) -> Tensor:
        """Coefficients (…, r) as features (…, d)."""
        return self.mean + coefficients.to(self.basis) @ self.basis.T


_SPECTRA: WeakKeyDictionary[Theory, dict[SubspaceScheme, Spectrum]] = WeakKeyDictionary()


@dataclass(frozen=True)
class SubspaceScheme(Scheme):
    """Project one feature on the r most relevant directions about its mean.

    The effective features are {"coefficients": (n, …, r)} in float64; `lift` puts them back as
    the cut features. An effective theory remembers the basis in which it was cut, so cutting it
    again with the same scheme is cutting once (`composes`).

    Attributes
    ----------
    quantile
        The fibre's radius is this quantile of the norms of the discarded parts.
    steps, restarts, seed
        Effort of the attack, and the seed of its random starts and of the resampling.
    nodes
        Effort of branch and bound on each certificate (see `rgwidgets.bounds.tighten`), in bounds
        computed; 0 for none of it.
    """

    composes: ClassVar[bool] = True
    #: whether the samples stand for others that are like them
    sampled: ClassVar[bool] = True
    #: what each of them is
    noun: ClassVar[str] = "input"
    quantile: float = field(default=0.99, kw_only=True)
    steps: int = field(default=12, kw_only=True)
    restarts: int = field(default=8, kw_only=True)
    seed: int = field(default=0, kw_only=True)
    nodes: int = field(default=0, kw_only=True)

    def __post_init__(self) -> None:
        if not 0 < self.quantile <= 1:
            raise ParameterError("quantile", given=self.quantile, allowed="a number in (0, 1]")
        for name in ("steps", "restarts"):
            whole(name, getattr(self, name), 1)
        whole("nodes", self.nodes, 0)

    @abstractmethod
    def measure(self, theory: Theory, feature: str) -> Spectrum:
        """The basis of that feature of a theory."""

    def spectrum(self, theory: Theory) -> Spectrum:
        """The basis in which this scheme cuts that theory, computed once."""
        known = _SPECTRA.setdefault(theory.fitted, {})
        if self not in known:
            known[self] = self.measure(theory.fitted, feature_of(theory))
        return known[self]

    def full_rank(self, theory: Theory) -> int:
        """How many directions the basis of a theory's feature has: all d of it."""
        return theory.features[feature_of(theory)].shape[-1]

    def scale(self, theory: Theory) -> Scale:
        """Rank r from full down to 0: every rank up to 64, four for each halving beyond."""
        origin = self._origin(theory)
        feature = feature_of(theory)
        d = self.full_rank(origin)
        kept = theory.features[feature].shape[-1] if theory is not origin else d
        allowed = {float(r) for r in ranks(d) if r <= kept} | {float(kept)}
        cutoffs = sorted(allowed, reverse=True)
        return Scale("rank", "r", "directions", tuple(cutoffs), "decreasing")

    def coarsen(self, theory: Theory, cutoff: float) -> EffectiveTheory:
        """Keep the first `cutoff` directions.

        Raises
        ------
        CutoffError
            If the rank is not on the scale.
        ShapeError
            If the theory has no feature of vectors (n, …, d).
        """
        rank = int(self.scale(theory).check(cutoff))
        theory = self._origin(theory)
        feature = feature_of(theory)
        spectrum = self.spectrum(theory)
        x, others = in_double(theory.features[feature]), theory.fitted
        kept, rest = spectrum.divided(x, rank)
        chosen_on = in_double(others.features[feature])
        tails = spectrum.divided(chosen_on, rank)[1]
        basis, discarded = spectrum.basis[:, :rank], spectrum.basis[:, rank:]
        beside = {k: t for k, t in theory.features.items() if k != feature}

        def lift(features: Features) -> Features:
            raised = spectrum.mean + features["coefficients"].to(basis) @ basis.T
            return {**beside, feature: raised}

        frame = framed(theory, feature, spectrum.mean, basis)
        tail = framed(theory, feature, spectrum.mean, discarded).basis
        cut = frame.raised(kept)
        fibre = SubspaceFibre(
            frame.theory, frame.feature, cut, tail, rest, self.quantile, noun=self.noun,
            unspanned=_unspanned(chosen_on, tails) if self.sampled else "",
            norms=None if others is theory else tails.flatten(1).norm(dim=-1),
            nodes=self.nodes,
            steps=self.steps, restarts=self.restarts, seed=self.seed,
        )  # fmt: skip
        found = {"frame": frame, "fibre": fibre, "scheme": self, **_kept_variance(kept, rest)}
        return EffectiveTheory(
            {**beside, "coefficients": kept.contiguous()},
            tuple(after(o, lift) for o in theory.observables),
            name=theory.name,
            attrs={**theory.attrs, **found},
            cutoff=float(rank),
            relevance=spectrum.relevance(),
            parent=theory,
            reference=None if others is theory else self.coarsen(others, cutoff),
            influence=lambda o: fibre.influence(frame.theory.observable(o.name)),
            rare=rare_of(fibre),
            raised=lift,
        )

    def alternatives(self, theory: Theory, cutoff: float | None = None) -> Mapping[str, Scheme]:
        """The opposite order, and the order in which the observables need the directions."""
        from .gradient_spectrum import GradientSpectrum

        effort = {name: getattr(self, name) for name in ("quantile", "steps", "restarts", "seed")}
        own = GradientSpectrum(observable=ALL, **effort)
        return {**reversed_orders(self, cutoff, **effort), "own": own}

    def worst(self, theory: Theory, cutoff: float, observable: Observable) -> Theory | None:
        """Each sample with that tail which moves an observable most, of all that were looked at:
        its own, another's, or the one that an attack found.

        All orders cut it about the mean that the theory has; the observables' own is theirs there.
        """
        theory, rank = self._origin(theory), int(cutoff)
        cut, feature, spectrum = (
            self.coarsen(theory, rank),
            feature_of(theory),
            self.spectrum(theory),
        )
        fibre = cut.attrs["fibre"]
        assert isinstance(fibre, SubspaceFibre)
        tail = fibre.worst(fibre.theory.observable(observable.name))
        along = spectrum.basis[:, rank:]
        moved = cut.lift()[feature] + tail.reshape(*fibre.tails.shape) @ along.T
        other = replace(theory, features={**theory.features, feature: moved}, reference=None)
        known = _SPECTRA.setdefault(other, {self: spectrum})
        own = self.alternatives(theory)["own"]
        if isinstance(own, SubspaceScheme):
            known[own] = replace(own.spectrum(other), mean=spectrum.mean)
        return other

    def _origin(self, theory: Theory) -> Theory:
        """The theory that this scheme cut to make `theory`, or `theory` itself."""
        if isinstance(theory, EffectiveTheory) and theory.attrs.get("scheme") == self:
            return theory.parent or theory
        return theory


@dataclass(frozen=True)
class _Reversed(SubspaceScheme):
    """The same directions, beyond some the least relevant first: what a scheme must beat."""

    name: ClassVar[str] = "reversed"
    citation: ClassVar[str] = ""
    of: SubspaceScheme
    beyond: int = 0

    def full_rank(self, theory: Theory) -> int:
        return self.of.full_rank(theory)

    def measure(self, theory: Theory, feature: str) -> Spectrum:
        found, kept = self.of.spectrum(theory), self.beyond
        basis = torch.cat([found.basis[:, :kept], found.basis[:, kept:].flip(1)], 1)
        places = torch.arange(len(found.values), 0, -1).to(found.values)
        return Spectrum(found.mean, basis, places, f"place in the reverse of {found.quantity}")


def reversed_orders(
    scheme: SubspaceScheme, cutoff: float | None, **effort: Any
) -> dict[str, SubspaceScheme]:
    """A scheme's own order from its end, and where a cutoff is given from its end down to there."""
    half = {} if cutoff is None else {"half reversed": _Reversed(scheme, int(cutoff), **effort)}
    return {"reversed": _Reversed(scheme, **effort), **half}


def feature_of(theory: Theory) -> str:
    """The feature that is a vector for each sample (and position): the one to cut.

    Raises `ShapeError` if there is none, or several and none is called "activation" or
    "coefficients".
    """
    vectors = [
        name
        for name, t in theory.features.items()
        if t.is_floating_point() and t.ndim >= 2 and len(t)
    ]
    for name in ("activation", "coefficients"):
        if name in vectors:
            return name
    if len(vectors) != 1:
        shapes = {name: tuple(t.shape) for name, t in theory.features.items()}
        raise ShapeError(
            "features",
            given=shapes,
            allowed='"activation" (n, …, d), or one floating-point feature (n, …, d)',
            mend="make the theory by rgwidgets.capture",
        )
    return vectors[0]


def ordered(matrix: Tensor, covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors of a symmetric positive matrix, in descending order.

    Directions of no eigenvalue are ordered by `covariance` within their span; each column's
    largest entry is made positive.
    """
    values, vectors = torch.linalg.eigh(matrix)
    values, vectors = values.flip(0).clamp_min(0), vectors.flip(1)
    known = int((values > 1e-12 * values[:1].clamp_min(1e-300)).sum())
    null = vectors[:, known:]
    if null.shape[1]:
        _, within = torch.linalg.eigh(null.T @ covariance @ null)
        vectors = torch.cat([vectors[:, :known], null @ within.flip(1)], dim=1)
        values = torch.cat([values[:known], torch.zeros_like(values[known:])])
    largest = vectors.abs().argmax(0, keepdim=True)
    return values, vectors * vectors.gather(0, largest).sign()


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (d,) and covariance (d, d) of vectors (n, …, d) over samples and positions."""
    found = Moments.of(x)
    return found.mean, found.covariance


def framed(theory: Theory, feature: str, mean: Tensor, basis: Tensor) -> Frame:
    """The frame in the theory that was cut first, through the frame of `theory` if it has one."""
    outer = theory.attrs.get("frame")
    if isinstance(outer, Frame) and feature == "coefficients":
        return Frame(outer.theory, outer.feature, outer.raised(mean), outer.basis @ basis)
    return Frame(theory, feature, mean, basis)


def _unspanned(x: Tensor, rest: Tensor) -> str:
    """Why nothing is promised where vectors (n, …, d) have no rest because they are too few."""
    rows, d = x[..., 0].numel(), x.shape[-1]
    if rows > d or bool((rest.norm(dim=-1).max() if rest.numel() else 0) > 1e-9 * x.abs().max()):
        return ""
    return (
        f"{rows} vectors span less than {d} dimensions: nothing of them is cut here, "
        "and nothing is known of what others have there"
    )


def _kept_variance(kept: Tensor, rest: Tensor) -> Mapping[str, float]:
    total = float((kept**2).sum() + (rest**2).sum())
    return {"kept_variance": float((kept**2).sum()) / total if total else 1.0}


def ranks(d: int) -> list[int]:
    """From 0 to d: every one up to 64, four for each halving beyond."""
    return list(range(d + 1)) if d <= _EVERY_RANK else geometric(d)


def geometric(d: int) -> list[int]:
    """d, and what halves it again and again in four steps each, down to 1 and 0."""
    return sorted({0, 1, *(round(d * 2 ** (-k / 4)) for k in range(4 * d.bit_length()))})
