"""Observables as users give them: names, functions of the outputs, or ready-made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from rgwidgets.core.errors import ObservableError, nearest
from rgwidgets.core.numeric import at_least_single
from rgwidgets.core.outputs import OutputObservable
from rgwidgets.core.theory import Features, Observable

from .observables import accuracy, loss

Spec = Observable | Callable[[Any], Tensor] | str
Specs = Spec | Iterable[Spec] | Mapping[str, Spec] | None


def listed(observable: Specs, labels: Tensor | None) -> list[tuple[str, Spec]]:
    """One or several, each with the name that it is given; loss and accuracy if there is none."""
    if observable is None:
        if labels is None:
            raise ObservableError(
                "observable",
                given="none, and no labels",
                allowed="at least one of the two",
                mend="pass labels=… for loss and accuracy, or observable=…; () for none",
            )
        return [("", "loss"), ("", "accuracy")]
    if isinstance(observable, Mapping):
        return list(observable.items())
    if isinstance(observable, (str, Observable)) or callable(observable):
        return [("", observable)]
    if not isinstance(observable, Iterable):
        raise ObservableError(
            "observable", given=observable, allowed="a name, an Observable, or a function"
        )
    return [("", spec) for spec in observable]


def tied(
    spec: Spec,
    name: str,
    labels: Tensor | None,
    feature: str,
    *,
    raw: Callable[[Tensor], Any],
    outputs: Callable[[Tensor], Tensor],
) -> Observable:
    """An observable of a feature, through a network.

    Parameters
    ----------
    spec, name, labels
        As it was given.
    feature
        Which feature the network is a function of.
    raw, outputs
        The feature → what the module returns, and → the tensor (n, …, c) in it.
    """
    if isinstance(spec, str):
        spec = _built_in(spec, name, labels)
    if isinstance(spec, OutputObservable):
        return spec.through(_Outputs(feature, outputs))
    if isinstance(spec, Observable):
        return spec
    if not callable(spec):
        raise ObservableError(
            "observable", given=spec, allowed="a name, an Observable, or a function of the outputs"
        )
    function = spec
    called = name or getattr(function, "__name__", "") or type(function).__name__

    def of_raw(features: Features) -> Tensor:
        return function(raw(features[feature]))

    return Observable("observable" if called == "<lambda>" else called, of_raw)


@dataclass(frozen=True)
class _Outputs:
    """A network's outputs as a function of features: equal for all that a theory reports."""

    feature: str
    outputs: Callable[[Tensor], Tensor]

    def __call__(self, features: Features) -> Tensor:
        return at_least_single(self.outputs(features[self.feature]))


def _built_in(spec: str, name: str, labels: Tensor | None) -> OutputObservable:
    known = {"loss": loss, "accuracy": accuracy}
    if spec not in known:
        close = nearest(spec, known)
        raise ObservableError(
            "observable",
            given=spec,
            allowed=", ".join(known),
            mend=f"did you mean {close!r}?" if close else "pass a function",
        )
    if labels is None:
        raise ObservableError(
            f"observable {spec!r}", given="no labels", allowed="labels (n,)", mend="pass labels=…"
        )
    return known[spec](labels, name=name or spec)
