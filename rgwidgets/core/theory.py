"""Theories: degrees of freedom with observables; effective theories know what they neglect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any, Self

import torch
from torch import Tensor

from .bounds import Influence
from .errors import (
    Cancelled,
    ObservableError,
    ParameterError,
    RGError,
    ShapeError,
    StorageError,
    choose,
)
from .estimate import Estimate, Reduce, estimate
from .numeric import as_float, described, instance, several, whole
from .rare import Rare
from .relevance import Relevance

Features = Mapping[str, Tensor]
#: What an attribute may be in order to be written to a file.
_PLAIN = (str, int, float, tuple, list, Tensor, type(None))


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
    surrogate
        Features → (n,): a differentiable stand-in where `function` has steps, for searches.
    range
        Smallest and largest value that there can be; a proof never allows a larger change.

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
    surrogate: Callable[[Features], Tensor] | None = field(default=None, kw_only=True)
    range: tuple[float, float] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        instance("name of an observable", self.name, str, "a text")
        instance(f"unit of {self.name}", self.unit, str, "a text")
        for part in ("reduce", "surrogate"):
            if not callable(getattr(self, part) or abs):
                given, allowed = getattr(self, part), "a function or None"
                raise ParameterError(f"{part} of {self.name}", given=given, allowed=allowed)
        if self.tolerance is not None and not as_float(self.tolerance) >= 0:
            given, allowed = described(self.tolerance), "a number ≥ 0 or None"
            raise ParameterError(f"tolerance of {self.name}", given=given, allowed=allowed)
        if self.range is not None and not self.range[0] <= self.range[1]:
            raise ParameterError(
                f"range of {self.name}", given=self.range, allowed="(smallest, largest), or None"
            )

    def exact(self) -> Observable:
        """The same observable in double precision, where its own precision is another."""
        return self

    def smooth(self, features: Features) -> Tensor:
        """Differentiable values by sample, (n,): the surrogate where there is one."""
        return (self.surrogate or self.samples)(features)

    def samples(self, features: Features) -> Tensor:
        """Values by sample, (n,) or (n, m).

        Raises `ObservableError` if they are not real and finite, not one for each sample, or
        outside the declared range.
        """
        values = self._of(features)
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
        if values.is_complex():
            raise ObservableError(
                f"observable {self.name!r}",
                given="complex numbers",
                allowed="real values",
                mend="take .real, .imag or .abs(), each as an observable of its own",
            )
        self._check_range(values.detach())
        if not bool(torch.isfinite(values.detach()).all()):
            raise ObservableError(
                f"observable {self.name!r}",
                given="NaN or infinity for some sample",
                allowed="finite values",
                mend="look for log(0), 0/0 or overflow in its function",
            )
        return values

    def _of(self, features: Features) -> Any:
        try:
            return self.function(features)
        except (RGError, Cancelled, MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            said = (str(error).strip().splitlines() or [""])[0]
            raise ObservableError(
                f"observable {self.name!r}",
                given=f"an error, {type(error).__name__}: {said[:200]}",
                allowed="a function that can be evaluated",
                mend="try it on the features, or on the network's own output",
            ) from error

    def _check_range(self, values: Tensor) -> None:
        plain = type(values) is Tensor  # of numbers, not of what is known of them
        if self.range is None or not plain or not values.is_floating_point():
            return
        low, high = self.range
        room = 16 * torch.finfo(values.dtype).eps * (1 + max(abs(low), abs(high)))
        if bool(((values < low - room) | (values > high + room)).any()):
            raise ObservableError(
                f"observable {self.name!r}",
                given=f"values from {float(values.min()):.6g} to {float(values.max()):.6g}",
                allowed=f"its declared range, {low:g} to {high:g}",
                mend="declare the range that it has, or none",
            )


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
        How many Markov chains the samples are, chain after chain, each in order of time. None
        where they are independent of one another, as those of a data set are, and their order
        means nothing.
    reference
        The same of other samples: what schemes choose directions, order and radius on, so that
        these samples put what is chosen to the test. These samples themselves if None.
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
    chains: int | None = None
    reference: Theory | None = None
    name: str = ""
    attrs: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for attribute in ("features", "couplings", "attrs"):
            instance(attribute, getattr(self, attribute), Mapping, "a mapping of names")
            frozen = MappingProxyType(dict(getattr(self, attribute)))
            object.__setattr__(self, attribute, frozen)
        allowed = "a sequence of observables"
        listed = several("observables", self.observables, allowed, mend="pass (observable,)")
        for one in listed:
            instance("observable", one, Observable, "an Observable", mend="rg.Observable(name, …)")
        object.__setattr__(self, "observables", listed)
        instance("name of a theory", self.name, str, "a text")
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
        if self.chains is not None:
            whole("chains", self.chains, 1)
        if self.reference is not None:
            _check_reference(instance("reference", self.reference, Theory, "a Theory"), self)
        counts = {name: len(t) for name, t in self.features.items() if t.ndim}
        if len(set(counts.values())) > 1:
            raise ShapeError("features", given=counts, allowed="the same number of samples each")

    @cached_property
    def fitted(self) -> Theory:
        """Whose samples schemes choose on: the reference, with these observables' tolerances."""
        if self.reference is None:
            return self
        known = {o.name: o for o in self.reference.observables}
        own = tuple(replace(known.get(o.name, o), tolerance=o.tolerance) for o in self.observables)
        return replace(self.reference, observables=own)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{k} {tuple(t.shape)}" for k, t in self.features.items())
        names = ", ".join(o.name for o in self.observables)
        return f"{type(self).__name__}({self.name!r}: {shapes or dict(self.couplings)}; {names})"

    def __copy__(self) -> Self:
        return self  # frozen, and known by its identity

    def __deepcopy__(self, _: object) -> Self:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        """Pickled as tensors and numbers; raises `StorageError` if it has functions."""
        loose = [o.name for o in self.observables]
        loose += [name for name, value in self.attrs.items() if not isinstance(value, _PLAIN)]
        held = {f.name: getattr(self, f.name) for f in fields(self)}
        loose += [name for name, value in held.items() if callable(value)]
        if loose:
            raise StorageError(
                f"pickling the theory {self.name!r}",
                given=f"functions and modules: {', '.join(loose)}",
                allowed="tensors, numbers and texts, as code does not belong into a file",
                mend="save the numbers: flow.save(path), or pickle the flow",
            )
        plain: dict[str, Any] = {
            n: dict(v) if isinstance(v, MappingProxyType) else v for n, v in held.items()
        }
        return partial(type(self), **plain), ()

    def observable(self, name: str) -> Observable:
        """The observable of that name, or `ObservableError` naming the nearest."""
        known = {o.name: o for o in self.observables}
        return known[choose("observable", name, known, error=ObservableError)]

    def samples(self, name: str, features: Features | None = None) -> Tensor:
        """Values of one observable by sample, of these features or of the theory's own."""
        return self.observable(name).samples(self._own(features))

    def _own(self, features: Features | None) -> Features:
        """These features, or the theory's own where none are given."""
        if features is None:
            return self.features
        return instance("features", features, Mapping, "{name: tensor}, samples first, or None")

    def observe(self, features: Features | None = None) -> dict[str, Estimate]:
        """Every observable's mean with its error."""
        chosen = self._own(features)
        return {o.name: self.mean(o.samples(chosen), o.reduce) for o in self.observables}

    def mean(self, values: Tensor, reduce: Reduce | None = None) -> Estimate:
        """The mean of values by sample, with the error that these samples leave: see `estimate`.

        Only Markov chains have autocorrelation; values that are not equally many from each are
        taken as one series.
        """
        chains = self.chains
        if chains is not None and len(values) % chains:
            chains = 1
        return estimate(values, chains=chains, reduce=reduce)


