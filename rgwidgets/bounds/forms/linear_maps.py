"""Sums, matrices, convolutions and averages: exact on centre and slopes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ..opaque import Opaque
from .arithmetic import add
from .form import Form, rearranged, through, whole_owner
from .products import contracted
from .registry import composite, primitive


@primitive("sum")
def summed(x: Form, dim: Any = None, keepdim: bool = False) -> Form:
    """Sums over axes of one sample's numbers."""
    axes = _axes(x, dim)

    def add_up(t: Tensor) -> Tensor:
        return t.sum(axes, keepdim=keepdim)

    owner = whole_owner(x.owner, axes)
    if not keepdim:
        owner = owner.squeeze(axes)
    return through(x, add_up, add_up, owner)


def _axes(x: Form, dim: Any) -> tuple[int, ...]:
    if dim is None or dim == ():
        return tuple(range(x.ndim))
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    return tuple(d % max(1, x.ndim) for d in dims)


@primitive("cumsum")
def cumulative(x: Form, dim: int) -> Form:
    def add_up(t: Tensor) -> Tensor:
        return t.cumsum(dim - x.ndim if dim >= 0 else dim)

    return through(x, add_up, add_up, whole_owner(x.owner, (dim % x.ndim,)))


@primitive("linear")
def linear(x: Form | Tensor, weight: Any, bias: Any = None) -> Form:
    """x·Wᵀ + b, whichever of the three varies."""
    if isinstance(x, Form) and isinstance(weight, Tensor) and not isinstance(bias, Form):
        w = x.known(weight)
        b = None if bias is None else x.known(bias)
        owner = whole_owner(x.owner, (x.ndim - 1,))
        return through(
            x,
            lambda t: functional.linear(t, w),
            lambda t: functional.linear(t, w.abs()),
            owner,
            bias=b,
            alike=x.ndim > 1,
        )
    turned = weight.mT if isinstance(weight, Tensor) else rearranged(weight, lambda t: t.mT)
    product = matmul(x, turned)
    if bias is None:
        return product
    return add(product, bias)


@primitive("matmul", "bmm", "mm", "mv", "dot")
def matmul(a: Form | Tensor, b: Form | Tensor) -> Form:
    """Products of matrices, one of them or both varying."""
    if a.ndim == 1 or b.ndim == 1:
        product = matmul(_unsqueezed(a, 0), _unsqueezed(b, -1))
        product = rearranged(product, lambda t: t.squeeze(-1)) if b.ndim == 1 else product
        axis = -1 if b.ndim == 1 else -2
        return rearranged(product, lambda t: t.squeeze(axis)) if a.ndim == 1 else product
    if isinstance(a, Form) and isinstance(b, Form):
        return contracted(a, b)
    if isinstance(a, Form):
        w = a.known(b)  # type: ignore[arg-type]
        owner = whole_owner(a.owner, (a.ndim - 1,))
        return through(a, lambda t: t @ w, lambda t: t @ w.abs(), owner)
    assert isinstance(b, Form)
    w = b.known(a)
    owner = whole_owner(b.owner, (b.ndim - 2,))
    return through(b, lambda t: w @ t, lambda t: w.abs() @ t, owner)


def _unsqueezed(x: Any, axis: int) -> Any:
    if x.ndim > 1:
        return x
    return rearranged(x, lambda t: t.unsqueeze(axis)) if isinstance(x, Form) else x.unsqueeze(axis)


