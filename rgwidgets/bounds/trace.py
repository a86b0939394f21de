"""What a network does after a layer, one thing after the other: written down while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from rgwidgets.core.outputs import Readout

from .forms.stand_in import FACTS
from .opaque import Opaque


@dataclass(frozen=True, eq=False)
class Call:
    """A layer of torch's own that ran, or a function that was called.

    Attributes
    ----------
    what
        The layer, or the function.
    given, options
        Its arguments.
    result
        What it returned.
    """

    what: nn.Module | Callable[..., Any]
    given: tuple[Any, ...]
    options: dict[str, Any]
    result: Any

    def takes(self, tensor: Tensor) -> bool:
        """Whether that very tensor is among its arguments."""
        return any(one is tensor for one in _tensors((self.given, self.options)))


class Trace(TorchFunctionMode):
    """Notes what is called in this thread, layers of torch's own and the captured one as wholes.

    Attributes
    ----------
    calls
        In their order.
    start
        Which of them is the captured layer.
    hidden
        Tensors that something worked on without a call: scripted code, for one.
    """

    def __init__(self, layer: str) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.start: int | None = None
        self.hidden: list[Tensor] = []
        self._layer, self._within = layer, 0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        with self._inside():
            result = func(*args, **kwargs)
        if not self._within and _name(func) not in FACTS:
            self.calls.append(Call(func, args, kwargs, result))
        return result

    @contextmanager
    def _inside(self) -> Iterator[None]:
        self._within += 1
        try:
            yield
        finally:
            self._within -= 1

    def work(self, given: Any) -> None:
        """Note what an operation works on, unless it belongs to a call."""
        if not self._within:
            self.hidden.extend(_tensors(given))

    @contextmanager
    def on(self, module: nn.Module) -> Iterator[None]:
        """Inside, runs of the module are noted; those of its layers have hooks for that."""

        def begin(*_: object) -> None:
            self._within += 1

        def end(part: nn.Module, given: Any, options: Any, result: Any) -> None:
            self._within -= 1
            if not self._within:
                if part is captured:
                    self.start = len(self.calls)
                self.calls.append(Call(part, given, options, result))

        captured = module.get_submodule(self._layer)
        with ExitStack() as stack:
            for part in module.modules():
                if part is captured or _is_layer(part):
                    stack.callback(part.register_forward_pre_hook(begin, prepend=True).remove)
                    stack.callback(part.register_forward_hook(end, with_kwargs=True).remove)
            stack.enter_context(self)
            stack.enter_context(_Operations(self))
            yield


class _Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Tells a trace of every operation that is carried out, called or not."""

    def __init__(self, trace: Trace) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._trace = trace

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        self._trace.work((args, kwargs or {}))
        return func(*args, **(kwargs or {}))


def chain_after(readout: Readout, activation: Tensor) -> tuple[list[Call], Any]:
    """The calls that lead from a layer's output to what the network returns, and that.

    Raises
    ------
    Opaque
        If the output goes more than one way, or something else comes in.
    """
    trace = Trace(readout.layer)
    with torch.no_grad():
        raw = readout.raw(activation, around=trace.on)
    if trace.start is None:
        raise Opaque(f"layer {readout.layer!r} is inside one that is not looked into")
    steps: list[Call] = []
    at, tensor = trace.start, _tensor_of(trace.calls[trace.start].result)
    while True:
        if any(one is tensor for one in trace.hidden):
            raise Opaque(f"what is done with the output of {_said(trace, tensor)} is not all seen")
        users = [i for i in range(at + 1, len(trace.calls)) if trace.calls[i].takes(tensor)]
        returned = any(one is tensor for one in _tensors(raw))
        if not users:
            if raw is not tensor:
                raise Opaque("the module returns more than one tensor, or another")
            return steps, raw
        at, call = users[0], trace.calls[users[0]]
        result = _tensor_of(call.result)
        if result is not tensor and (len(users) > 1 or returned):
            count = len(users) + returned
            raise Opaque(f"the output of {_said(trace, tensor)} is used {count} times: not a chain")
        if any(one is not tensor for one in _tensors((call.given, call.options))):
            raise Opaque(f"{_named(call)} takes more than the chain: not a chain")
        steps.append(call)
        tensor = result


def _is_layer(part: nn.Module) -> bool:
    own = type(part).__module__.startswith(("torch.nn.", "torch.ao.nn."))
    return own and not isinstance(part, (nn.Sequential, nn.ModuleList, nn.ModuleDict))


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _tensors(part)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))


def _tensor_of(result: Any) -> Tensor:
    if isinstance(result, Tensor):
        return result
    first = result[0] if isinstance(result, (tuple, list)) and len(result) else None
    if not isinstance(first, Tensor):
        raise Opaque(f"something returns {type(result).__name__}: not a chain")
    return first


def _name(func: Any) -> str:
    name = str(getattr(func, "__name__", func))
    return name if name != "__get__" else str(getattr(func.__self__, "__name__", name))


def _named(call: Call) -> str:
    return type(call.what).__name__ if isinstance(call.what, nn.Module) else _name(call.what)


def _said(trace: Trace, tensor: Tensor) -> str:
    return next((_named(c) for c in trace.calls if c.result is tensor), "the layer")
