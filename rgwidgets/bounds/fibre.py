"""The activations that share their kept coefficients: a ball in the discarded subspace."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, cast
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from rgwidgets.core.bounds import Influence
from rgwidgets.core.errors import ObservableError, ParameterError, ShapeError
from rgwidgets.core.fibre import Fibre, Found, Proof
from rgwidgets.core.outputs import OutputObservable, Readout
from rgwidgets.core.theory import Observable, Theory

from . import confirm
from .attack import attack
from .certify import prove
from .enclosure import Enclosure
from .opaque import Opaque
from .propagate import Propagation
from .statistics import derangement, tail_radius
from .tail import Tail, read_tail

#: Numbers in the largest array of a propagation; samples are taken in pieces to keep below it.
_ROOM = 2**24

#: what was read of each theory, or why it could not be
_TAILS: WeakKeyDictionary[Theory, Tail | str] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class SubspaceFibre(Fibre):
    """{centre + basis·z : ‖z‖₂ ≤ radius} for each sample; its points are coefficients z, (n, K).

    Average and resample use tails as they are, also those longer than the radius; attack and
    certificate stay within it.

    Attributes
    ----------
    theory
        Whose observables change; its `attrs["readout"]`, where there is one, is what proofs read.
    feature
        Which of its features the subspace lies in.
    centre
        The cut points, (n, …, d) float64.
    basis
        Orthonormal directions that were discarded, (d, k) float64, one subspace for every
        position.
    tails
        The samples' own discarded coefficients, (n, …, k) float64.
    quantile
        The radius is this quantile of the norms of tails.
    norms
        Of the tails of other samples, (m,), whose quantile is the radius; the samples' own if None.
    ball
        The radius itself, where it is set by hand instead.
    unspanned
        Why nothing can be promised, where the samples are too few to tell what is discarded.
    steps, restarts, seed
        Effort of the attack, and the seed of its random starts and of the resampling.
    nodes
        Effort of branch and bound, in bounds computed for each observable; 0 for none of it.
    noun
        What a sample is called.

    Raises
    ------
    ShapeError
        If the shapes do not fit, or the basis is not orthonormal.
    """

    theory: Theory
    feature: str
    centre: Tensor
    basis: Tensor
    tails: Tensor
    quantile: float = 0.99
    ball: float | None = None
    unspanned: str = ""
    norms: Tensor | None = None
    steps: int = 12
    restarts: int = 8
    seed: int = 0
    nodes: int = 0
    noun: str = "input"
    own_in_words: ClassVar[str] = "each with its own tail"
    drawn_in_words: ClassVar[str] = "each with the tail of another"

    def __post_init__(self) -> None:
        if self.ball is not None and not 0 <= self.ball < math.inf:
            raise ParameterError("ball", given=self.ball, allowed="a finite radius ≥ 0")
        d, k = self.basis.shape if self.basis.ndim == 2 else (-1, -1)
        if self.centre.shape[-1] != d or self.tails.shape != (*self.centre.shape[:-1], k):
            shapes = tuple(tuple(t.shape) for t in (self.centre, self.tails, self.basis))
            raise ShapeError(
                "centre, tails and basis of a fibre",
                given=shapes,
                allowed="(n, …, d), (n, …, k) and (d, k)",
            )
        overlap = self.basis.T @ self.basis - torch.eye(k, dtype=self.basis.dtype).to(self.basis)
        worst = float(overlap.abs().max()) if overlap.numel() else 0.0
        if not worst <= 1e-6:
            raise ShapeError(
                "basis of a fibre", given=f"overlaps of {worst:.2g}", allowed="orthonormal columns"
            )

    @cached_property
    def radius(self) -> float:
        """The quantile of the norms of tails, over all positions together."""
        if self.ball is not None:
            return self.ball
        norms = self.own.norm(dim=-1) if self.norms is None else self.norms
        return tail_radius(norms, self.quantile)

    @property
    def all_in_words(self) -> str:
        """Which tails attack and certificate are about."""
        words = f"every tail with ‖tail‖ ≤ {self.radius:.3g}"
        if self.ball is not None:
            return words
        of = "their own tails"
        if self.norms is not None:
            of = f"the tails of {len(self.norms):,} other {self.noun}s"
        return f"{words}, the {self.quantile:.0%} quantile of {of}"

    @property
    def fresh(self) -> bool:
        return self.norms is not None and self.theory.chains is None

    @property
    def lifted(self) -> Tensor:
        """No tail at all, (n, K)."""
        return torch.zeros_like(self.own)

    @cached_property
    def own(self) -> Tensor:
        """The samples' own tails, flattened: (n, K), K = positions × k."""
        return self.tails.flatten(1)

    def drawn(self) -> Tensor | str:
        if len(self) == 1:
            return "a single sample has no other tail to borrow"
        return self.own[derangement(len(self), self.seed).to(self.own.device)]

    def attack(self, observable: Observable) -> Found | str:
        if self.unspanned:
            return self.unspanned
        if self.radius == 0:
            return Found((self.lifted,), "a single point")
        effort = {"steps": self.steps, "restarts": self.restarts, "seed": self.seed}
        found = attack(self, observable, **effort)
        return Found((found.point,), found.how)

    def certify(self, observable: Observable) -> Proof | str:
        if self.unspanned:
            return self.unspanned
        if self.radius == 0:  # longer tails are measured, and nothing is promised of them
            return Proof(torch.zeros_like(self.own[:, 0]), "a single point")
        try:
            return self._tightened(prove(self, observable), observable)
        except Opaque as reason:
            return str(reason)

    def _tightened(self, proof: Proof, observable: Observable) -> Proof:
        """The proof after branch and bound, where that is wanted and knows the observable."""
        from .branch import tighten

        if not self.nodes:
            return proof
        try:
            found = tighten(self, observable, nodes=self.nodes)
        except Opaque:
            return proof
        change = torch.minimum(proof.change, found.change.to(proof.change))
        return Proof(change, f"{proof.how}, then {found.proved}")

    def value(self, observable: Observable, point: Tensor, *, exactly: bool = False) -> Tensor:
        """By the network's own code, in double precision where proofs are compared with it."""
        if exactly or self.direct(observable):
            return confirm.values(self, observable, point)
        features = {**self.theory.features, self.feature: self.points(point)}
        with torch.no_grad():
            return observable.samples(features)

    def holds(self, point: Tensor) -> Tensor:
        inside: Tensor = point.norm(dim=-1) <= self.radius * (1 + 1e-9)
        return inside

    def known(self, observable: Observable) -> Influence | None:
        if observable.name in cast("frozenset[str]", self.theory.attrs.get("unread", ())):
            return Influence.nothing("it does not hang on the layer's output, whatever is cut")
        own = self.own
        if own.shape[1] == 0 or not (self.unspanned or self.radius or bool(own.any())):
            return self.untouched("nothing was neglected")
        return None

    def __len__(self) -> int:
        return len(self.centre)

    def points(self, z: Tensor, samples: Tensor | None = None) -> Tensor:
        """Configurations (n, …, d) of flattened coefficients z (n, K), differentiable.

        Or those of some samples, by their places (m,).
        """
        centre = self.centre if samples is None else self.centre[samples]
        return centre + z.reshape(len(z), *self.tails.shape[1:]) @ self.basis.T

    @cached_property
    def tail(self) -> Tail | None:
        """The computation from the feature to the outputs, None where it cannot be read."""
        found = self._read()
        return found if isinstance(found, Tail) else None

    def _read(self) -> Tail | str:
        if self.theory not in _TAILS:
            readout = self.theory.attrs.get("readout")
            try:
                if not isinstance(readout, Readout):
                    raise Opaque("the theory does not say what is computed from its features")
                _TAILS[self.theory] = read_tail(readout, self.theory.features[self.feature])
            except Opaque as reason:
                _TAILS[self.theory] = str(reason)
        return _TAILS[self.theory]

    @cached_property
    def enclosure(self) -> Enclosure:
        """What the network's own code makes of affine forms; shared by all observables."""
        return Enclosure(self)

    @cached_property
    def start(self) -> tuple[Tensor, Tensor]:
        """The tail's first map here: (m, K) along the subspace, (n, m) at the centres."""
        tail = self._known_tail()
        readout = self.theory.attrs["readout"]
        assert isinstance(readout, Readout)
        axis, weight = readout.feature_axis, tail.first.weight
        size = self.own.shape[1]
        eye = torch.eye(size, dtype=torch.float64, device=self.basis.device)
        moved = eye.reshape(size, *self.tails.shape[1:]) @ self.basis.T
        along = weight @ moved.movedim(-1, axis).flatten(1).to(weight.device).T
        centre = self.centre.movedim(-1, axis).flatten(1).to(weight.device)
        return along, tail.first(centre)

    def _known_tail(self) -> Tail:
        found = self._read()
        if isinstance(found, str):
            raise Opaque(found)
        return found

    @cached_property
    def propagations(self) -> list[Propagation]:
        """Bound propagation by pieces of samples; shared by all observables. Raises `Opaque`."""
        return self.propagate(crown=True)

    @cached_property
    def intervals(self) -> list[Propagation]:
        """The same by intervals alone."""
        return self.propagate(crown=False)

    def propagate(self, *, crown: bool) -> list[Propagation]:
        """Bound propagation with CROWN or by intervals alone. Raises `Opaque`."""
        tail = self._known_tail()
        along, centre = self.start
        width = tail.widest
        piece = max(1, _ROOM // (width * max(2 * width, 64)))
        return [
            Propagation(along, part, tail.layers, self.radius, crown)
            for part in torch.split(centre, piece)
        ]

    def evaluate(self, observable: Observable, z: Tensor) -> tuple[Tensor, Tensor]:
        """An observable in the fibre and its differentiable stand-in, (r, n) each.

        Parameters
        ----------
        z
            Flattened coefficients, (r, n, K): r points for each sample.
        """
        if self.direct(observable):
            assert isinstance(observable, OutputObservable)
            outputs = self.outputs(z)
            values = observable.of_outputs(outputs)
            smooth = observable.surrogate
            return values, values if smooth is None else smooth(outputs)
        found = [self._rerun(observable, row) for row in z]
        return torch.stack([v for v, _ in found]), torch.stack([s for _, s in found])

    def scores(self, observable: Observable, z: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities (n, c) of all outputs that an observable is of, and its values (n,).

        At one point for each sample, (n, K). Raises `ObservableError` unless it is a function of
        one tensor of outputs.
        """
        features = {**self.theory.features, self.feature: self.points(z)}
        if not isinstance(observable, OutputObservable):
            raise ObservableError("outputs", given="none", allowed="an observable of outputs")
        outputs: Any = observable.outputs(features)
        real = isinstance(outputs, Tensor) and outputs.is_floating_point() and outputs.ndim > 1
        if not real or len(outputs) != len(self):
            raise ObservableError("outputs", given=type(outputs).__name__, allowed="(n, …, c)")
        values = observable.through(lambda _: outputs).samples(features).double()
        return outputs.double().flatten(1).log_softmax(-1), values

    def if_raised(self, observable: Observable, output: int) -> Tensor:
        """What the observable would be at the cut, (n,), if one of the outputs were the largest."""
        assert isinstance(observable, OutputObservable)
        features = {**self.theory.features, self.feature: self.points(torch.zeros_like(self.own))}
        with torch.no_grad():
            outputs = observable.outputs(features)
            flat = outputs.flatten(1)
            flat[:, output] = flat.amax(1) + (flat.amax(1) - flat.amin(1)) + 1
            changed = flat.reshape(outputs.shape)
            return observable.through(lambda _: changed).samples(features).double()

    def direct(self, observable: Observable) -> bool:
        """Whether `evaluate` goes through the tail in float64, all points at once."""
        declared = isinstance(observable, OutputObservable) and observable.form != "general"
        return declared and self.tail is not None

    def outputs(self, z: Tensor) -> Tensor:
        """Outputs (r, n, c) at flattened coefficients (r, n, K), by the chain. Raises `Opaque`."""
        along, centre = self.start
        y = z.to(along.device) @ along.T + centre
        for curve, affine in self._known_tail().layers:
            y = affine(curve(y))
        return y

    def _rerun(self, observable: Observable, z: Tensor) -> tuple[Tensor, Tensor]:
        """The same by running the whole network again, in its own precision."""
        features = {**self.theory.features, self.feature: self.points(z)}
        if observable.surrogate is None:
            values = observable.samples(features).double()
            return values, values
        if isinstance(observable, OutputObservable):  # the network runs once for both
            outputs = observable.outputs(features)
            observable = observable.through(lambda _: outputs)
        return observable.samples(features).double(), observable.smooth(features).double()