@composite("addmm", "addbmm", "baddbmm", "addmv")
def add_matmul(x: Any, a: Any, b: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    product = torch.matmul(a, b) * alpha
    return product + x * beta if beta else product


@primitive("conv1d", "conv2d", "conv3d")
def convolution(x: Form, weight: Tensor, bias: Tensor | None = None, *args: Any, **o: Any) -> Form:
    """Convolutions with constant filters, samples first."""
    return _filtered(f"conv{weight.ndim - 2}d", x, weight, bias, args, o)


@primitive("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def transposed_convolution(
    x: Form, weight: Tensor, bias: Tensor | None = None, *args: Any, **o: Any
) -> Form:
    return _filtered(f"conv_transpose{weight.ndim - 2}d", x, weight, bias, args, o)


def _filtered(
    name: str, x: Form, weight: Any, bias: Any, args: Sequence[Any], o: dict[str, Any]
) -> Form:
    if not isinstance(x, Form) or isinstance(weight, Form) or isinstance(bias, Form):
        raise Opaque("filters that vary")
    function = getattr(functional, name)
    w = x.known(weight)
    batched = x.ndim == weight.ndim
    axes = range(1, x.ndim) if batched else range(x.ndim)
    b = None if bias is None else x.known(bias).reshape(-1, *(1,) * (weight.ndim - 2))
    return through(
        x,
        lambda t: function(t, w, None, *args, **o),
        lambda t: function(t, w.abs(), None, *args, **o),
        whole_owner(x.owner, tuple(axes)),
        bias=b,
        alike=batched,
    )


def _averaging(name: str) -> Any:
    function = getattr(functional, name)
    spatial = int(name[-2])

    def handler(x: Form, *args: Any, **options: Any) -> Form:
        def average(t: Tensor) -> Tensor:
            result: Tensor = function(t, *args, **options)
            return result

        first = x.ndim - spatial
        owner = whole_owner(x.owner, tuple(range(first, x.ndim)))
        return through(x, average, average, owner, alike=x.ndim == spatial + 2)

    return handler


for _dims in (1, 2, 3):
    primitive(f"avg_pool{_dims}d")(_averaging(f"avg_pool{_dims}d"))
    primitive(f"adaptive_avg_pool{_dims}d")(_averaging(f"adaptive_avg_pool{_dims}d"))


@composite("batch_norm")
def batch_norm(
    x: Any,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Constant scales and shifts of channels."""
    if training or running_mean is None or running_var is None:
        raise Opaque("batch_norm without running statistics mixes samples")
    scale = (running_var.double() + eps) ** -0.5
    if weight is not None:
        scale = scale * weight.double()
    shift = -running_mean.double() * scale
    if bias is not None:
        shift = shift + bias.double()
    shape = (-1, *(1,) * (x.ndim - 2))
    return x * scale.detach().reshape(shape) + shift.detach().reshape(shape)


@composite("dropout", "dropout1d", "dropout2d", "dropout3d", "feature_dropout", "alpha_dropout")
def dropout(x: Any, p: float = 0.5, training: bool = True) -> Any:
    """Nothing, in evaluation."""
    if training and p > 0:
        raise Opaque("dropout while training is random")
    return x


@composite("einsum")
def einsum(equation: str, *operands: Any) -> Any:
    """Products of two tensors, as one product of matrices."""
    given = operands[0] if len(operands) == 1 and isinstance(operands[0], list) else operands
    spec, _, out = equation.replace(" ", "").partition("->")
    labels = spec.split(",")
    if not out or len(labels) != 2 or "." in equation or any(len(set(x)) < len(x) for x in labels):
        raise Opaque(f"einsum {equation!r}: only two tensors, every axis named once in each")
    (a, b), (left, right) = given, labels
    a, left = _summed_out(a, left, right + out)
    b, right = _summed_out(b, right, left + out)
    sizes = dict(zip(left + right, (*a.shape, *b.shape), strict=True))
    shared = [axis for axis in left if axis in right]
    batch, inner = ([x for x in shared if (x in out) is kept] for kept in (True, False))
    rows, columns = [x for x in left if x not in right], [x for x in right if x not in left]
    b_, r, d, c = (prod(sizes[x] for x in group) for group in (batch, rows, inner, columns))
    m = a.permute([left.index(x) for x in batch + rows + inner]).reshape(b_, r, d)
    n = b.permute([right.index(x) for x in batch + inner + columns]).reshape(b_, d, c)
    order = batch + rows + columns
    found = torch.matmul(m, n).reshape([sizes[x] for x in order])
    return found.permute([order.index(x) for x in out])


def _summed_out(x: Any, labels: str, needed: str) -> tuple[Any, str]:
    lonely = [i for i, label in enumerate(labels) if label not in needed]
    if not lonely:
        return x, labels
    return x.sum(lonely), "".join(label for label in labels if label in needed)
