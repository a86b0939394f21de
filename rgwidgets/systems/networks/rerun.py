"""Running a module up to a layer, and again from there with the layer's output replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from threading import RLock
from typing import Any

import torch
from torch import Tensor, nn

from rgwidgets.core.errors import LayerError, ObservableError, ParameterError, ShapeError
from rgwidgets.core.outputs import evaluating

from .prefix import Prefix

#: Hooks and replayed parts are the module's own: one run at a time.
_ALONE = RLock()

Batch = Tensor | tuple[Any, ...] | list[Any] | Mapping[str, Any]


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
        self.args = tuple(_copy(value) for value in args)
        self.keywords = {key: _copy(value) for key, value in keywords.items()}
        self.calls = 0
        self.shape: tuple[int, ...] = ()
        self._version = _version(module)
        self._prefix = Prefix(module, layer)

    def capture(self) -> Tensor:
        """The layer's output, (n, …, d), detached, at least float32."""
        kept: list[Tensor] = []

        def keep(_: nn.Module, __: object, output: Any) -> None:
            self.calls += 1
            kept.append(_tensor_of(output, self.layer).detach().clone())

        with _ALONE, torch.inference_mode(False), torch.no_grad(), self._prefix.recorded():
            whole = self._run(keep)
        if self.calls != 1:
            raise LayerError(
                f"layer {self.layer!r}",
                given=f"{self.calls} calls in one forward pass",
                allowed="exactly one",
                mend="choose a layer that the module uses"
                if not self.calls
                else "wrap the one call that you mean in a module of its own",
            )
        activation = self._checked(kept[0])
        with torch.no_grad():
            if not _same(whole, self.raw(activation)):
                self._prefix.forget()
        return activation

    def _checked(self, output: Tensor) -> Tensor:
        n = samples_in(self.args, self.keywords)
        if output.ndim < 2 or len(output) != n:
            raise LayerError(
                f"output of layer {self.layer!r}",
                given=tuple(output.shape),
                allowed=f"({n}, …, d): samples first, features on another axis",
                mend="use batch_first=True, or choose another layer",
            )
        axis = self.feature_axis
        if not isinstance(axis, int) or not -output.ndim < axis < output.ndim or axis == 0:
            raise ParameterError(
                "feature_axis", given=axis, allowed=f"1 to {output.ndim - 1}, or -1 for the last"
            )
        if not bool(torch.isfinite(output).all()):
            raise ObservableError(
                f"output of layer {self.layer!r}",
                given="NaN or infinity",
                allowed="finite values",
                mend="check the batch and the weights",
            )
        small = output.dtype in (torch.float16, torch.bfloat16)
        output = output.float() if small else output
        moved = output.movedim(axis, -1).contiguous()
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
            old = _tensor_of(output, self.layer)
            # a copy: what follows may work in place
            new = replacement.to(old.device, old.dtype, copy=True)
            return new if isinstance(output, Tensor) else _with_first(output, new)

        wanted = torch.is_grad_enabled() and activation.requires_grad
        with (
            _ALONE,
            self._prefix.replayed(),
            torch.inference_mode(False),
            torch.set_grad_enabled(wanted),
        ):
            return self._run(put)

    def __call__(self, activation: Tensor) -> Tensor:
        """Outputs (n, …, c) of the module with its layer's output replaced by `activation`."""
        return _logits(self.raw(activation))

    def check(self) -> None:
        """Raise `ObservableError` if the weights changed in place since the capture."""
        if _version(self.module) != self._version:
            raise ObservableError(
                f"weights of {type(self.module).__name__}",
                given="changed since the capture",
                allowed="a theory of fixed weights",
                mend="capture again, or capture copy.deepcopy(module) while training goes on",
            )

    def _run(self, hook: Callable[[nn.Module, Any, Any], Any]) -> Any:
        part = self.module.get_submodule(self.layer)
        with _untouched(self.module), ExitStack() as stack:
            stack.callback(part.register_forward_hook(hook).remove)
            try:
                return self.module(
                    *(_copy(value) for value in self.args),
                    **{key: _copy(value) for key, value in self.keywords.items()},
                )
            except (RuntimeError, ValueError, TypeError, IndexError, AssertionError) as error:
                if isinstance(error, (LayerError, ShapeError)):
                    raise
                said = (str(error).strip().splitlines() or [type(error).__name__])[0]
                raise ShapeError(
                    "batch",
                    given=_described(self.args, self.keywords),
                    allowed=f"what {type(self.module).__name__} accepts",
                    mend=f"the module says: {said.rstrip('.')}",
                ) from error


