"""Theories: degrees of freedom with observables; effective theories know what they neglect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from .bounds import Influence
from .errors import ObservableError, ParameterError, ShapeError, nearest
from .estimate import Estimate, Reduce, estimate
from .relevance import Relevance

Features = Mapping[str, Tensor]


@dataclass(frozen=True)
class Observable:
    """A measurable quantity and its share of the error budget.

    Attributes
    ----------
    name, unit
        As an axis shows them.
    function
        Features → one value a sample, shape (n,), or (n, m) moments when `reduce` is given.
    tolerance
        Largest change that the budget allows, in `unit`; None where none is set.
    reduce
        Maps the (m,) mean moments to a scalar (Binder's cumulant, a correlation length).

    Examples
    --------
    >>> m = Observable("magnetisation", lambda f: f["spins"].double().mean((-2, -1)))
    >>> m.samples({"spins": torch.ones(3, 4, 4)})
    tensor([1., 1., 1.], dtype=torch.float64)
    """

    name: str
    function: Callable[[Features], Tensor]
    unit: str = ""
    tolerance: float | None = None
    reduce: Reduce | None = None

    def __post_init__(self) -> None:
        if self.tolerance is not None and not self.tolerance >= 0:
            raise ParameterError(
                f"tolerance of {self.name}", given=self.tolerance, allowed="a number ≥ 0 or None"
            )

    def samples(self, features: Features) -> Tensor:
        """Values by sample, (n,) or (n, m).

        Raises `ObservableError` if they are not finite, or not one for each sample.
        """
        values = self.function(features)
        expected = 2 if self.reduce else 1
        counts = {len(t) for t in features.values() if t.ndim}
        if (
            not isinstance(values, Tensor)
            or values.ndim != expected
            or (len(counts) == 1 and len(values) not in counts)
        ):
            shape = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
            raise ObservableError(
                f"observable {self.name!r}",
                given=shape,
                allowed="a tensor (n,), or (n, m) with `reduce`",
                mend="return one value for each sample, not their mean",
            )
        if not bool(torch.isfinite(values.detach()).all()):
            raise ObservableError(
                f"observable {self.name!r}",
                given="NaN or infinity for some sample",
                allowed="finite values",
                mend="look for log(0), 0/0 or overflow in its function",
            )
        return values


@dataclass(frozen=True, eq=False)
class Theory:
    """Degrees of freedom, optional couplings, and what can be observed of them.

    Attributes
    ----------
    features
        Named tensors, samples first: `{"spins": (n, y, x)}`, `{"activation": (n, d)}`.
    observables
        What must survive coarse-graining, each with its tolerance.
    couplings
        Named scalars of the action, where the theory is given by them.
    chains
        Number of independent Markov chains among the samples (chain after chain).
    name, attrs
        A title, and facts that schemes may read.

    Raises
    ------
    ShapeError
        If a feature is no tensor, or they differ in the number of samples.
    ObservableError
        If two observables have one name.
    ParameterError
        If there is less than one chain.

    Examples
    --------
    >>> spins = torch.ones(2, 4, 4)
    >>> m = Observable("magnetisation", lambda f: f["spins"].mean((-2, -1)))
    >>> print(Theory({"spins": spins}, (m,)).observe()["magnetisation"])
    1
    """

    features: Features = field(default_factory=dict)
    observables: tuple[Observable, ...] = ()
    couplings: Mapping[str, float | Tensor] = field(default_factory=dict)
    chains: int = 1
    name: str = ""
    attrs: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for attribute in ("features", "couplings", "attrs"):
            frozen = MappingProxyType(dict(getattr(self, attribute)))
            object.__setattr__(self, attribute, frozen)
        object.__setattr__(self, "observables", tuple(self.observables))
        names = [o.name for o in self.observables]
        if len(set(names)) != len(names):
            raise ObservableError("observables", given=names, allowed="distinct names")
        for name, tensor in self.features.items():
            if not isinstance(tensor, Tensor):
                raise ShapeError(
                    f"feature {name!r}",
                    given=type(tensor).__name__,
                    allowed="a tensor, samples first",
                    mend="pass torch.as_tensor(…)",
                )
        if self.chains < 1:
            raise ParameterError("chains", given=self.chains, allowed="an integer ≥ 1")
        counts = {name: len(t) for name, t in self.features.items() if t.ndim}
        if len(set(counts.values())) > 1:
            raise ShapeError("features", given=counts, allowed="the same number of samples each")

    def __repr__(self) -> str:
        shapes = ", ".join(f"{k} {tuple(t.shape)}" for k, t in self.features.items())
        names = ", ".join(o.name for o in self.observables)
        return f"{type(self).__name__}({self.name!r}: {shapes or dict(self.couplings)}; {names})"

    def observable(self, name: str) -> Observable:
        """The observable of that name, or `ObservableError` naming the nearest."""
        for candidate in self.observables:
            if candidate.name == name:
                return candidate
        names = [o.name for o in self.observables]
        close = nearest(name, names)
        raise ObservableError(
            "observable",
            given=name,
            allowed=", ".join(names) or "none",
            mend=f"did you mean {close!r}?" if close else "",
        )

    def samples(self, name: str, features: Features | None = None) -> Tensor:
        """Values of one observable by sample, of these features or of the theory's own."""
        return self.observable(name).samples(self.features if features is None else features)

    def observe(self, features: Features | None = None) -> dict[str, Estimate]:
        """Every observable's mean with its error."""
        chosen = self.features if features is None else features
        result = {}
        for o in self.observables:
            values = o.samples(chosen)
            chains = self.chains if len(values) % self.chains == 0 else 1
            result[o.name] = estimate(values, chains=chains, reduce=o.reduce)
        return result


class _Influences(Mapping[str, Influence]):
    """One influence for each observable, computed when first looked at."""

    def __init__(self, theory: Theory, measure: Callable[[Observable], Influence]) -> None:
        self._theory, self._measure = theory, measure
        self._known: dict[str, Influence] = {}

    def __getitem__(self, name: str) -> Influence:
        if name not in self._known:
            self._known[name] = self._measure(self._theory.observable(name))
        return self._known[name]

    def get(self, name: str, default: Any = None) -> Any:
        try:
            return self[name]
        except ObservableError:  # unknown, which `get` is asked to bear
            if name in self:
                raise
            return default

    def __contains__(self, name: object) -> bool:
        return any(o.name == name for o in self._theory.observables)

    def __iter__(self) -> Iterator[str]:
        return (o.name for o in self._theory.observables)

    def __len__(self) -> int:
        return len(self._theory.observables)


@dataclass(frozen=True, eq=False)
class EffectiveTheory(Theory):
    """A theory below a cutoff: fewer features, ordered, with a bound on the neglected ones.

    Attributes
    ----------
    cutoff
        Where on the scheme's scale it was cut.
    relevance
        The features in order, with values; None where the scheme orders nothing.
    parent
        The theory it came from.
    influence
        Computes the bounds on one of the parent's observables; reached through `bounds`.
    raised
        Maps the coarse features back to features of the parent; reached through `lift`.
    """

    cutoff: float = 0.0
    relevance: Relevance | None = None
    parent: Theory | None = None
    influence: Callable[[Observable], Influence] | None = None
    raised: Callable[[Features], Features] | None = None

    @cached_property
    def bounds(self) -> Mapping[str, Influence]:
        """`{observable: Influence}` on the parent's observables, computed when looked at."""
        measure = self.influence or (
            lambda _: Influence.nothing("the scheme gives no bound on what it neglects")
        )
        return _Influences(self.parent or self, measure)

    def lift(self, features: Features | None = None) -> Features:
        """The features of the parent that this effective theory stands for."""
        if self.raised is None:
            raise ParameterError(
                "lift",
                given=self.name,
                allowed="schemes that can be lifted",
                mend="use the parent's own features",
            )
        return self.raised(self.features if features is None else features)
