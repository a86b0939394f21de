"""A module as a function of the weights of one layer, and its derivative."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from rgwidgets.core.errors import LayerError, ObservableError, ParameterError, RGError, ShapeError
from rgwidgets.core.outputs import gradient_of
from rgwidgets.core.progress import tick

from .batch import Call, chosen, copied, in_double_precision, mapped, samples_in
from .guard import Guard
from .returned import outputs_of


class LayerJacobian:
    """A module as a function of the weights of one layer, and its derivative.

    Attributes
    ----------
    module, layer, samples
        A private copy of the network, the dotted name of the layer, and how many samples the batch
        has.
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
        self._guard, self._call = Guard(module, layer), copied((args, keywords))
        self.module, self.layer, self.samples = self._guard.module, layer, samples_in(*self._call)
        prefix = f"{layer}." if layer else ""
        part = self.module.get_submodule(layer)
        self._own = {prefix + name: p for name, p in part.named_parameters()}
        self._check_parameters()
        self.weights = self.flat(self._own)
        check_finite(f"weights of layer {layer!r}", self.weights)
        with torch.no_grad():
            self._guard.twice(self._call, lambda module, args, named: module(*args, **named))
            outputs = self.outputs(self.weights)
        c, size = outputs.shape[-1], len(self.weights)
        self.shape = (outputs.numel() // c, c, size)
        parts = self.module.named_modules()
        counts = {n: sum(p.numel() for p in m.parameters()) for n, m in parts}
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
        return self._run(weights, self._call)

    def exact(self) -> LayerJacobian:
        """The same function in double precision."""
        return self._exact

    @cached_property
    def _exact(self) -> LayerJacobian:
        guard, call = self._guard.exact(), mapped(self._call, in_double_precision)
        own = {name: guard.module.get_parameter(name) for name in self._own}
        found = object.__new__(LayerJacobian)
        known = {name: held for name, held in vars(self).items() if name != "_exact"}
        found.__dict__.update(
            known, _guard=guard, module=guard.module, _call=call, _own=own,
            weights=self.weights.double(), _exact=found,
        )  # fmt: skip
        return found

    def outputs(self, weights: Tensor) -> Tensor:
        """Outputs (n, …, c) for the whole batch; (n, 1) where the module returns (n,).

        Raises `ObservableError` if they are no tensor or not finite.
        """
        try:
            return outputs_of(self.raw(weights), self.samples)
        except ObservableError as error:
            if torch.equal(weights.reshape(-1), self.weights):
                raise
            raise ObservableError(
                f"outputs at other weights of layer {self.layer!r} than its own",
                given=error.given,
                allowed=error.allowed,
                mend="pass reference=… at which the module works, such as its initial weights",
            ) from error

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
        pieces = [chosen(self._call, slice(i, i + 1)) for i in range(self.samples)]
        if not self._independent(point, pieces):
            pieces = [self._call]
        for i, piece in enumerate(pieces):
            tick(i / len(pieces), f"differentiating by the weights of {self.layer}")
            yield self._rows(point, piece, output)

    def _rows(self, point: Tensor, call: Call, output: int | None) -> tuple[Tensor, Tensor]:
        with torch.inference_mode(False), torch.enable_grad():
            leaf = point.clone().requires_grad_()
            found = outputs_of(self._run(leaf, call), samples_in(*call))
            outputs = found.reshape(-1, found.shape[-1])
            chosen = outputs if output is None else outputs[:, [output]]
            if chosen.requires_grad:
                what = f"outputs by the weights of layer {self.layer!r}"
                each = [gradient_of(o, leaf, what, again=True) for o in chosen.reshape(-1)]
                rows = torch.stack(each).reshape(*chosen.shape, -1)
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
        if not torch.equal(outputs_of(moved, len(outputs)), outputs):
            raise ObservableError(
                f"outputs as a function of the weights of {self.layer!r}",
                given="values that change, without gradient",
                allowed="a differentiable module",
                mend="remove torch.no_grad, .detach() or .data from its forward",
            )

    def _run(self, weights: Tensor, call: Call) -> Any:
        wanted = torch.is_grad_enabled() and weights.requires_grad
        own = self.tensors(weights if wanted else weights.detach())
        return self._guard.run(
            call, lambda module, args, named: functional_call(module, own, args, named)
        )

    def _independent(self, weights: Tensor, pieces: list[Call]) -> bool:
        """Whether each sample's outputs are the same without the rest of the batch."""
        with torch.no_grad():
            together = self.outputs(weights)
            try:
                apart = torch.cat([outputs_of(self._run(weights, piece), 1) for piece in pieces])
            except (RGError, RuntimeError):  # it squeezes, or asks for more than one sample
                return False
        allowed = torch.finfo(together.dtype).eps ** 0.5 * float(together.abs().max())
        same = apart.shape == together.shape
        return same and bool(((apart - together).abs() <= allowed).all())

    def _check_parameters(self) -> None:
        odd = {str(p.dtype) for p in self._own.values() if not p.is_floating_point()}
        if odd or not sum(p.numel() for p in self._own.values()):
            layers = [n for n, m in self.module.named_modules() if n and list(m.parameters(False))]
            raise LayerError(
                f"weights of layer {self.layer!r}",
                given=", ".join(sorted(odd)) or "none",
                allowed="one or more floating-point parameters",
                mend=f"layers that have some: {', '.join(layers[:12]) or 'none'}",
            )


@dataclass(frozen=True)
class OfWeights:
    """What a module returns as a function of the weights of one layer: see `Outputs`."""

    network: LayerJacobian

    def raw(self, weights: Tensor) -> Any:
        """All that the module returns."""
        return self.network.raw(weights)

    def __call__(self, weights: Tensor) -> Tensor:
        """The tensor (n, …, c) in it."""
        return self.network.outputs(weights)

    def exact(self) -> OfWeights:
        """The same in double precision."""
        return OfWeights(self.network.exact())


def check_finite(what: str, weights: Tensor) -> None:
    """Raise `ParameterError` unless all numbers are."""
    if not bool(torch.isfinite(weights).all()):
        raise ParameterError(what, given="NaN or infinity", allowed="finite weights")
