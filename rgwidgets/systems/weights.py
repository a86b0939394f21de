"""The weights of one layer as a theory: what a module does as a function of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from rgwidgets.core.errors import (
    LayerError,
    ObservableError,
    ParameterError,
    RGError,
    ShapeError,
)
from rgwidgets.core.outputs import OutputObservable
from rgwidgets.core.progress import tick
from rgwidgets.core.theory import Features, Observable, Theory
from rgwidgets.systems.capture import Spec, _layer_name, _listed, _observable
from rgwidgets.systems.networks.rerun import (
    Batch,
    Captured,
    _copy,
    _described,
    _untouched,
    arguments,
    samples_in,
)

Reference = Tensor | Mapping[str, Tensor]
Call = tuple[tuple[Any, ...], dict[str, Any]]


def capture_weights(
    module: nn.Module,
    batch: Batch,
    layer: str | nn.Module,
    observable: Spec | Iterable[Spec] | Mapping[str, Spec] | None = None,
    *,
    labels: Tensor | None = None,
    reference: Reference | None = None,
    name: str = "",
) -> Theory:
    """The weights of one layer as the one configuration of a theory.

    Its observables are the batch's means as functions of these weights, all others fixed; they
    are differentiable. The module runs in evaluation mode; its training mode, weights, hooks,
    gradients and the random state are left as they were. Weights that are tied count once, and
    what they are tied to outside the layer moves with them. Once the module's weights change the
    theory refuses to be observed.

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
    if not isinstance(module, nn.Module):
        raise ParameterError("module", given=type(module).__name__, allowed="a torch.nn.Module")
    layer_name = _layer_name(module, layer)
    jacobian = LayerJacobian(module, layer_name, *arguments(batch))
    weights = jacobian.weights[None]
    specs = _listed(observable, labels)
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
    for o in theory.observables:
        with torch.no_grad():
            o.samples(theory.features)
    return theory


