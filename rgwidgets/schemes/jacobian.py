"""Directions in weight space by how much the outputs move along them: what its schemes share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, cast, runtime_checkable

import torch
from torch import Tensor

from rgwidgets.core.errors import ParameterError
from rgwidgets.core.numeric import in_double, whole
from rgwidgets.core.scheme import Scheme
from rgwidgets.core.theory import Theory

from .gradient_spectrum import gradients
from .subspace import Frame, Spectrum, SubspaceScheme, ordered, reversed_orders

#: Side of the largest matrix whose eigenvectors are computed: about a minute on one core.
LARGEST = 4096
#: Numbers in the largest array, 1 GiB in float64.
ROOM = 2**27
#: Rows that are added to a matrix at once.
_TOGETHER = 512
#: Points on the way from the reference to the weights at which gradients are taken.
_WAY = 8


@runtime_checkable
class Jacobian(Protocol):
    """What a theory of weights says in `attrs["jacobian"]`: how the outputs depend on them.

    Attributes
    ----------
    shape
        (n, c, P): rows of the outputs, outputs in each, weights.
    layer, smaller
        The layer's name, and {name: number of weights} of smaller ones.
    """

    shape: tuple[int, int, int]
    layer: str
    smaller: dict[str, int]

    def __call__(
        self, weights: Tensor, *, output: int | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Outputs (m, c) and their derivatives (m, c, P), piece by piece of the batch."""


