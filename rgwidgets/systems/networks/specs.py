"""Observables as users give them: names, functions of the outputs, or ready-made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from rgwidgets.core.errors import ObservableError, nearest
from rgwidgets.core.outputs import OutputObservable, Outputs
from rgwidgets.core.theory import Features, Observable

from .observables import accuracy, loss
from .private import isolated
from .repeatable import same_twice

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


def tied(spec: Spec, name: str, labels: Tensor | None, feature: str, readout: Any) -> Observable:
    """An observable of a feature, through a network.

    Parameters
    ----------
    spec, name, labels
        As it was given.
    feature, readout
        Which feature the network is a function of, and the network.
    """
    if isinstance(spec, str):
        spec = _built_in(spec, name, labels)
    if isinstance(spec, OutputObservable):
        return replace(
            spec,
            of_outputs=isolated(spec.of_outputs),
            surrogate=isolated(spec.surrogate),
            outputs=Outputs(feature, readout),
        )
    if isinstance(spec, Observable):
        return replace(spec, function=isolated(spec.function), surrogate=isolated(spec.surrogate))
    if not callable(spec):
        raise ObservableError(
            "observable", given=spec, allowed="a name, an Observable, or a function of the outputs"
        )
    called = name or getattr(spec, "__name__", "") or type(spec).__name__
    return OutputObservable(
        "observable" if called == "<lambda>" else called,
        of_outputs=isolated(spec),
        outputs=Outputs(feature, readout, raw=True),
    )


def check_repeatable(observables: Iterable[Observable], features: Features) -> None:
    """Evaluate each twice; raises `ObservableError` for one that is not the same each time."""
    for o in observables:
        with torch.no_grad():
            same_twice(lambda: o.samples(features), f"observable {o.name!r}")  # noqa: B023


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
