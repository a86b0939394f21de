"""Running a module up to a layer, and again from there with the layer's output replaced."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from rgwidgets.core.errors import ObservableError, RGError, ShapeError
from rgwidgets.core.numeric import at_least_single
from rgwidgets.core.outputs import Around

from .batch import chosen, copied, in_double_precision, mapped, samples_in, tensors_in
from .guard import Guard
from .layer import check_called_once, check_shape, tensor_of, with_tensor
from .prefix import Prefix
from .returned import logits, same

Hook = Callable[[nn.Module, Any, Any], Any]


class Captured:
    """A module as it is now, the batch it was called with, and the layer that was captured.

    Attributes
    ----------
    layer, feature_axis, args, keywords
        As given to `capture`.
    module
        A private copy of the module.
    calls
        How often the layer ran in the last pass.
    """

    def __init__(
        self,
        module: nn.Module,
        layer: str,
        args: tuple[Any, ...],
        keywords: dict[str, Any],
        feature_axis: int = -1,
    ) -> None:
        self.layer, self.feature_axis = layer, feature_axis
        self.args, self.keywords = copied((args, keywords))
        self.calls = 0
        self.shape: tuple[int, ...] = ()
        self.guard, self._prefix = Guard(module, layer), Prefix(layer)
        self._recomputes = False
        self._ran = self.guard.module

    @property
    def module(self) -> nn.Module:
        return self.guard.module

    def capture(self) -> Tensor:
        """The layer's output, (n, …, d), detached, at least float32.

        Raises
        ------
        LayerError
            If the layer does not run once, or gives what cannot be captured.
        ObservableError
            If the output is not finite, or the module is no function of its input.
        """
        whole, found = self.guard.twice((self.args, self.keywords), self._recorded)
        activation = self._checked(found)
        try:
            with torch.no_grad():
                known = same(whole, self.raw(activation))
        except RGError:  # such as a part that keeps what its parent reads
            known = False
        if not known:
            self._prefix.outputs = {}
        self._differentiated(activation)
        return activation

    def _recorded(self, module: nn.Module, args: Any, keywords: Any) -> tuple[Any, Tensor]:
        """What the module returns, and the layer's output."""
        kept: list[Tensor] = []

        def keep(_: nn.Module, __: object, output: Any) -> None:
            kept.append(tensor_of(output, self.layer).detach().clone())

        with self._prefix.recorded(module), self._hooked(module, keep):
            whole = module(*args, **keywords)
        self.calls = len(kept)
        check_called_once(self.layer, self.calls)
        return whole, kept[0]

    def _checked(self, output: Tensor) -> Tensor:
        check_shape(output, self.layer, samples_in(self.args, self.keywords), self.feature_axis)
        if not bool(torch.isfinite(output).all()):
            raise ObservableError(
                f"output of layer {self.layer!r}",
                given="NaN or infinity",
                allowed="finite values",
                mend="check the batch and the weights",
            )
        moved = at_least_single(output).movedim(self.feature_axis, -1).contiguous()
        self.shape = tuple(moved.shape)
        return moved

    def _differentiated(self, activation: Tensor) -> None:
        """Note whether parts run again to give a derivative.

        Of the first samples alone, where the module takes them alone.
        """
        few = slice(0, 2)
        try:
            self._recomputes = self._runs_again(self.part(few), activation[few])
        except RGError:
            self._recomputes = self._runs_again(self, activation)

    def _runs_again(self, network: Captured, activation: Tensor) -> bool:
        called: list[bool] = []
        with torch.inference_mode(False), torch.enable_grad(), ExitStack() as stack:
            leaf = activation.clone().requires_grad_()
            found = [t for t in _tensors(network.raw(leaf)) if t.requires_grad]
            for part in network._ran.modules():
                if not isinstance(part, torch.jit.ScriptModule):
                    hook = part.register_forward_pre_hook(lambda *_: called.append(True))
                    stack.callback(hook.remove)
            with suppress(RuntimeError):  # nothing to differentiate, or torch cannot
                total = torch.stack([t.abs().double().sum() for t in found]).sum()
                torch.autograd.grad(total, leaf, allow_unused=True)
        return bool(called)

    def raw(self, activation: Tensor, *, around: Around | None = None) -> Any:
        """What the module returns with its layer's output replaced by `activation` (n, …, d).

        It runs inside the context that `around` makes of it. Raises `ShapeError` for another shape.
        """
        if tuple(activation.shape) != self.shape:
            raise ShapeError("activation", given=tuple(activation.shape), allowed=str(self.shape))
        wanted = torch.is_grad_enabled() and activation.requires_grad
        replacement = activation.movedim(-1, self.feature_axis)
        replacement = replacement if wanted else replacement.detach()

        def put(_: nn.Module, __: object, output: Any) -> Any:
            old = tensor_of(output, self.layer)
            # a copy: what follows may work in place
            return with_tensor(output, replacement.to(old.device, old.dtype, copy=True))

        # parts that run again on the way back must find the same layer replaced
        stays = wanted and self._recomputes

        def run(module: nn.Module, args: Any, keywords: Any) -> Any:
            self._ran = module
            with ExitStack() as stack:
                stack.enter_context(self._prefix.replayed(module))
                stack.enter_context(self._hooked(module, put))
                if around is not None:
                    stack.enter_context(around(module))
                found = module(*args, **keywords)
                if stays:
                    stack.pop_all()
                return found

        return self.guard.run((self.args, self.keywords), run, fresh=stays)

    def read(self, raw: Any) -> Tensor:
        """The tensor in what the module returned: see `logits`."""
        return logits(raw)

    def __call__(self, activation: Tensor) -> Tensor:
        """Outputs (n, …, c) of the module with its layer's output replaced by `activation`."""
        return logits(self.raw(activation))

    def part(self, samples: slice | Tensor) -> Captured:
        """The same network on some samples: of every tensor that is as long as the batch."""
        n = samples_in(self.args, self.keywords)
        args, keywords = chosen((self.args, self.keywords), samples)
        found = self._like(self.guard, args, keywords, Prefix(self.layer))
        found.shape = (len(torch.arange(n)[samples]), *self.shape[1:])
        return found

    def exact(self) -> Captured:
        """The same network on the same batch, all in double precision."""
        return self._exact

    @cached_property
    def _exact(self) -> Captured:
        args, keywords = mapped((self.args, self.keywords), in_double_precision)
        found = self._like(self.guard.exact(), args, keywords, self._prefix.exact())
        found.__dict__["_exact"] = found
        return found

    def _like(self, guard: Guard, args: Any, keywords: Any, prefix: Prefix) -> Captured:
        found = object.__new__(Captured)
        own = {name: held for name, held in vars(self).items() if name != "_exact"}
        found.__dict__.update(own, guard=guard, args=args, keywords=keywords, _prefix=prefix)
        return found

    def _hooked(self, module: nn.Module, hook: Hook) -> ExitStack:
        stack = ExitStack()
        stack.callback(module.get_submodule(self.layer).register_forward_hook(hook).remove)
        return stack


def _tensors(raw: Any) -> list[Tensor]:
    """The tensors in what a module returned, or the one that it is about."""
    found = list(tensors_in(raw))
    if found:
        return found
    try:
        return [logits(raw)]
    except ObservableError:
        return []