def _check_reference(reference: Theory, theory: Theory) -> None:
    """Raise `ShapeError` unless both have the same features but for the number of samples."""
    shapes, other = (
        {name: tuple(t.shape[1:]) for name, t in of.features.items()} for of in (theory, reference)
    )
    if shapes != other:
        raise ShapeError("features of the reference", given=other, allowed=str(shapes))


class _Influences(Mapping[str, Influence]):
    """One influence for each observable, computed when first looked at."""

    def __init__(self, theory: Theory, measure: Callable[[Observable], Influence]) -> None:
        self._theory, self._measure = theory, measure
        self._known: dict[str, Influence] = {}

    def __getitem__(self, name: str) -> Influence:
        observable = self._theory.observable(name)
        if name not in self._known:
            self._known[name] = self._measure(observable)
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
    rare
        Measures how rarely what is neglected moves one of the parent's observables far; None where
        the scheme states no law of it.
    raised
        Maps the coarse features back to features of the parent; reached through `lift`.
    """

    cutoff: float = 0.0
    relevance: Relevance | None = None
    parent: Theory | None = None
    influence: Callable[[Observable], Influence] | None = None
    rare: Callable[[Observable], Rare] | None = None
    raised: Callable[[Features], Features] | None = None

    def __post_init__(self) -> None:
        if self.parent is not None:
            instance("parent", self.parent, Theory, "a Theory, or None")
        if self.chains is None and self.parent is not None:  # the same samples, coarser
            object.__setattr__(self, "chains", self.parent.chains)
        super().__post_init__()

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
        return self.raised(self._own(features))
