"""What every tier of the toy model gives: a hierarchy that is known, level by level."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor, nn

from ..core.numeric import whole
from ..core.system import System

Observable = Callable[[Tensor], Tensor]


class Sample(NamedTuple):
    """Data with the hierarchy that made them.

    Attributes
    ----------
    x
        What a network sees, (n, …).
    latents
        For each level, coarsest first, the hidden variables of every datum, (n, …) int64.
    """

    x: Tensor
    latents: tuple[Tensor, ...]


class ToyModel(System):
    """A toy model of renormalisation: data, network and truth on one hierarchy.

    Level 0 is the coarsest, the last level is the data themselves.
    """

    @abstractmethod
    def levels(self) -> tuple[int, ...]:
        """The levels, from the coarsest to the finest."""

    @abstractmethod
    def sample(self, n: int, seed: int = 0) -> Sample:
        """`n` data with their latent variables; the same for the same seed."""

    @abstractmethod
    def coarse_grain(self, x: Tensor, level: int) -> Tensor:
        """The data with everything finer than `level` integrated out."""

    @abstractmethod
    def oracle(self, observable: Any, level: int) -> float:
        """The exact value of an observable of data that are coarse-grained to `level`."""

    @abstractmethod
    def ground_truth_features(self, level: int) -> Tensor:
        """The features that a perfect tool keeps at `level`."""

    @abstractmethod
    def task(self) -> tuple[Sample, Tensor]:
        """What there is to learn: data, and what a network shall say of each, (n, c)."""

    @abstractmethod
    def network(self, **options: Any) -> nn.Module:
        """A network trained on the data, in seconds, in evaluation mode."""

    def checked_level(self, level: int) -> int:
        """The level; raises `ParameterError` if there is none such."""
        levels = self.levels()
        return whole("level", level, levels[0], levels[-1])