def arguments(batch: Batch) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A batch as positional and keyword arguments; `ShapeError` if it holds no samples."""
    if isinstance(batch, Mapping):
        args, keywords = (), dict(batch)
    else:
        args, keywords = (tuple(batch) if isinstance(batch, (tuple, list)) else (batch,)), {}
    if samples_in(args, keywords) < 1:
        raise ShapeError(
            "batch",
            given=_described(args, keywords),
            allowed="a tensor with one or more samples on its first axis",
        )
    return args, keywords


def samples_in(args: tuple[Any, ...], keywords: dict[str, Any]) -> int:
    """Length of the first tensor's first axis, 0 if there is none."""
    for value in (*args, *keywords.values()):
        if isinstance(value, Tensor) and value.ndim:
            return len(value)
    return 0


def _copy(value: Any) -> Any:
    """Tensors are copied: a module may work in place on what it is given."""
    return value.detach().clone() if isinstance(value, Tensor) else value


def _described(args: tuple[Any, ...], keywords: dict[str, Any]) -> str:
    def one(value: Any) -> str:
        if isinstance(value, Tensor):
            return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
        return type(value).__name__

    return ", ".join([*map(one, args), *(f"{k}={one(v)}" for k, v in keywords.items())])


def _tensor_of(output: Any, layer: str) -> Tensor:
    """The tensor in a layer's output: itself, or the first of a tuple."""
    first = output[0] if isinstance(output, (tuple, list)) and len(output) else output
    if isinstance(first, Tensor) and first.is_floating_point():
        return first
    given = str(first.dtype) if isinstance(first, Tensor) else type(first).__name__
    raise LayerError(
        f"output of layer {layer!r}",
        given=given,
        allowed="a floating-point tensor, or a tuple that starts with one",
        mend="choose a layer inside it, or one after it",
    )


def _with_first(output: Any, new: Tensor) -> Any:
    rest = (new, *output[1:])
    return type(output)(*rest) if hasattr(output, "_fields") else type(output)(rest)


def _logits(raw: Any) -> Tensor:
    """The tensor that a module's output is about: itself, its `logits`, or its first."""
    if isinstance(raw, Tensor):
        return raw
    found = getattr(raw, "logits", None)
    if found is None and isinstance(raw, Mapping):
        found = raw.get("logits", next(iter(raw.values()), None))
    if found is None and isinstance(raw, (tuple, list)) and raw:
        found = raw[0]
    if not isinstance(found, Tensor):
        raise ObservableError(
            "outputs of the module",
            given=type(raw).__name__,
            allowed="a tensor, `logits`, or a tuple that starts with a tensor",
            mend="pass a function of the raw output as observable",
        )
    return found


def _same(one: Any, other: Any) -> bool:
    """Whether what a module returned twice is the same, number by number."""
    if isinstance(one, Tensor):
        return one.shape == other.shape and torch.equal(one, other)
    if isinstance(one, Mapping):
        return all(_same(one[key], other[key]) for key in one)
    if isinstance(one, (tuple, list)):
        return all(_same(*pair) for pair in zip(one, other, strict=True))
    return type(one) is type(other)


def _version(module: nn.Module) -> tuple[int, ...]:
    """Counts of in-place changes of each parameter; inference tensors have none."""
    return tuple(-1 if p.is_inference() else p._version for p in module.parameters())


@contextmanager
def _untouched(module: nn.Module) -> Iterator[None]:
    """Evaluation mode, a fixed random state inside and the old one after, no fused attention.

    Fused attention skips the submodules whose hooks are asked for.
    """
    devices = sorted({p.device.index or 0 for p in module.parameters() if p.is_cuda})
    fused = torch.backends.mha.get_fastpath_enabled()
    with torch.random.fork_rng(devices=devices), evaluating(module):
        torch.default_generator.manual_seed(0)
        for device in devices:
            torch.cuda.default_generators[device].manual_seed(0)
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fused)
