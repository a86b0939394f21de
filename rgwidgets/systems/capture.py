"""Any torch module, a batch and a layer as a theory: plain forward hooks, no model rewritten."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rgwidgets.core.theory import Theory
from rgwidgets.systems.networks.batch import Batch, arguments
from rgwidgets.systems.networks.layer import located
from rgwidgets.systems.networks.rerun import Captured
from rgwidgets.systems.networks.specs import Specs, listed, tied


def capture(
    module: nn.Module,
    batch: Batch,
    layer: str | nn.Module,
    observable: Specs = None,
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
    module, layer_name = located(module, layer)
    args, keywords = arguments(batch)
    readout = Captured(module, layer_name, args, keywords, feature_axis)
    activation = readout.capture()
    title = name or f"{type(module).__name__} · {layer_name or 'output'}"
    observables = tuple(
        tied(spec, as_name, labels, "activation", raw=readout.raw, outputs=readout)
        for as_name, spec in listed(observable, labels)
    )
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
