"""Norms and what divides by them: layer norm, RMS norm, normalised vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .. import convex, curves
from ..opaque import Opaque
from .arithmetic import add, multiply
from .elementwise import curved
from .form import ROUNDING, Form
from .products import square_sum
from .registry import composite, primitive
from .stand_in import called


@primitive("_square_sum")
def squares(x: Form) -> Form:
    """Σ x² over the last axis, (…, 1)."""
    return square_sum(x)


@primitive("_unit")
def unit(x: Form, scale: float, eps: float, floor: float = 0.0) -> Form:
    """x / √(max(scale·Σ x², floor) + eps) over the last axis; never beyond ±1/√scale."""
    square = add(multiply(square_sum(x), scale), eps)
    if floor:
        square = add(curved(curves.RELU, add(square, -floor)), floor)
    low, high = square.range
    least = torch.full_like(low, max(floor, 0.0) + eps)
    bounded = square.made(
        square.centre, square.slopes, square.slack, square.owner,
        (torch.maximum(low, least), torch.maximum(high, least)),
    )  # fmt: skip
    if bool((bounded.range[0] <= 0).any()):
        raise Opaque("a division by a norm that may be 0")
    found = multiply(x, curved(convex.RSQRT, bounded))
    edge = torch.full_like(found.centre, scale**-0.5 * (1 + ROUNDING))
    low, high = found.range
    box = torch.maximum(low, -edge), torch.minimum(high, edge)
    return found.made(found.centre, found.slopes, found.slack, found.owner, box).settled()


@composite("layer_norm")
def layer_norm(
    x: Any,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Any:
    """Centred exactly, then divided by a standard deviation that stays in its bounds."""
    return _normed(x, len(normalized_shape), weight, bias, eps, centred=True)


@composite("rms_norm")
def rms_norm(
    x: Any,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Any:
    own = torch.finfo(x.dtype).eps if eps is None else eps
    return _normed(x, len(normalized_shape), weight, None, own, centred=False)


def _normed(
    x: Any, axes: int, weight: Tensor | None, bias: Tensor | None, eps: float, *, centred: bool
) -> Any:
    shape = x.shape
    flat = x.flatten(x.ndim - axes)
    if centred:
        flat = flat - flat.mean(-1, keepdim=True)
    y = called("_unit", flat, 1 / flat.shape[-1], eps).reshape(shape)
    if weight is not None:
        y = y * weight
    return y if bias is None else y + bias


@composite("group_norm")
def group_norm(
    x: Any,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Any:
    grouped = x.reshape(len(x), num_groups, -1)
    grouped = grouped - grouped.mean(-1, keepdim=True)
    y = called("_unit", grouped, 1 / grouped.shape[-1], eps).reshape(x.shape)
    shape = (-1, *(1,) * (x.ndim - 2))
    if weight is not None:
        y = y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


@composite("instance_norm")
def instance_norm(
    x: Any,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    if not use_input_stats:
        return torch.nn.functional.batch_norm(x, running_mean, running_var, weight, bias, eps=eps)
    return group_norm(x, x.shape[1], weight, bias, eps)


@composite("normalize")
def normalize(x: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Any:
    """x / max(‖x‖₂, eps)."""
    if p != 2:
        raise Opaque(f"the norm of order {p}")
    return called("_unit", x.transpose(dim, -1), 1.0, 0.0, eps * eps).transpose(dim, -1)


@composite("cosine_similarity")
def cosine_similarity(a: Any, b: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    one, other = (
        normalize(x, 2.0, dim, eps)
        if hasattr(x, "form")
        else torch.nn.functional.normalize(x.double(), dim=dim, eps=eps)
        for x in (a, b)
    )
    return (one * other).sum(dim)


@composite("norm", "vector_norm", "linalg_norm", "linalg_vector_norm")
def norm(x: Any, p: Any = 2, dim: Any = None, keepdim: bool = False, **named: Any) -> Any:
    """‖x‖₂ over one axis, or over several together."""
    if named.get("ord", p) not in (2, 2.0, None, "fro"):
        raise Opaque(f"the norm of order {named.get('ord', p)}")
    return _power_sum(x, dim, keepdim).sqrt()


def _power_sum(x: Any, dim: Any, keepdim: bool) -> Any:
    """Σ x² over axes."""
    dims = range(x.ndim) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    axes = sorted(d % x.ndim for d in dims)
    kept = [d for d in range(x.ndim) if d not in axes]
    moved = x.permute(*kept, *axes).flatten(len(kept))
    found = called("_square_sum", moved).squeeze(-1)
    for axis in axes if keepdim else ():
        found = found.unsqueeze(axis)
    return found


@composite("var")
def variance(
    x: Any, dim: Any = None, unbiased: bool = True, keepdim: bool = False, **named: Any
) -> Any:
    correction = float(named.get("correction", int(bool(unbiased))))
    dims = tuple(range(x.ndim)) if dim is None else dim
    centred = x - x.mean(dims, keepdim=True)
    found = _power_sum(centred, dims, keepdim)
    count = x.numel() / found.numel()
    return found * (1 / (count - correction))


@composite("std")
def deviation(x: Any, *args: Any, **named: Any) -> Any:
    return variance(x, *args, **named).sqrt()


@composite("mse_loss")
def squared_error(x: Any, target: Any, *_: Any, reduction: str = "mean", **named: Any) -> Any:
    if reduction != "none" or any(value is not None for value in (*_, *named.values())):
        raise Opaque("an error that is averaged over samples")
    return torch.square(x - target)
