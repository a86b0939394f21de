"""Any torch module, a batch and a layer as a theory, by plain forward hooks on a private copy."""

from __future__ import annotations

from torch import Tensor, nn

from rgwidgets.core.theory import Theory
from rgwidgets.systems.networks.batch import Batch, arguments
from rgwidgets.systems.networks.layer import located
from rgwidgets.systems.networks.reading import unread
from rgwidgets.systems.networks.rerun import Captured
from rgwidgets.systems.networks.specs import Specs, check_repeatable, listed, tied


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

    What runs, in evaluation mode, is a private copy of the module as it is now, with its hooks and
    all that they close over: the module itself and the random state are never touched, and the
    theory stays the same whatever becomes of the module. Observables are differentiable with
    respect to the activation, and are copied likewise where they can be.

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
        precision; attrs "layer", "module", "readout", which proofs read, and "unread", the
        observables that do not hang on it: nothing is said of those.

    Raises
    ------
    LayerError
        No such layer (the nearest is named), its output cannot be captured or is not read, or
        the module cannot be copied.
    ShapeError
        The batch or the labels do not fit.
    ObservableError
        An observable is unknown, not finite, or not one value a sample; it or the module is no
        function of its input, as one with noise or a counter is not.

    Examples
    --------
    >>> import torch
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
        tied(spec, as_name, labels, "activation", readout)
        for as_name, spec in listed(observable, labels)
    )
    features = {"activation": activation}
    check_repeatable(observables, features)
    attrs = {
        "layer": layer_name,
        "module": type(module).__name__,
        "readout": readout,
        "unread": unread(observables, features, "activation", readout),
    }
    return Theory(features, observables, name=title, attrs=attrs)
