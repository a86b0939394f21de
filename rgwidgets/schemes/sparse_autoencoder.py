"""Cut an activation along the latents of a sparse autoencoder that is trained on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from rgwidgets.bounds.fibre import SubspaceFibre
from rgwidgets.bounds.rare import rare_of
from rgwidgets.compute.dictionary import Dictionary, Recipe, train
from rgwidgets.core.errors import ParameterError
from rgwidgets.core.numeric import in_double, whole
from rgwidgets.core.outputs import after
from rgwidgets.core.relevance import Relevance
from rgwidgets.core.scale import Scale
from rgwidgets.core.scheme import Scheme
from rgwidgets.core.theory import EffectiveTheory, Features, Theory

from .gradient_spectrum import gradients
from .subspace import (
    Spectrum,
    SubspaceScheme,
    feature_of,
    framed,
    geometric,
    moments,
    ordered,
)

#: Up to this many latents every size is a cutoff; beyond, about as many.
_EVERY_SIZE = 40
#: Latents in the largest array of an encoding; samples are taken in pieces to keep below it.
_ROOM = 2**22
#: A latent adds a direction to the span of others if it lies at least this far out of it.
_NEW = 1e-6


@dataclass(frozen=True, eq=False)
class Ranking:
    """The latents of a dictionary from the first to be kept to the last.

    Attributes
    ----------
    order
        Their columns in the dictionary, (m,) int64.
    relevance
        The same order with values and errors.
    """

    order: Tensor
    relevance: Relevance


_DICTIONARIES: WeakKeyDictionary[Theory, dict[Recipe, Dictionary]] = WeakKeyDictionary()
_RANKINGS: WeakKeyDictionary[Theory, dict[tuple[Recipe, str], Ranking]] = WeakKeyDictionary()


@dataclass(frozen=True)
class SparseAutoencoder(Scheme):
    """Keep the m most relevant latents of a sparse dictionary of one feature.

    The dictionary is trained once for each theory, on its own samples and positions. The
    effective features are {"latents": (n, …, m)} in float64, zero but for about `active` of the
    dictionary's; `lift` gives bias + latents · decoderᵀ and nothing else, so at m = 0 the bias
    alone, which is not the mean. Relevance is the mean squared contribution of a latent,
    ⟨activation²⟩ ‖decoder‖², over samples and positions; "latent i" is column i of the decoder. A
    Matryoshka dictionary keeps its nested prefixes in their order, and within each the most
    relevant first: there the value is the largest contribution from this latent on, so that the
    order by value is the order of the cut.

    An autoencoder is no projection: what is neglected, x − lift (the discarded latents and the
    autoencoder's own error), may point anywhere, along the kept decoder directions too. The fibre
    is therefore a ball in all of R^d about the reconstruction, and its radius a quantile of the
    norms of what is neglected. It holds every configuration with the same kept latents and no
    larger a residual, and others that the encoder would tell apart: certificates hold, attacks
    are worst cases of the ball. Principal components are judged by the same rule in the span of
    what they discard, which is R^d where nothing is kept. So the two compare at equal rank, the
    dimension of the span of the kept decoder columns, `attrs["rank"]` ≤ m, as predictors of the
    observables; but a sample uses only the few latents that are active, and no cutoff reaches
    zero: the whole dictionary still has its own error. To compare the orders alone, take
    `projection()`, which is generous to the autoencoder: it refits every coefficient.

    Attributes
    ----------
    kind, latents, active, training_steps, batch, rate, groups
        How the autoencoder is trained: see `Recipe`.
    quantile
        The fibre's radius is this quantile of the norms of what is neglected, over all positions
        of a sample together.
    steps, restarts
        Effort of the attack.
    seed
        Of the training, the random starts and the resampling.

    Raises
    ------
    ParameterError
        If a number is outside what is allowed.

    Examples
    --------
    >>> x = torch.eye(6).repeat(40, 1)
    >>> scheme = SparseAutoencoder(latents=6, active=1, training_steps=300, rate=0.01)
    >>> effective = scheme.coarsen(Theory({"activation": x}), 6)
    >>> effective.features["latents"].shape, round(effective.attrs["kept_variance"], 2)
    (torch.Size([240, 6]), 1.0)
    """

    name: ClassVar[str] = "sparse_autoencoder"
    summary: ClassVar[str] = "keep the most relevant latents of a sparse dictionary"
    citation: ClassVar[str] = (
        "L. Gao et al., Scaling and evaluating sparse autoencoders, arXiv:2406.04093 (2024); "
        "B. Bussmann, P. Leask, N. Nanda, BatchTopK sparse autoencoders, arXiv:2412.06410 (2024); "
        "B. Bussmann et al., Learning multi-level features with Matryoshka sparse autoencoders, "
        "arXiv:2503.17547 (2025)"
    )
    composes: ClassVar[bool] = False
    kind: str = "topk"
    latents: int = field(default=256, kw_only=True)
    active: int = field(default=8, kw_only=True)
    training_steps: int = field(default=1000, kw_only=True)
    batch: int = field(default=256, kw_only=True)
    rate: float | None = field(default=None, kw_only=True)
    groups: tuple[int, ...] = field(default=(), kw_only=True)
    quantile: float = field(default=0.99, kw_only=True)
    steps: int = field(default=12, kw_only=True)
    restarts: int = field(default=8, kw_only=True)
    seed: int = field(default=0, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", self.recipe.groups)
        if not 0 < self.quantile <= 1:
            raise ParameterError("quantile", given=self.quantile, allowed="a number in (0, 1]")
        for name in ("steps", "restarts"):
            whole(name, getattr(self, name), 1)

    @property
    def recipe(self) -> Recipe:
        """How the autoencoder is trained."""
        names = ("kind", "latents", "active", "training_steps", "batch", "rate", "groups", "seed")
        return Recipe(**{name: getattr(self, name) for name in names})

    def dictionary(self, theory: Theory) -> Dictionary:
        """The autoencoder of that theory's feature, trained once; it reports its progress."""
        of = theory.reference or theory
        known = _DICTIONARIES.setdefault(of, {})
        if self.recipe not in known:
            x = of.features[feature_of(of)]
            known[self.recipe] = train(x.flatten(0, -2), self.recipe)
        return known[self.recipe]

    def ranking(self, theory: Theory) -> Ranking:
        """The latents in the order in which they are kept, measured once."""
        of = theory.reference or theory
        known = _RANKINGS.setdefault(of, {})
        if (self.recipe, "given") not in known:
            x = of.features[feature_of(of)]
            known[self.recipe, "given"] = _by_contribution(self.dictionary(of), x)
        return known[self.recipe, "given"]

    def scale(self, theory: Theory) -> Scale:
        """Dictionary size m from all latents down to 0: every one up to 40, else about 40."""
        feature_of(theory)
        few = self.latents <= _EVERY_SIZE
        sizes = range(self.latents + 1) if few else geometric(self.latents)
        cutoffs = tuple(float(m) for m in sorted(sizes, reverse=True))
        return Scale("dictionary size", "m", "latents", cutoffs, "decreasing")

    def coarsen(self, theory: Theory, cutoff: float) -> EffectiveTheory:
        """Keep the first `cutoff` latents.

        `attrs` of the effective theory: "dictionary" (encoder, decoder, …), "kept" (its columns
        that were kept), "rank", "kept_variance" (the share of the variance about the mean that
        the reconstruction explains, below 0 where it is worse than the mean), "fibre", "scheme".

        Raises
        ------
        CutoffError
            If the size is not on the scale.
        ShapeError
            If the theory has no feature of vectors (n, …, d), or it is not finite.
        """
        size = int(self.scale(theory).check(cutoff))
        return self._cut(theory, size, self.ranking(theory))

    def alternatives(self, theory: Theory, cutoff: float | None = None) -> Mapping[str, Scheme]:
        """The opposite order, and the order in which the observables need the latents."""
        return {"reversed": _Reordered(self, "reversed"), "own": _Reordered(self, "own")}

    def projection(self) -> SubspaceScheme:
        """The orthogonal projection on the span of the latents, in their order.

        Its scale is the rank and its fibre the complement of the span, so that it compares the
        order of the latents with other orders alone, without the autoencoder's own error.
        """
        return _Projection(
            self,
            quantile=self.quantile,
            steps=self.steps,
            restarts=self.restarts,
            seed=self.seed,
        )

    def _cut(self, theory: Theory, size: int, ranking: Ranking) -> EffectiveTheory:
        """Keep the first `size` latents of that ranking."""
        feature, dictionary = feature_of(theory), self.dictionary(theory)
        columns = ranking.order[:size]
        x = in_double(theory.features[feature])
        kept = dictionary.encode(x, columns)
        cut = dictionary.decode(kept, columns)
        others = {k: t for k, t in theory.features.items() if k != feature}

        def lift(features: Features) -> Features:
            return {**others, feature: dictionary.decode(features["latents"], columns)}

        identity = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
        frame = framed(theory, feature, torch.zeros_like(identity[0]), identity)
        fibre = SubspaceFibre(
            frame.theory, frame.feature, frame.raised(cut), frame.basis, x - cut, self.quantile,
            norms=self._norms(theory, columns), steps=self.steps, restarts=self.restarts,
            seed=self.seed,
        )  # fmt: skip
        # what says where the parent's features lie does not say it of the latents
        inherited = {k: v for k, v in theory.attrs.items() if k not in ("frame", "readout")}
        found = {
            "dictionary": dictionary,
            "kept": columns,
            "rank": int(torch.linalg.matrix_rank(dictionary.decoder[:, columns])) if size else 0,
            "kept_variance": _explained(x, cut),
            "fibre": fibre,
            "scheme": self,
        }
        return EffectiveTheory(
            {**others, "latents": kept},
            tuple(after(o, lift) for o in theory.observables),
            name=theory.name,
            attrs={**inherited, **found},
            cutoff=float(size),
            relevance=ranking.relevance,
            parent=theory,
            influence=lambda o: fibre.influence(frame.theory.observable(o.name)),
            rare=rare_of(fibre),
            raised=lift,
        )

    def _norms(self, theory: Theory, columns: Tensor) -> Tensor | None:
        """Lengths of what is neglected of the reference's samples, (m,)."""
        if theory.reference is None:
            return None
        dictionary, x = self.dictionary(theory), theory.reference.features[feature_of(theory)]
        cut = dictionary.decode(dictionary.encode(in_double(x), columns), columns)
        return (in_double(x) - cut).flatten(1).norm(dim=-1)


@dataclass(frozen=True)
class _Reordered(Scheme):
    """The same dictionary in another order: what its own must beat."""

    name: ClassVar[str] = "reordered"
    citation: ClassVar[str] = ""
    of: SparseAutoencoder
    by: Literal["reversed", "own"]

    def scale(self, theory: Theory) -> Scale:
        return self.of.scale(theory)

    def coarsen(self, theory: Theory, cutoff: float) -> EffectiveTheory:
        size = int(self.scale(theory).check(cutoff))
        known, key = _RANKINGS.setdefault(theory.fitted, {}), (self.of.recipe, self.by)
        if key not in known:
            known[key] = self._ranking(theory.fitted)
        return self.of._cut(theory, size, known[key])

    def _ranking(self, theory: Theory) -> Ranking:
        given = self.of.ranking(theory)
        if self.by == "reversed":
            values = -torch.tensor(given.relevance.values).flip(0)
            return _ranked(given.order.flip(0), values, None, f"minus {given.relevance.quantity}")
        whole = self.of.coarsen(theory, self.of.latents)
        latents, needed = whole.features["latents"], 0 * given.order.double()
        for o in whole.observables:
            effects = latents * gradients(o, whole, "latents").to(latents)
            weight = 1 / o.tolerance if o.tolerance else 1.0
            needed += weight**2 * effects.square().flatten(0, -2).mean(0)
        values, places = needed.sort(descending=True, stable=True)
        return _ranked(given.order[places], values, None, "mean squared effect on the observables")


@dataclass(frozen=True)
class _Projection(SubspaceScheme):
    """Directions that the latents of a dictionary add to one another's span, in their order."""

    name: ClassVar[str] = "dictionary_span"
    citation: ClassVar[str] = SparseAutoencoder.citation
    of: SparseAutoencoder

    def measure(self, theory: Theory, feature: str) -> Spectrum:
        mean, covariance = moments(theory.features[feature])
        ranking, decoder = self.of.ranking(theory), self.of.dictionary(theory).decoder
        basis, values = mean.new_empty(len(mean), 0), []
        for column, value in zip(ranking.order, ranking.relevance.values, strict=True):
            added = decoder[:, column]
            for _ in range(2):  # once more, for what rounding left
                added = added - basis @ (basis.T @ added)
            if value > 0 and float(added.norm()) > _NEW:
                basis = torch.cat([basis, (added / added.norm())[:, None]], dim=1)
                values.append(value)
        places = torch.arange(len(values), 0, -1).to(basis)
        _, whole = ordered((basis * places) @ basis.T, covariance)
        rest = [0.0] * (len(mean) - len(values))
        return Spectrum(mean, whole, mean.new_tensor(values + rest), ranking.relevance.quantity)


def _ranked(order: Tensor, values: Tensor, errors: Tensor | None, quantity: str) -> Ranking:
    """A ranking of latents whose values already stand in that order."""
    names = tuple(f"latent {i}" for i in order.tolist())
    error = None if errors is None else tuple(errors.tolist())
    return Ranking(order, Relevance(names, tuple(values.tolist()), error, quantity))


def _by_contribution(dictionary: Dictionary, x: Tensor) -> Ranking:
    """Latents by mean squared contribution, prefix by prefix."""
    values, errors = _contributions(dictionary, x)
    prefixes = torch.tensor(dictionary.recipe.prefixes, device=values.device)
    order = values.argsort(descending=True, stable=True)
    group = torch.searchsorted(prefixes, order, right=True)
    order = order[group.argsort(stable=True)]
    # the largest from each latent on, and whose it is
    tail, where = values[order].flip(0).cummax(0)
    quantity = "mean squared contribution"
    if len(prefixes) > 1:
        quantity += ", the largest from here on"
    return _ranked(order, tail.flip(0), errors[order].flip(0)[where].flip(0), quantity)


def _contributions(dictionary: Dictionary, x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean over samples of each latent's squared contribution, and its standard error, (m,)."""
    lengths = dictionary.decoder.square().sum(0)
    first, second = torch.zeros_like(lengths), torch.zeros_like(lengths)
    positions = max(1, x[0].numel() // x.shape[-1])
    for part in x.split(max(1, _ROOM // (positions * len(lengths)))):
        squares = lengths * dictionary.encode(part).square()
        squares = squares.reshape(len(part), positions, -1).mean(1)
        first += squares.sum(0)
        second += squares.square().sum(0)
    mean = first / len(x)
    variance = (second / len(x) - mean.square()).clamp_min(0)
    return mean, (variance / max(1, len(x) - 1)).sqrt()


def _explained(x: Tensor, cut: Tensor) -> float:
    """Share of the variance about the mean that a reconstruction explains."""
    rows, missed = x.flatten(0, -2), float((x - cut).square().sum())
    total = float((rows - rows.mean(0)).square().sum())
    rounding = 1e-24 * float(rows.square().sum())
    return 1 - missed / total if total > rounding else float(missed <= rounding)
