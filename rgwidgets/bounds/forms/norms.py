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
from .form import ROUNDING, Form, rearranged
from .products import square_sum
from .registry import composite, primitive
from .stand_in import called
from .structure import along, axes_of


@primitive("_square_sum")
def squares(x: Form, dim: Any = -1, keepdim: bool = True) -> Form:
    """Σ x² over axes."""
    return along(x, dim, keepdim, lambda t: rearranged(square_sum(t), lambda s: s[..., 0]))


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
def normalize(x: Any, p: float = 2.0, dim: Any = 1, eps: float = 1e-12) -> Any:
    """x / max(‖x‖₂, eps)."""
    if p != 2:
        raise Opaque(f"the norm of order {p}")
    axes = sorted(axes_of(x, dim))
    kept = [d for d in range(x.ndim) if d not in axes]
    moved = x.permute(*kept, *axes)
    unit = called("_unit", moved.flatten(len(kept)), 1.0, 0.0, eps * eps).reshape(moved.shape)
    order = [*kept, *axes]
    return unit.permute([order.index(d) for d in range(x.ndim)])


@composite("cosine_similarity")
def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """The product of what is normalised, within ±1."""
    shape = torch.broadcast_shapes(x1.shape, x2.shape)  # type: ignore[no-untyped-call]
    one, other = (torch.nn.functional.normalize(x.expand(shape), 2.0, dim, eps) for x in (x1, x2))
    return called("_within", (one * other).sum(dim), -1.0, 1.0)


@composite("norm")
def norm(x: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False) -> Any:
    """‖x‖₂ over one axis, or over several together."""
    if p not in (2, "fro"):
        raise Opaque(f"the norm of order {p}")
    return called("_square_sum", x, dim, keepdim).sqrt()


@composite("linalg_vector_norm")
def vector_norm(x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False) -> Any:
    return norm(x, ord, dim, keepdim)


@composite("linalg_norm")
def matrix_norm(x: Any, ord: Any = None, dim: Any = None, keepdim: bool = False) -> Any:
    """‖x‖₂ of vectors and ‖x‖_F of matrices."""
    axes = axes_of(x, dim)
    if ord == 2 and len(axes) > 1:
        raise Opaque("the largest singular value")
    return norm(x, "fro" if ord is None else ord, dim, keepdim)


@composite("var")
def variance(
    x: Any, dim: Any = None, unbiased: bool = True, correction: Any = None, keepdim: bool = False
) -> Any:
    centred = x - x.mean(dim, keepdim=True)
    found = called("_square_sum", centred, dim, keepdim)
    count = x.numel() / found.numel() - (int(unbiased) if correction is None else correction)
    if count <= 0:
        raise Opaque("a variance of too few numbers")
    return found * (1 / count)


@composite("std")
def deviation(
    x: Any, dim: Any = None, unbiased: bool = True, correction: Any = None, keepdim: bool = False
) -> Any:
    return variance(x, dim, unbiased, correction, keepdim).sqrt()


@composite("mse_loss")
def squared_error(x: Any, target: Any, reduction: Any = "mean") -> Any:
    if reduction != "none":
        raise Opaque("an error that is averaged over samples")
    return torch.square(x - target)