@dataclass(frozen=True)
class JacobianScheme(SubspaceScheme):
    """Cut the weights of a layer about a reference, along directions that move the outputs.

    The directions are the eigenvectors of JᵀMJ/n, with J the derivatives of the outputs by the
    weights, as they are, M a metric on the outputs, and n the rows of the outputs. The effective
    weights are the reference and what the weights differ from it along the first r directions.

    Up to `directions` weights the basis is complete. Beyond, it has as many of the first
    eigenvectors and one more direction, the rest: along what the weights differ from the
    reference outside of these. The fibre is then a ball in the span of the basis only, so that
    the attack remains a lower bound, but not of directions that neither move the outputs much
    nor are taken by the weights.

    Attributes
    ----------
    directions
        How many eigenvectors are told apart at most.

    Raises
    ------
    ParameterError
        The theory is not of weights; or the smaller number of weights P and outputs n × c is
        above 4096, or P times it above 2²⁷.
    """

    directions: int = field(default=512, kw_only=True)
    quantity: ClassVar[str] = ""
    sampled: ClassVar[bool] = False
    noun: ClassVar[str] = "setting of the weights"

    def __post_init__(self) -> None:
        super().__post_init__()
        whole("directions", self.directions, 1, LARGEST)

    @abstractmethod
    def rows(self, jacobian: Jacobian, weights: Tensor) -> Iterator[tuple[int, Tensor]]:
        """By pieces of the batch: how many rows of outputs, and M^½ J of them, (m, P) float64."""

    def height(self, jacobian: Jacobian) -> int:
        """How many rows M^½ J has altogether."""
        n, c, _ = jacobian.shape
        return n * c

    def full_rank(self, theory: Theory) -> int:
        """How many directions the basis has."""
        return self.spectrum(theory).basis.shape[1]

    def measure(self, theory: Theory, feature: str) -> Spectrum:
        """Reference, eigenvectors and eigenvalues."""
        reference, offset = about(theory, feature)
        metric = self._metric(theory, feature, len(offset))
        if len(offset) <= self.directions:
            values, basis = ordered(metric.matrix(), torch.outer(offset, offset))
        else:
            values, basis = metric.leading(self.directions)
            values, basis = _with_rest(values, basis, offset, metric)
        return Spectrum(reference, basis, values, self.quantity)

    def alternatives(self, theory: Theory, cutoff: float | None = None) -> Mapping[str, Scheme]:
        """The opposite order, and the order in which the observables need the directions."""
        effort = {name: getattr(self, name) for name in ("quantile", "steps", "restarts", "seed")}
        return {**reversed_orders(self, cutoff, **effort), "own": _Own(self, **effort)}

    def _metric(self, theory: Theory, feature: str, size: int) -> _Metric:
        jacobian, frame = jacobian_of(theory), theory.attrs.get("frame")
        weights = theory.features[feature]
        inner = isinstance(frame, Frame) and feature == "coefficients"
        if inner:
            weights = cast(Frame, frame).raised(weights)
        height = self.height(jacobian)
        self._check_size(jacobian, height, size)
        collected = _Metric(height, size, weights.device)
        for n, rows in self.rows(jacobian, weights.detach().reshape(-1)):
            rows = rows.to(collected.device)
            collected.add(n, rows @ cast(Frame, frame).basis if inner else rows)
        collected.finish()
        return collected

    def _check_size(self, jacobian: Jacobian, height: int, size: int) -> None:
        if _fits(height, size):
            return
        smaller = [(k, name) for name, k in jacobian.smaller.items() if _fits(height, k)]
        n = jacobian.shape[0]
        batch = min(LARGEST, ROOM // size) * n // height
        ways = [f"capture a smaller layer, such as {max(smaller)[1]!r}"] if smaller else []
        ways += [f"pass a batch of at most {batch} rows of outputs"] if batch else []
        raise ParameterError(
            f"weights of layer {jacobian.layer!r}",
            given=f"{size} weights and {n} × {height // n} outputs",
            allowed=f"the smaller of the two up to {LARGEST}, and {ROOM} of weights times it",
            mend=", or ".join(ways) or "capture a smaller layer",
        )


def _fits(height: int, size: int) -> bool:
    side = min(height, size)
    return side <= LARGEST and side * size <= ROOM


class _Metric:
    """JᵀMJ/n as a matrix (P, P) where the weights are few, else through its factor (m, P)."""

    def __init__(self, height: int, size: int, device: torch.device) -> None:
        self.device = torch.device("cpu") if device.type == "mps" else device
        self._dense, self._filled, self._n = size <= height, 0, 0
        shape = (size, size) if self._dense else (height, size)
        self._held = torch.zeros(shape, dtype=torch.float64, device=self.device)
        self._waiting: list[Tensor] = []

    def add(self, n: int, rows: Tensor) -> None:
        """Add n rows of outputs with their derivatives (m, P)."""
        self._n += n
        if not self._dense:
            self._held[self._filled : self._filled + len(rows)] = rows
            self._filled += len(rows)
            return
        self._waiting.append(rows)
        if sum(map(len, self._waiting)) >= _TOGETHER:
            self.finish()

    def finish(self) -> None:
        """Add what waits: many rows at once are much cheaper than a few at a time."""
        if self._waiting:
            rows = torch.cat(self._waiting)
            self._waiting.clear()
            self._held += rows.T @ rows

    def matrix(self) -> Tensor:
        """(P, P)."""
        return (self._held if self._dense else self._held.T @ self._held) / self._n

    def along(self, direction: Tensor) -> float:
        """vᵀ (JᵀMJ/n) v of a unit vector v (P,)."""
        moved = self._held @ direction
        return float(direction @ moved if self._dense else moved @ moved) / self._n

    def leading(self, k: int) -> tuple[Tensor, Tensor]:
        """The k largest eigenvalues with eigenvectors (P, ·), without those that are 0."""
        gram = self._held if self._dense else self._held @ self._held.T
        values, vectors = torch.linalg.eigh(gram / self._n)
        values, vectors = values.flip(0).clamp_min(0)[:k], vectors.flip(1)[:, :k]
        # below, the eigenvectors of the Gram matrix are rounding
        known = int((values > 1e-10 * values[:1].clamp_min(1e-300)).sum())
        values, vectors = values[:known], vectors[:, :known]
        if not self._dense:
            vectors, _ = torch.linalg.qr(self._held.T @ vectors)
        return values, vectors


def _with_rest(
    values: Tensor, basis: Tensor, offset: Tensor, metric: _Metric
) -> tuple[Tensor, Tensor]:
    """One more direction, so that the weights are in the span; signs as in `ordered`."""
    rest = offset - basis @ (basis.T @ offset)
    length = float(rest.norm())
    if length <= 1e-12 * float(offset.norm()) and not len(values):
        rest, length = torch.eye(1, len(offset)).to(offset)[0], 1.0
    if length > 1e-12 * float(offset.norm()):
        # once more for what rounding left
        rest = torch.nn.functional.normalize(rest - basis @ (basis.T @ rest), dim=0)
        value = min(metric.along(rest), float(values[-1]) if len(values) else torch.inf)
        basis = torch.cat([basis, rest[:, None]], dim=1)
        values = torch.cat([values, values.new_tensor([value])])
    largest = basis.abs().argmax(0, keepdim=True)
    return values, basis * basis.gather(0, largest).sign()


@dataclass(frozen=True)
class _Own(SubspaceScheme):
    """The span of a scheme's directions, ordered by what the observables need.

    By their mean squared gradient on the way from the reference to the weights.
    """

    name: ClassVar[str] = "own"
    citation: ClassVar[str] = ""
    of: JacobianScheme

    def full_rank(self, theory: Theory) -> int:
        return self.of.full_rank(theory)

    def measure(self, theory: Theory, feature: str) -> Spectrum:
        found = self.of.spectrum(theory)
        _, offset = about(theory, feature)
        within = found.basis.T @ offset
        product = torch.zeros(len(within), len(within)).to(within)
        for step in range(_WAY):
            point = found.mean + (step + 0.5) / _WAY * offset
            there = {**theory.features, feature: point[None].to(theory.features[feature])}
            moved = Theory(there, theory.observables)
            for o in theory.observables:
                slope = found.basis.T @ in_double(gradients(o, moved, feature))[0]
                product += torch.outer(slope, slope) / (_WAY * (o.tolerance or 1.0) ** 2)
        values, turn = ordered(product, torch.outer(within, within))
        return Spectrum(found.mean, found.basis @ turn, values, "mean squared gradient on the way")


def jacobian_of(theory: Theory) -> Jacobian:
    """How the outputs depend on the weights; `ParameterError` where the theory is of none."""
    found = theory.attrs.get("jacobian")
    if not isinstance(found, Jacobian):
        raise ParameterError(
            "theory",
            given=repr(theory),
            allowed="a theory of the weights of a layer",
            mend="make it by rgwidgets.systems.weights.capture_weights",
        )
    return found


def about(theory: Theory, feature: str) -> tuple[Tensor, Tensor]:
    """The reference (P,) and what the weights differ from it, in the theory's own coordinates."""
    jacobian_of(theory)
    here = in_double(theory.features[feature])[0]
    reference = in_double(cast(Tensor, theory.attrs["reference"])).to(here)
    frame = theory.attrs.get("frame")
    if isinstance(frame, Frame) and feature == "coefficients":
        reference = (reference - frame.mean) @ frame.basis
    return reference, here - reference
