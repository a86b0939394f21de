"""Any torch module, a batch and a layer as a theory: plain forward hooks, no model rewritten."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from rgwidgets.core.errors import (
    LayerError,
    ObservableError,
    ParameterError,
    nearest,
)
from rgwidgets.core.outputs import OutputObservable
from rgwidgets.core.theory import Observable, Theory
from rgwidgets.systems.networks.observables import accuracy, loss
from rgwidgets.systems.networks.rerun import Batch, Captured, arguments

Spec = Observable | Callable[[Any], Tensor] | str


def capture(
    module: nn.Module,
    batch: Batch,
    layer: str | nn.Module,
    observable: Spec | Iterable[Spec] | Mapping[str, Spec] | None = None,
    *,
    labels: Tensor | None = None,
    feature_axis: int = -1,
    name: str = "",
) -> Theory:
    """The output of one layer as a theory whose observables rerun the network from there.

    The module runs in evaluation mode; its training mode, weights, hooks, gradients and the
    random state are left as they were. Observables are differentiable with respect to the
    activation. The theory is of the weights as they are: once they change it refuses to be
    observed, so capture a copy while training goes on.

    Parameters
    ----------
    module
        Any `torch.nn.Module`, on any device, in any precision.
    batch
        What it is called with: a tensor, a tuple of arguments, or a mapping of keywords; samples
        on the first axis.
    layer
        Dotted name from `module.named_modules()`, or the submodule itself. It must be called once
        a forward pass and return a floating-point tensor, samples first, or a tuple that starts
        with one.
    observable
        One or several: "loss", "accuracy" (of `labels`), an `OutputObservable` such as
        `logit_difference(3, 8)`, an `Observable` of {"activation": (n, …, d)}, or a function of
        the module's raw output that returns (n,). A mapping gives names. Loss and accuracy if
        None and there are labels.
    labels
        Classes (n,), for the observables that need them.
    feature_axis
        Axis of the layer's output that holds the features: the last, or 1 for images of a
        convolution. The captured tensor has it last.

    Returns
    -------
    Theory
        features {"activation": (n, …, d)}, detached, float32 where the module is of lower
        precision; attrs "layer", "module" and "readout", which proofs read.

    Raises
    ------
    LayerError
        No such layer (the nearest is named), or its output cannot be captured.
    ShapeError
        The batch or the labels do not fit.
    ObservableError
        An observable is unknown, not finite, or not one value a sample.

    Examples
    --------
    >>> net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> theory = capture(net, torch.ones(5, 3), "1", labels=torch.zeros(5, dtype=torch.int64))
    >>> theory
    Theory('Sequential · 1': activation (5, 8); loss, accuracy)
    """
    if not isinstance(module, nn.Module):
        raise ParameterError("module", given=type(module).__name__, allowed="a torch.nn.Module")
    layer_name = _layer_name(module, layer)
    args, keywords = arguments(batch)
    readout = Captured(module, layer_name, args, keywords, feature_axis)
    activation = readout.capture()
    title = name or f"{type(module).__name__} · {layer_name or 'output'}"
    specs = _listed(observable, labels)
    observables = tuple(_observable(spec, as_name, labels, readout) for as_name, spec in specs)
    theory = Theory(
        {"activation": activation},
        observables,
        name=title,
        attrs={"layer": layer_name, "module": type(module).__name__, "readout": readout},
    )
    for o in observables:
        with torch.no_grad():
            o.samples(theory.features)
    return theory


def _layer_name(module: nn.Module, layer: str | nn.Module) -> str:
    modules = dict(module.named_modules())
    if isinstance(layer, nn.Module):
        for name, part in modules.items():
            if part is layer:
                return name
        raise LayerError(
            "layer",
            given=type(layer).__name__,
            allowed=f"a submodule of this {type(module).__name__}",
            mend="pass the submodule of the module that you capture, not of a copy",
        )
    if layer in modules:
        return layer
    names = [name for name in modules if name]
    close = nearest(str(layer), names)
    shown = ", ".join(names if len(names) <= 12 else [*names[:12], "…"])
    raise LayerError(
        "layer",
        given=layer,
        allowed=shown or "'' (the module itself)",
        mend=f"did you mean {close!r}?" if close else "see the names in module.named_modules()",
    )


def _listed(
    observable: Spec | Iterable[Spec] | Mapping[str, Spec] | None, labels: Tensor | None
) -> list[tuple[str, Spec]]:
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
    return [("", spec) for spec in observable]


def _observable(spec: Spec, name: str, labels: Tensor | None, readout: Captured) -> Observable:
    if isinstance(spec, str):
        spec = _built_in(spec, name, labels)
    if isinstance(spec, OutputObservable):
        return spec.through(lambda features: readout(features["activation"]))
    if isinstance(spec, Observable):
        return spec
    if not callable(spec):
        raise ObservableError(
            "observable", given=spec, allowed="a name, an Observable, or a function of the outputs"
        )
    function = spec
    called = name or getattr(function, "__name__", "") or type(function).__name__
    return Observable(
        "observable" if called == "<lambda>" else called,
        lambda features: function(readout.raw(features["activation"])),
    )


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
