"""The weights of one layer as a theory: what a module does as a function of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from rgwidgets.core.errors import ParameterError, ShapeError
from rgwidgets.core.outputs import OutputObservable
from rgwidgets.core.theory import Observable, Theory
from rgwidgets.systems.networks.batch import Batch, arguments
from rgwidgets.systems.networks.layer import located
from rgwidgets.systems.networks.layer_jacobian import LayerJacobian, OfWeights, check_finite
from rgwidgets.systems.networks.specs import Spec, Specs, check_repeatable, listed, tied

Reference = Tensor | Mapping[str, Tensor]


def capture_weights(
    module: nn.Module,
    batch: Batch,
    layer: str | nn.Module,
    observable: Specs = None,
    *,
    labels: Tensor | None = None,
    reference: Reference | None = None,
    name: str = "",
) -> Theory:
    """The weights of one layer as the one configuration of a theory.

    Its observables are the batch's means as functions of these weights, all others fixed; they
    are differentiable. What runs is a private copy of the module as it is now: see `capture`.
    Weights that are tied count once, and what they are tied to outside the layer moves with them.

    Parameters
    ----------
    module, batch, layer, observable, labels, name
        As for `capture`. All parameters of the layer and of what is inside it count, in the order
        of `named_parameters()`. An `Observable` is one of {"weights": (1, P)}.
    reference
        The weights about which one cuts, such as those at initialisation: (P,), or a state dict
        of the module or the layer. Zeros if None.

    Returns
    -------
    Theory
        features {"weights": (1, P)}, detached, float32 where the module is of lower precision;
        attrs "layer", "module", "reference" (P,), and "jacobian", a `LayerJacobian`.

    Raises
    ------
    LayerError
        No such layer, or it has no weights that can be moved.
    ParameterError
        Weights or reference are not finite, or the reference lacks some of them.
    ShapeError
        The batch, the labels or the reference do not fit.
    ObservableError
        An observable is unknown, not finite, or not one value a sample; or the module returns
        no tensor.

    Examples
    --------
    >>> net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> theory = capture_weights(net, torch.ones(5, 3), "2", labels=torch.zeros(5).long())
    >>> theory
    Theory('Sequential · weights of 2': weights (1, 18); loss, accuracy)
    """
    module, layer_name = located(module, layer)
    jacobian = LayerJacobian(module, layer_name, *arguments(batch))
    weights = jacobian.weights[None]
    specs = listed(observable, labels)
    theory = Theory(
        {"weights": weights},
        tuple(_averaged(spec, as_name, labels, jacobian) for as_name, spec in specs),
        name=name or f"{type(module).__name__} · weights of {layer_name or 'all layers'}",
        attrs={
            "layer": layer_name,
            "module": type(module).__name__,
            "reference": _reference(reference, jacobian),
            "jacobian": jacobian,
        },
    )
    check_repeatable(theory.observables, theory.features)
    return theory


def _averaged(spec: Spec, name: str, labels: Tensor | None, network: LayerJacobian) -> Observable:
    """The batch's mean of an observable of outputs, as a function of {"weights": (1, P)}."""
    each = tied(spec, name, labels, "weights", OfWeights(network))
    if not isinstance(each, OutputObservable):
        return each
    batch = {"batch": torch.empty(network.samples)}

    def mean(outputs: Any) -> Tensor:
        whole = Observable(each.name, lambda _: each.of_outputs(outputs))
        return _mean(whole.samples(batch))

    smooth = each.surrogate
    # "general": a mean over the batch is not the declared form of one sample
    return replace(
        each,
        of_outputs=mean,
        form="general",
        labels=None,
        weights=None,
        surrogate=None if smooth is None else lambda outputs: _mean(smooth(outputs)),
    )


def _mean(values: Tensor) -> Tensor:
    return values.mean(-1, keepdim=True)


def _reference(given: Reference | None, network: LayerJacobian) -> Tensor:
    if given is None:
        return torch.zeros_like(network.weights)
    if isinstance(given, Mapping):
        own, prefix = network.tensors(network.weights), f"{network.layer}." if network.layer else ""
        found = {name: given.get(name, given.get(name.removeprefix(prefix))) for name in own}
        for name, tensor in found.items():
            if not isinstance(tensor, Tensor):
                raise ParameterError(
                    "reference",
                    given=f"a state dict without {name!r}",
                    allowed="a state dict of the module or of the layer",
                )
            if tensor.shape != own[name].shape:
                raise ShapeError(
                    f"reference of {name!r}",
                    given=tuple(tensor.shape),
                    allowed=str(tuple(own[name].shape)),
                )
        given = network.flat({name: t for name, t in found.items() if t is not None})
    if not isinstance(given, Tensor):
        raise ParameterError(
            "reference", given=type(given).__name__, allowed="a tensor (P,), or a state dict"
        )
    if given.shape not in (network.weights.shape, network.weights[None].shape):
        raise ShapeError(
            "reference", given=tuple(given.shape), allowed=str(tuple(network.weights.shape))
        )
    with torch.inference_mode(False):
        flat = given.detach().reshape(-1).to(network.weights).clone()
    check_finite("reference", flat)
    return flat
