"""Observables that depend on features through a network's outputs: declared, so provable."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from .errors import ObservableError, ParameterError
from .estimate import Reduce
from .numeric import at_least_single
from .theory import Features, Observable

Form = Literal["linear", "cross entropy", "accuracy", "general"]
FORMS = ("linear", "cross entropy", "accuracy", "general")


Around = Callable[[torch.nn.Module], AbstractContextManager[None]]


@runtime_checkable
class Readout(Protocol):
    """The rest of a network: what a layer's output becomes.

    Attributes
    ----------
    module, layer
        The whole network, in a copy of its own, and the dotted name of the layer whose output is
        the feature.
    feature_axis
        Axis of the layer's own output that holds the features; the captured tensor has it last.
    """

    layer: str
    feature_axis: int

    @property
    def module(self) -> torch.nn.Module: ...

    def raw(self, activation: Tensor, *, around: Around | None = None) -> Any:
        """What the network returns with its layer's output replaced by (n, …, d).

        It runs inside the context that `around` makes of it.
        """

    def read(self, raw: Any) -> Tensor:
        """The tensor (n, …, c) in what it returned that observables are of."""

    def __call__(self, activation: Tensor) -> Tensor:
        """That tensor at once."""

    def part(self, samples: slice | Tensor) -> Readout:
        """The same network on some of the samples alone."""

    def exact(self) -> Readout:
        """The same network, its weights and its batch in double precision."""


@dataclass(frozen=True)
class Outputs:
    """A network's outputs as a function of features: equal for all that a theory reports.

    Attributes
    ----------
    feature
        Which feature the network is a function of.
    readout
        The network.
    raw
        Whether all that it returns is meant, whatever that is, or the tensor in it.
    """

    feature: str
    readout: Readout
    raw: bool = False

    def __call__(self, features: Features) -> Any:
        given = features[self.feature]
        return self.readout.raw(given) if self.raw else at_least_single(self.readout(given))

    def exact(self) -> Outputs:
        """The same in double precision."""
        return replace(self, readout=self.readout.exact())


def _given_outputs(features: Features) -> Tensor:
    if "outputs" not in features:
        raise ObservableError(
            "features of an observable of outputs",
            given=sorted(features),
            allowed='{"outputs": (n, c)}',
            mend="let `capture` tie it to a module first",
        )
    return features["outputs"]


@dataclass(frozen=True, eq=False)
class OutputObservable(Observable):
    """An observable that is a function of a network's outputs.

    Until `through` ties it to a network it reads the feature "outputs".

    Attributes
    ----------
    name, unit, tolerance, range
        As for every observable.
    of_outputs
        Outputs (…, n, c) → values (…, n); leading axes only where `form` is not "general".
    form
        What the function is, for those who prove things about it: "linear" (outputs @ weights),
        "cross entropy" and "accuracy" (of `labels`), or "general".
    labels
        Class of each sample, (n,) int64, or (n, t) with outputs (n, t, c).
    weights
        Coefficients of a linear observable, (c,) or shorter: what is left out is 0.
    surrogate
        Outputs → (n,): a differentiable stand-in for `of_outputs` where that has steps, such as
        the position of a maximum. Searches follow it; what counts is the observable itself.
    outputs
        Features → outputs.
    among
        Places of some samples (k,) → the same observable of those alone, where it knows something
        of each sample, such as its label.

    Raises
    ------
    ParameterError
        If the form is unknown, or lacks its labels or weights.

    Examples
    --------
    >>> first = OutputObservable("first", of_outputs=lambda z: z[..., 0], form="linear",
    ...                          weights=torch.tensor([1.0, 0.0]))
    >>> first.samples({"outputs": torch.tensor([[2.0, 5.0], [3.0, 7.0]])})
    tensor([2., 3.])
    """

    function: Callable[[Features], Tensor] = field(init=False, repr=False)
    reduce: Reduce | None = field(init=False, default=None, repr=False)
    unit: str = field(default="", kw_only=True)
    tolerance: float | None = field(default=None, kw_only=True)
    of_outputs: Callable[[Any], Tensor] = field(kw_only=True, repr=False)
    form: Form = field(default="general", kw_only=True)
    labels: Tensor | None = field(default=None, kw_only=True, repr=False)
    weights: Tensor | None = field(default=None, kw_only=True, repr=False)
    surrogate: Callable[[Any], Tensor] | None = field(default=None, kw_only=True, repr=False)
    range: tuple[float, float] | None = field(default=None, kw_only=True)
    outputs: Callable[[Features], Any] = field(default=_given_outputs, kw_only=True, repr=False)
    among: Callable[[Tensor], OutputObservable] | None = field(
        default=None, kw_only=True, repr=False
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.form not in FORMS:
            raise ParameterError("form", given=self.form, allowed=", ".join(FORMS))
        if self.form == "linear" and self.weights is None:
            raise ParameterError(f"weights of {self.name!r}", allowed="a tensor (c,)")
        if self.form in ("cross entropy", "accuracy") and self.labels is None:
            raise ParameterError(f"labels of {self.name!r}", allowed="an integer tensor (n,)")
        object.__setattr__(self, "function", lambda f: self.of_outputs(self.outputs(f)))

    def part(self, index: Tensor) -> OutputObservable:
        """The same observable of some of the samples, by their places (k,).

        Raises `ObservableError` if it has labels and does not say what it is of some of them.
        """
        if self.among is not None:
            found = self.among(index)
            return replace(found, name=self.name, unit=self.unit, tolerance=self.tolerance)
        if self.labels is None:
            return self
        raise ObservableError(
            f"observable {self.name!r} of some of the samples",
            given="labels, and no `among`",
            allowed="among=lambda index: the same observable of labels[index]",
        )

    def through(self, outputs: Callable[[Features], Any]) -> OutputObservable:
        """The same observable of the outputs that `outputs` computes from features."""
        return replace(self, outputs=outputs)

    def exact(self) -> OutputObservable:
        """The same observable of the same network in double precision, where it has one."""
        return self.through(self.outputs.exact()) if isinstance(self.outputs, Outputs) else self

    def smooth(self, features: Features) -> Tensor:
        outputs = self.outputs(features)
        return (self.surrogate or self.of_outputs)(outputs)


def together(observables: Iterable[Observable], features: Features) -> dict[str, Tensor]:
    """Values of each by sample; outputs that several are of are computed once.

    >>> z = {"outputs": torch.tensor([[2.0, 5.0]])}
    >>> both = [OutputObservable(f"z{i}", of_outputs=lambda z, i=i: z[:, i]) for i in range(2)]
    >>> together(both, z)
    {'z0': tensor([2.]), 'z1': tensor([5.])}
    """
    known: list[tuple[Callable[[Features], Any], Any]] = []
    values = {}
    for one in observables:
        if isinstance(one, OutputObservable):
            found = next((z for outputs, z in known if outputs == one.outputs), None)
            if found is None:
                found = one.outputs(features)
                known += [(one.outputs, found)] * isinstance(found, Tensor)
            if isinstance(found, Tensor):
                one = one.through(_copies(found))
        values[one.name] = one.samples(features)
    return values


def _copies(outputs: Tensor) -> Callable[[Features], Tensor]:
    """These outputs whatever the features, a copy each time: an observable may work in place."""
    return lambda _: outputs.clone()


def after(observable: Observable, change: Callable[[Features], Features]) -> Observable:
    """The observable of changed features: `o(change(features))`, declarations kept.

    >>> total = Observable("total", lambda f: f["x"].sum(-1))
    >>> after(total, lambda f: {"x": 2 * f["x"]}).samples({"x": torch.ones(2, 3)})
    tensor([6., 6.])
    """
    if isinstance(observable, OutputObservable):
        outputs = observable.outputs
        return observable.through(lambda f: outputs(change(f)))
    function, surrogate = observable.function, observable.surrogate
    return replace(
        observable,
        function=lambda f: function(change(f)),
        surrogate=None if surrogate is None else lambda f: surrogate(change(f)),
    )


def gradient_of(values: Tensor, leaf: Tensor, what: str, *, again: bool = False) -> Tensor:
    """The derivative of the sum of values by a leaf, zeros where they do not depend on it.

    Raises `ObservableError`, which names `what`, where torch cannot tell. With `again` the graph
    stays for more of its derivatives.

    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> gradient_of(x**2, x, "square")
    tensor([2., 4.])
    """
    try:
        (found,) = torch.autograd.grad(values.sum(), leaf, retain_graph=again, allow_unused=True)
    except RuntimeError as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if "memory" in said:
            raise
        raise ObservableError(
            f"gradient of {what}",
            given="none",
            allowed="a differentiable function",
            mend=f"torch says: {said.rstrip('.')[:200]}",
        ) from error
    return torch.zeros_like(leaf) if found is None else found
