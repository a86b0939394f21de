"""Running a module up to a layer, and again from there with the layer's output replaced."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from rgwidgets.core.errors import ObservableError, ShapeError
from rgwidgets.core.numeric import at_least_single
from rgwidgets.core.untouched import ALONE

from .batch import copied, mapped, samples_in
from .guard import Guard
from .layer import check_called_once, check_shape, tensor_of, version, with_tensor
from .prefix import Prefix
from .returned import logits, same


class Captured:
    """A module, the batch it was called with, and the layer that was captured.

    Attributes
    ----------
    module, layer, feature_axis
        As given to `capture`.
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
        self.module, self.layer, self.feature_axis = module, layer, feature_axis
        self.args, self.keywords = copied((args, keywords))
        self.calls = 0
        self.shape: tuple[int, ...] = ()
        self._version = version(module)
        self._guard, self._prefix = Guard(module, layer), Prefix(module, layer)

    def capture(self) -> Tensor:
        """The layer's output, (n, …, d), detached, at least float32."""
        kept: list[Tensor] = []

        def keep(_: nn.Module, __: object, output: Any) -> None:
            self.calls += 1
            kept.append(tensor_of(output, self.layer).detach().clone())

        with ALONE, torch.inference_mode(False), torch.no_grad(), self._prefix.recorded():
            whole = self._run(keep)
        check_called_once(self.layer, self.calls)
        activation = self._checked(kept[0])
        with torch.no_grad():
            if not same(whole, self.raw(activation)):
                self._prefix.forget()
        return activation

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

    def raw(self, activation: Tensor) -> Any:
        """What the module returns with its layer's output replaced by `activation` (n, …, d).

        Raises `ShapeError` for another shape, `ObservableError` if the weights have changed.
        """
        self.check()
        if tuple(activation.shape) != self.shape:
            raise ShapeError("activation", given=tuple(activation.shape), allowed=str(self.shape))
        replacement = activation.movedim(-1, self.feature_axis)

        def put(_: nn.Module, __: object, output: Any) -> Any:
            old = tensor_of(output, self.layer)
            # a copy: what follows may work in place
            return with_tensor(output, replacement.to(old.device, old.dtype, copy=True))

        wanted = torch.is_grad_enabled() and activation.requires_grad
        with (
            ALONE,
            self._prefix.replayed(),
            torch.inference_mode(False),
            torch.set_grad_enabled(wanted),
        ):
            return self._run(put)

    def __call__(self, activation: Tensor) -> Tensor:
        """Outputs (n, …, c) of the module with its layer's output replaced by `activation`."""
        return logits(self.raw(activation))

    def part(self, samples: slice) -> Captured:
        """The same network on some samples: of every tensor that is as long as the batch."""
        n = samples_in(self.args, self.keywords)
        args, keywords = mapped(
            (self.args, self.keywords), lambda t: t[samples] if t.ndim and len(t) == n else t
        )
        found = Captured(self.module, self.layer, args, keywords, self.feature_axis)
        found.shape = (len(range(n)[samples]), *self.shape[1:])
        found._version = self._version
        return found

    def check(self) -> None:
        """Raise `ObservableError` if the weights changed in place since the capture."""
        if version(self.module) != self._version:
            raise ObservableError(
                f"weights of {type(self.module).__name__}",
                given="changed since the capture",
                allowed="a theory of fixed weights",
                mend="capture again, or capture copy.deepcopy(module) while training goes on",
            )

    def _run(self, hook: Callable[[nn.Module, Any, Any], Any]) -> Any:
        part = self.module.get_submodule(self.layer)
        with ExitStack() as stack:
            stack.callback(part.register_forward_hook(hook).remove)
            return self._guard.run((self.args, self.keywords))