class LayerJacobian:
    """A module as a function of the weights of one layer, and its derivative.

    Attributes
    ----------
    module, layer, samples
        The whole network, the dotted name of the layer, and how many samples the batch has.
    weights
        (P,), as they were when this was made.
    shape
        (n, c, P): rows of the outputs (samples × positions), outputs in each, weights.
    smaller
        {layer: number of weights} of the module's other layers that have fewer.
    """

    def __init__(
        self, module: nn.Module, layer: str, args: tuple[Any, ...], keywords: dict[str, Any]
    ) -> None:
        self.module, self.layer, self.samples = module, layer, samples_in(args, keywords)
        prefix = f"{layer}." if layer else ""
        part = module.get_submodule(layer)
        self._own = {prefix + name: p for name, p in part.named_parameters()}
        self._check_parameters()
        self._batch = Captured(module, layer, args, keywords)
        mine = {id(p) for p in self._own.values()}
        with torch.inference_mode(False):  # an inference tensor must be copied to be used
            self._fixed = {
                name: p.detach().clone() if p.is_inference() else p.detach()
                for name, p in module.named_parameters()
                if id(p) not in mine
            }
        self.weights = self.flat(self._own)
        _check_finite(f"weights of layer {layer!r}", self.weights)
        with torch.no_grad():
            outputs = self.outputs(self.weights)
        c, size = outputs.shape[-1], len(self.weights)
        self.shape = (outputs.numel() // c, c, size)
        counts = {n: sum(p.numel() for p in m.parameters()) for n, m in module.named_modules()}
        self.smaller = {n: count for n, count in counts.items() if n and 0 < count < size}

    def flat(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """Weights by name as one vector (P,), detached, at least float32."""
        parts = [tensors[name].detach().flatten() for name in self._own]
        kind = torch.float64 if any(p.dtype == torch.float64 for p in parts) else torch.float32
        device = next(iter(self._own.values())).device
        with torch.inference_mode(False):
            return torch.cat([p.to(device, kind) for p in parts])

    def tensors(self, weights: Tensor) -> dict[str, Tensor]:
        """A vector (P,) or (1, P) as weights by name, each of its parameter's shape and dtype.

        Ready for `module.load_state_dict(…, strict=False)`, and differentiable.
        """
        sizes = [p.numel() for p in self._own.values()]
        if weights.shape not in ((sum(sizes),), (1, sum(sizes))):
            what, allowed = f"weights of layer {self.layer!r}", f"({sum(sizes)},), or (1, ·)"
            raise ShapeError(what, given=tuple(weights.shape), allowed=allowed)
        pieces = weights.reshape(-1).split(sizes)
        return {
            name: piece.to(p.device, p.dtype).view(p.shape)
            for (name, p), piece in zip(self._own.items(), pieces, strict=True)
        }

    def raw(self, weights: Tensor) -> Any:
        """What the module returns for the batch with these weights, (P,) or (1, P)."""
        return self._run(weights, (self._batch.args, self._batch.keywords))

    def outputs(self, weights: Tensor) -> Tensor:
        """Outputs (n, …, c) for the whole batch; (n, 1) where the module returns (n,).

        Raises `ObservableError` if they are no tensor or not finite.
        """
        return _outputs(self.raw(weights), self.samples)

    def __call__(
        self, weights: Tensor | None = None, *, output: int | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Outputs with their derivatives by the weights, one sample after the other.

        Reverse mode, one output at a time: memory holds one sample's rows, or the whole batch's
        where its samples depend on each other.

        Parameters
        ----------
        weights
            Where: (P,); the layer's own if None.
        output
            Only the derivatives of this output, 0 to c − 1; of all if None.

        Yields
        ------
        outputs, rows
            (m, c) and (m, c, P), or (m, 1, P) for one output; m the positions of one sample, or
            of the whole batch.

        Raises
        ------
        ObservableError
            If a derivative is not finite, or the module cuts the gradient off.
        """
        point = self.weights if weights is None else weights.detach().reshape(-1)
        pieces = [self._one(i) for i in range(self.samples)]
        if not self._independent(point, pieces):
            pieces = [(self._batch.args, self._batch.keywords)]
        for i, piece in enumerate(pieces):
            tick(i / len(pieces), f"differentiating by the weights of {self.layer}")
            yield self._rows(point, piece, output)

    def _rows(self, point: Tensor, call: Call, output: int | None) -> tuple[Tensor, Tensor]:
        with torch.inference_mode(False), torch.enable_grad():
            leaf = point.clone().requires_grad_()
            found = _outputs(self._run(leaf, call), samples_in(*call))
            outputs = found.reshape(-1, found.shape[-1])
            chosen = outputs if output is None else outputs[:, [output]]
            if chosen.requires_grad:
                flat = chosen.reshape(-1)
                rows = torch.stack(
                    [torch.autograd.grad(o, leaf, retain_graph=True)[0] for o in flat]
                ).reshape(*chosen.shape, -1)
            else:
                self._check_constant(point, call, found)
                rows = leaf.detach().new_zeros(*chosen.shape, len(leaf))
        if not bool(torch.isfinite(rows).all()):
            what = f"derivatives by the weights of {self.layer!r}"
            raise ObservableError(what, given="NaN or infinity", allowed="finite values")
        return outputs.detach(), rows

    def _check_constant(self, point: Tensor, call: Call, outputs: Tensor) -> None:
        """No gradient is right only where there is nothing to differentiate."""
        with torch.no_grad():
            moved = self._run(1.25 * point + 0.25, call)
        if not torch.equal(_outputs(moved, len(outputs)), outputs):
            raise ObservableError(
                f"outputs as a function of the weights of {self.layer!r}",
                given="values that change, without gradient",
                allowed="a differentiable module",
                mend="remove torch.no_grad, .detach() or .data from its forward",
            )

    def _run(self, weights: Tensor, call: Call) -> Any:
        self._batch.check()
        wanted = torch.is_grad_enabled() and weights.requires_grad
        with torch.inference_mode(False), torch.set_grad_enabled(wanted), _untouched(self.module):
            parameters = {**self._fixed, **self.tensors(weights)}
            args = tuple(_copy(value) for value in call[0])
            keywords = {key: _copy(value) for key, value in call[1].items()}
            try:
                return functional_call(self.module, parameters, args, keywords)
            except (RuntimeError, ValueError, TypeError, IndexError, AssertionError) as error:
                if isinstance(error, RGError):
                    raise
                said = (str(error).strip().splitlines() or [type(error).__name__])[0]
                raise ShapeError(
                    "batch",
                    given=_described(*call),
                    allowed=f"what {type(self.module).__name__} accepts",
                    mend=f"the module says: {said.rstrip('.')}",
                ) from error

    def _one(self, i: int) -> Call:
        def cut(value: Any) -> Any:
            batched = isinstance(value, Tensor) and value.ndim and len(value) == self.samples
            return value[i : i + 1] if batched else value

        keywords = {key: cut(value) for key, value in self._batch.keywords.items()}
        return tuple(map(cut, self._batch.args)), keywords

    def _independent(self, weights: Tensor, pieces: list[Call]) -> bool:
        """Whether each sample's outputs are the same without the rest of the batch."""
        with torch.no_grad():
            together = self.outputs(weights)
            try:
                apart = torch.cat([_outputs(self._run(weights, piece), 1) for piece in pieces])
            except (RGError, RuntimeError):  # it squeezes, or asks for more than one sample
                return False
        allowed = torch.finfo(together.dtype).eps ** 0.5 * float(together.abs().max())
        same = apart.shape == together.shape
        return same and bool(((apart - together).abs() <= allowed).all())

    def _check_parameters(self) -> None:
        odd = {str(p.dtype) for p in self._own.values() if not p.is_floating_point()}
        odd |= {"a lazy layer" for p in self.module.parameters() if nn.parameter.is_lazy(p)}
        if odd or not sum(p.numel() for p in self._own.values()):
            layers = [n for n, m in self.module.named_modules() if n and list(m.parameters(False))]
            raise LayerError(
                f"weights of layer {self.layer!r}",
                given=", ".join(sorted(odd)) or "none",
                allowed="one or more floating-point parameters",
                mend="call a lazy module once before"
                if odd
                else f"layers that have some: {', '.join(layers[:12]) or 'none'}",
            )


def _outputs(raw: Any, samples: int) -> Tensor:
    """The tensor that a module returned, or its `logits`, samples first and outputs last."""
    found = raw if isinstance(raw, Tensor) else getattr(raw, "logits", None)
    if not isinstance(found, Tensor) or not found.is_floating_point():
        given = str(found.dtype) if isinstance(found, Tensor) else type(raw).__name__
        raise ObservableError(
            "outputs of the module",
            given=given,
            allowed="one floating-point tensor (n, …, c), or `logits`",
            mend="wrap the module in one that returns the tensor that you mean",
        )
    if not found.ndim or len(found) != samples or not found.numel():
        raise ShapeError(
            "outputs of the module",
            given=tuple(found.shape),
            allowed=f"({samples}, …, c): samples first",
        )
    if not bool(torch.isfinite(found.detach()).all()):
        raise ObservableError(
            "outputs of the module", given="NaN or infinity", allowed="finite values"
        )
    return found[:, None] if found.ndim == 1 else found


def _averaged(spec: Spec, name: str, labels: Tensor | None, network: LayerJacobian) -> Observable:
    """The batch's mean of an observable of outputs, as a function of {"weights": (1, P)}."""
    if isinstance(spec, Observable) and not isinstance(spec, OutputObservable):
        return spec
    each = _observable(spec, name, labels, network)  # type: ignore[arg-type]
    if isinstance(each, OutputObservable):
        values, smooth = each.of_outputs, each.surrogate
        # "general": a mean over the batch is not the declared form of one sample
        return OutputObservable(
            each.name,
            unit=each.unit,
            tolerance=each.tolerance,
            of_outputs=lambda z: _mean(values(z)),
            surrogate=None if smooth is None else lambda z: _mean(smooth(z)),
            outputs=lambda features: network.outputs(features["weights"]),
        )
    batch = {"batch": torch.empty(network.samples)}

    def mean(features: Features) -> Tensor:
        of_weights = {"activation": features["weights"]}
        return _mean(Observable(each.name, lambda _: each.function(of_weights)).samples(batch))

    return Observable(each.name, mean)


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
    _check_finite("reference", flat)
    return flat


def _check_finite(what: str, weights: Tensor) -> None:
    if not bool(torch.isfinite(weights).all()):
        raise ParameterError(what, given="NaN or infinity", allowed="finite weights")
