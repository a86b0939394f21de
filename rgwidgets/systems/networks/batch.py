"""What a module is called with: a batch as arguments, its samples, its copies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import Tensor

from rgwidgets.core.errors import ShapeError

Batch = Tensor | tuple[Any, ...] | list[Any] | Mapping[str, Any]
Call = tuple[tuple[Any, ...], dict[str, Any]]


def arguments(batch: Batch) -> Call:
    """A batch as positional and keyword arguments; `ShapeError` if it holds no samples."""
    if isinstance(batch, Mapping):
        args, keywords = (), dict(batch)
    else:
        args, keywords = (tuple(batch) if isinstance(batch, (tuple, list)) else (batch,)), {}
    if samples_in(args, keywords) < 1:
        raise ShapeError(
            "batch",
            given=described(args, keywords),
            allowed="a tensor with one or more samples on its first axis",
        )
    return args, keywords


def samples_in(args: tuple[Any, ...], keywords: dict[str, Any]) -> int:
    """Length of the first tensor's first axis, 0 if there is none."""
    return next((len(t) for t in tensors_in([*args, *keywords.values()]) if t.ndim), 0)


def tensors_in(value: Any) -> Iterator[Tensor]:
    """The tensors in nested plain containers, in their order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from tensors_in(part)
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()))


def mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The same nested plain containers with every tensor changed; other objects as they are.

    >>> import torch
    >>> mapped({"x": [torch.ones(1), 3]}, lambda t: 2 * t)
    {'x': [tensor([2.]), 3]}
    """
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(mapped(part, change) for part in value))
    if type(value) in (tuple, list):
        return type(value)(mapped(part, change) for part in value)
    if type(value) is dict:
        return {key: mapped(part, change) for key, part in value.items()}
    return value


def copied(call: Call) -> Call:
    """The same call with copies of its tensors: a module may work in place on what it is given."""
    args, keywords = (mapped(part, lambda t: t.detach().clone()) for part in call)
    return args, keywords


def chosen(call: Call, samples: slice | Tensor) -> Call:
    """The call with some of its samples, by their places: of every tensor as long as the batch."""
    n = samples_in(*call)
    args, keywords = (
        mapped(part, lambda t: t[samples] if t.ndim and len(t) == n else t) for part in call
    )
    return args, keywords


def in_double_precision(tensor: Tensor) -> Tensor:
    """The same numbers in float64; whole numbers and truth values as they are."""
    return tensor.double() if tensor.is_floating_point() else tensor


def described(args: tuple[Any, ...], keywords: dict[str, Any]) -> str:
    """Types and shapes, for a message."""

    def one(value: Any) -> str:
        if isinstance(value, Tensor):
            return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
        return type(value).__name__

    return ", ".join([*map(one, args), *(f"{k}={one(v)}" for k, v in keywords.items())])
